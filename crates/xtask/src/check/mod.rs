//! `check`: the habits of the house, as far as a program can see them.
//!
//! Length and arguments of functions are clippy's (`clippy.toml`), who may use which crate is cargo-deny's (`deny.toml`).

mod formats;
mod ranks;
mod text;

use std::fmt;

use crate::tree::{Failure, Outcome, Tree};

/// Something to mend.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// `path` or `path:line`.
    place: String,
    /// What is wrong and what to do.
    sentence: String,
}

impl Finding {
    fn new(place: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { place: place.into(), sentence: sentence.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.sentence)
    }
}

/// Makes all checks and tells all findings together.
pub(crate) fn run(tree: &Tree) -> Outcome {
    let files = tree.files()?;
    let mut findings = Vec::new();
    for path in &files {
        let Some(content) = tree.read(path) else { continue };
        findings.extend(text::size(path, &content));
        findings.extend(text::first_line(path, &content));
        findings.extend(text::forbidden(path, &content));
        findings.extend(formats::valid(path, &content));
    }
    let metadata = tree.run("cargo", &["metadata", "--no-deps", "--format-version", "1", "--locked"])?;
    findings.extend(ranks::check(&metadata)?);
    if findings.is_empty() {
        return Ok(format!("check: {} files and the ranks of the crates are in order", files.len()));
    }
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Err(Failure::Findings(format!("{}\ncheck: {} to mend", lines.join("\n"), lines.len())))
}
