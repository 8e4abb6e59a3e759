//! A page: its sections, and the blocks that can be executed with what they must show.
//!
//! ```` ```promql expect="REGEX" ```` is one instant query, ```` ```sh expect="REGEX" ```` is run by bash. `cluster` says
//! that it needs Kubernetes, `changes` that it mutates something. Blocks of other languages are examples.

use std::fmt;

use regex::Regex;

/// The sections of every page, in this order.
pub const SECTIONS: [&str; 4] = ["Meaning", "Impact", "Diagnosis", "Mitigation"];

/// A page as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// What stands after `# `.
    pub title: String,
    /// Headings of the second level.
    pub sections: Vec<Section>,
    /// What can be executed, from top to bottom.
    pub blocks: Vec<Block>,
}

/// A heading of the second level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What stands after `## `.
    pub title: String,
    /// Its line, from 1.
    pub line: usize,
}

/// What a block is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// One instant query.
    Promql,
    /// A script for bash.
    Sh,
}

/// What a block must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A query: at least one series. A script: nothing but success.
    Anything,
    /// A query: no series.
    Nothing,
    /// A line that this regular expression matches.
    Line(String),
}

/// A block that can be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The section that it stands in.
    pub section: String,
    /// The line of its first line, from 1.
    pub line: usize,
    /// What it is written in.
    pub language: Language,
    /// What it must show.
    pub expect: Expect,
    /// Whether it needs Kubernetes.
    pub cluster: bool,
    /// Whether it changes something, so that it is run last.
    pub changes: bool,
    /// Without the fences.
    pub text: String,
}

/// What is wrong with a page, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// What, and what to do.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.reason)
    }
}

/// Reads a page, and says what in it is not understood.
pub fn read(text: &str) -> (Page, Vec<Fault>) {
    let (mut page, mut faults) = (Page::default(), Vec::new());
    // The indentation of the open fence, and whether its block is executed.
    let mut open: Option<(usize, bool)> = None;
    for (index, line) in text.lines().enumerate() {
        let (number, depth) = (index + 1, line.len() - line.trim_start().len());
        match (line.trim_start().strip_prefix("```"), open) {
            (Some(_), Some(_)) => open = None,
            (Some(info), None) => {
                let section = page.sections.last().map_or("", |section| section.title.as_str());
                let block = begin(section, number + 1, info.trim(), &mut faults);
                open = Some((depth, block.is_some()));
                page.blocks.extend(block);
            }
            (None, Some((depth, executed))) => {
                if let Some(block) = page.blocks.last_mut().filter(|_| executed) {
                    let blank = line.chars().take(depth).all(char::is_whitespace);
                    block.text.push_str(if blank { line.get(depth..).unwrap_or_default() } else { line });
                    block.text.push('\n');
                }
            }
            (None, None) => head(line, number, &mut page),
        }
    }
    if open.is_some() {
        faults
            .push(Fault { line: text.lines().count(), reason: "the last block is never closed".to_owned() });
    }
    for block in page.blocks.iter().filter(|block| block.text.trim().is_empty()) {
        faults.push(Fault { line: block.line, reason: "the block is empty".to_owned() });
    }
    (page, faults)
}

fn head(line: &str, number: usize, page: &mut Page) {
    if let Some(title) = line.strip_prefix("# ").filter(|_| page.title.is_empty()) {
        title.trim().clone_into(&mut page.title);
    } else if let Some(title) = line.strip_prefix("## ") {
        page.sections.push(Section { title: title.trim().to_owned(), line: number });
    }
}

/// The block that an opening fence begins, when it is one to execute.
fn begin(section: &str, line: usize, info: &str, faults: &mut Vec<Fault>) -> Option<Block> {
    let (language, mut rest) = info.split_once(char::is_whitespace).unwrap_or((info, ""));
    let language = match language {
        "promql" => Language::Promql,
        "sh" => Language::Sh,
        _ => return None,
    };
    let section = section.to_owned();
    let (expect, text) = (Expect::Anything, String::new());
    let mut block = Block { section, line, language, expect, cluster: false, changes: false, text };
    let mut fault = |reason: String| faults.push(Fault { line: line - 1, reason });
    loop {
        rest = rest.trim_start();
        if let Some(quoted) = rest.strip_prefix("expect=\"") {
            let Some((value, after)) = unquote(quoted) else {
                fault("expect=\" has no closing quote".to_owned());
                break;
            };
            rest = after;
            block.expect = match value.as_str() {
                "none" => Expect::Nothing,
                pattern => {
                    if let Err(error) = Regex::new(pattern) {
                        fault(format!("expect is no regular expression: {error}"));
                    }
                    Expect::Line(value)
                }
            };
            continue;
        }
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        match word {
            "" => break,
            "cluster" => block.cluster = true,
            "changes" => block.changes = true,
            other => {
                fault(format!("`{other}` says nothing here; there are expect=\"...\", cluster, changes"))
            }
        }
        rest = after;
    }
    if block.language == Language::Sh && block.expect == Expect::Nothing {
        fault("expect=\"none\" is for queries; a script says that it found nothing".to_owned());
    }
    Some(block)
}

/// What stands before the closing quote, `\"` being a quote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, letter) in text.char_indices() {
        match letter {
            '"' if !escaped => return Some((value, text.get(at + 1..).unwrap_or_default())),
            '"' => {
                value.pop();
                value.push('"');
                escaped = false;
            }
            other => {
                escaped = other == '\\' && !escaped;
                value.push(other);
            }
        }
    }
    None
}
