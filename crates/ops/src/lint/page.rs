//! Pages in Markdown: PromQL in fenced blocks, and every name of a metric wherever it stands.

use regex::Regex;

use super::{Finding, Quote, Setting, Vocabulary};

/// Names that begin like a metric and are crates, which log filters and paths name.
const CRATES: &[&str] = &[
    "clearway_admin",
    "clearway_controlplane",
    "clearway_dataplane",
    "clearway_k8s",
    "clearway_model",
    "clearway_ops",
    "clearway_proxy",
    "clearway_route",
    "clearway_telemetry",
    "clearway_testkit",
    "clearway_translate",
    "clearway_xds",
];

/// A fenced block: its language, the line of its first line, its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands after the fence: `promql`, `sh`.
    pub language: String,
    /// From 1.
    pub line: usize,
    /// Without the fences.
    pub text: String,
}

impl Block {
    /// Whether its language is PromQL; runbooks say more in the same line.
    fn is_promql(&self) -> bool {
        self.language.split_whitespace().next() == Some("promql")
    }
}

/// The fenced blocks of a page.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            open = !open;
            if open {
                let language = language.trim().to_owned();
                found.push(Block { language, line: number + 2, text: String::new() });
            }
        } else if open && let Some(block) = found.last_mut() {
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    found
}

/// The PromQL of a page: each fenced block of that language holds one query, or several with a blank line between.
pub fn quotes(file: &str, text: &str) -> Vec<Quote> {
    let mut found = Vec::new();
    for block in blocks(text).into_iter().filter(Block::is_promql) {
        let mut line = block.line;
        for part in block.text.split("\n\n") {
            if part.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
                let quote = Quote {
                    file: file.to_owned(),
                    line,
                    text: part.trim_end().to_owned(),
                    setting: Setting::Page,
                };
                found.push(quote);
            }
            line += part.lines().count() + 1;
        }
    }
    found
}

/// Every finding of a page.
pub(super) fn check(file: &str, text: &str, vocabulary: &Vocabulary) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        quotes(file, text).iter().flat_map(|quote| quote.check(vocabulary)).collect();
    found.extend(names(file, text, vocabulary));
    found
}

/// Names of metrics in sentences, tables and commands.
fn names(file: &str, text: &str, vocabulary: &Vocabulary) -> Vec<Finding> {
    let Ok(name) = Regex::new(r"\bclearway_[a-z0-9_]*(?::[a-z0-9_]+)*\*?") else { return Vec::new() };
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for matched in name.find_iter(line) {
            let word = matched.as_str();
            let known = match word.strip_suffix('*') {
                Some(beginning) => vocabulary.names().any(|name| name.starts_with(beginning)),
                None => CRATES.contains(&word) || is_family(word, vocabulary),
            };
            if !known {
                let sentence = format!("`{word}` is no metric of the catalog and no recorded series");
                found.push(Finding { file: file.to_owned(), line: number + 1, check: "name", sentence });
            }
        }
    }
    found
}

fn is_family(word: &str, vocabulary: &Vocabulary) -> bool {
    // `clearway_` alone and names that end in `_` are written before `{...}` or as a beginning.
    vocabulary.get(word).is_some()
        || (word.ends_with('_') && vocabulary.names().any(|name| name.starts_with(word)))
}
