//! `ops` and `rules`: checks of what operators take with them, and rules with other thresholds.

use std::path::Path;
use std::process::Command;

use clearway_ops::lint::{Finding, Vocabulary, files};
use clearway_ops::rules::{self, thresholds::Thresholds};
use clearway_ops::runbooks::{self, Language};

use crate::tree::{Failure, Outcome, Tree};

/// Checks every file that operators take, as it stands in the tree.
pub(crate) fn check(tree: &Tree) -> Outcome {
    let mut ours = files::Files::new();
    for path in tree.files()?.into_iter().filter(|path| files::is_ours(path)) {
        if let Some(text) = tree.read(&path) {
            ours.insert(path, text);
        }
    }
    let mut findings = files::check(&ours, Vocabulary::of_catalog());
    findings.extend(scripts(&ours)?);
    if findings.is_empty() {
        let queries = files::quotes(&ours).len();
        return Ok(format!(
            "ops: {} files with {queries} queries in dashboards and rules are in order",
            ours.len()
        ));
    }
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Err(Failure::Findings(format!("{}\nops: {} to mend", lines.join("\n"), lines.len())))
}

/// Scripts of runbooks that bash does not understand.
fn scripts(ours: &files::Files) -> Result<Vec<Finding>, Failure> {
    let mut found = Vec::new();
    for (path, text) in ours.iter().filter(|(path, _)| runbooks::alert_of(path).is_some()) {
        let (page, _) = runbooks::read(text);
        for block in page.blocks.iter().filter(|block| block.language == Language::Sh) {
            let ran = Command::new("bash").args(["-n", "-c", &block.text]).output();
            let ran = ran.map_err(|error| Failure::Command {
                command: "bash".to_owned(),
                reason: error.to_string(),
            })?;
            if !ran.status.success() {
                let sentence = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
                found.push(Finding {
                    file: path.clone(),
                    line: block.line,
                    check: "runbook-script",
                    sentence,
                });
            }
        }
    }
    Ok(found)
}

/// Renders the rules; `options` are those of the command line.
pub(crate) fn rules(options: &[&str]) -> Outcome {
    let mut thresholds = Thresholds::default();
    let mut folder = None;
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let Some(value) = rest.next() else {
            return Err(usage(format!("{option} needs a value")));
        };
        match *option {
            "--thresholds" => {
                let text = std::fs::read_to_string(value).map_err(|error| file_failure(value, &error))?;
                let read = thresholds.read(&text);
                read.map_err(|error| Failure::File { path: (*value).to_owned(), reason: error.to_string() })?;
            }
            "--set" => {
                let Some((name, value)) = value.split_once('=') else {
                    return Err(usage(format!("--set {value}: give NAME=VALUE")));
                };
                thresholds.set(name, value).map_err(|error| usage(error.to_string()))?;
            }
            "--out" => folder = Some(Path::new(value)),
            other => return Err(usage(format!("there is no option {other}"))),
        }
    }
    let rendered = rules::render(&thresholds);
    let Some(folder) = folder else {
        return Ok(rendered.iter().map(|asset| asset.content.as_str()).collect::<Vec<_>>().join("---\n"));
    };
    std::fs::create_dir_all(folder).map_err(|error| file_failure(&folder.display().to_string(), &error))?;
    let mut said = Vec::new();
    for asset in rendered {
        let name = asset.path.rsplit('/').next().unwrap_or(&asset.path);
        let path = folder.join(name);
        std::fs::write(&path, asset.content)
            .map_err(|error| file_failure(&path.display().to_string(), &error))?;
        said.push(path.display().to_string());
    }
    Ok(said.join("\n"))
}

fn usage(reason: String) -> Failure {
    Failure::Command { command: "cargo xtask rules".to_owned(), reason }
}

fn file_failure(path: &str, error: &std::io::Error) -> Failure {
    Failure::File { path: path.to_owned(), reason: error.to_string() }
}
