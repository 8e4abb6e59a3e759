//! `gen`: files that are written from the code, so that they cannot say something else.

use clearway_ops::Asset;
use clearway_telemetry::catalog;

use crate::tree::{Failure, Outcome, Tree};

/// Every generated file.
fn files() -> Vec<Asset> {
    let of_catalog = [
        Asset::new("docs/metrics.md", catalog::markdown()),
        Asset::new("docs/catalog.json", catalog::json()),
    ];
    of_catalog.into_iter().chain(clearway_ops::assets()).collect()
}

/// How many differing lines are shown for a file.
const SHOWN: usize = 5;

/// Writes what differs.
pub(crate) fn write(tree: &Tree) -> Outcome {
    let mut said = Vec::new();
    for Asset { path, content: text } in files() {
        if tree.read(&path).as_deref() == Some(text.as_str()) {
            said.push(format!("gen: {path} is up to date"));
        } else {
            tree.write(&path, &text)?;
            said.push(format!("gen: {path} written, {} lines", text.lines().count()));
        }
    }
    Ok(said.join("\n"))
}

/// Fails when something differs.
pub(crate) fn check(tree: &Tree) -> Outcome {
    let files = files();
    let stale: Vec<String> = files
        .iter()
        .filter_map(|Asset { path, content }| difference(path, tree.read(path).as_deref(), content))
        .collect();
    if stale.is_empty() {
        return Ok(format!("gen --check: {} generated files are up to date", files.len()));
    }
    Err(Failure::Findings(format!("{}\nNext: cargo xtask gen, and commit what it writes.", stale.join("\n"))))
}

/// Says how a file differs from what belongs there, by its first differing lines.
fn difference(path: &str, there: Option<&str>, expected: &str) -> Option<String> {
    let Some(there) = there else { return Some(format!("{path}: does not exist")) };
    if there == expected {
        return None;
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (there.lines().collect(), expected.lines().collect());
    let mut summary = format!("{path}: stale ({} lines there, {} lines expected)", old.len(), new.len());
    let differing = (0..old.len().max(new.len())).filter(|line| old.get(*line) != new.get(*line));
    for line in differing.take(SHOWN) {
        let side = |mark: char, text: Option<&&str>| {
            text.map(|text| format!("\n  {mark} {text}")).unwrap_or_default()
        };
        summary.push_str(&format!("\n  line {}", line + 1));
        summary.push_str(&side('-', old.get(line)));
        summary.push_str(&side('+', new.get(line)));
    }
    if old == new {
        summary.push_str("\n  only line ends or the last line feed differ");
    }
    Some(summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_first_lines_that_differ() {
        assert_eq!(difference("a", Some("x\ny\n"), "x\ny\n"), None);
        assert_eq!(difference("a", None, "x").as_deref(), Some("a: does not exist"));
        let shown = difference("a", Some("x\ny\n"), "x\nz\nw\n").unwrap();
        assert!(shown.contains("line 2\n  - y\n  + z\n  line 3\n  + w"), "{shown}");
        assert!(difference("a", Some("x"), "x\n").unwrap().contains("line feed"));
    }
}
