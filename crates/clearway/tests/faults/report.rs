//! What became of the run: for people as Markdown, for programs as JSON.

use std::any::Any;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clearway_ops::rules;
use clearway_testkit::process::repository;
use serde_json::{Value, json};

use super::case::Played;

/// What the dashboards showed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boards {
    pub(crate) panels: usize,
    pub(crate) variables: usize,
    /// What was sent, and what the main panels showed of it.
    pub(crate) measured: Vec<String>,
    pub(crate) wrong: Vec<String>,
}

#[derive(Debug, Default)]
struct Noted {
    played: Vec<Played>,
    panics: Vec<String>,
    boards: Option<Boards>,
}

/// The report of a run.
#[derive(Debug)]
pub(crate) struct Report {
    began: Instant,
    noted: Mutex<Noted>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), noted: Mutex::default() }
    }

    /// An alert was played to its end.
    pub(crate) fn played(&self, played: Played) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).played.push(played);
    }

    /// A fault could not be played to its end.
    pub(crate) fn panicked(&self, alerts: &[&str], panic: &(dyn Any + Send)) {
        let text =
            panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        let line = format!("{}: {}", alerts.join(", "), text.unwrap_or("a panic"));
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).panics.push(line);
    }

    /// The dashboards were asked.
    pub(crate) fn boards(&self, boards: Boards) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).boards = Some(boards);
    }

    /// Everything that is not as it should be.
    pub(crate) fn failed(&self) -> Vec<String> {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failed = noted.panics.clone();
        failed.extend(noted.played.iter().flat_map(wrong));
        failed.extend(noted.boards.iter().flat_map(|boards| boards.wrong.clone()));
        failed
    }

    /// Writes the report of a whole run, or wherever the environment says.
    pub(crate) fn write(&self, whole: bool) {
        let named = std::env::var_os("CLEARWAY_FAULTS_REPORT").map(PathBuf::from);
        let Some(folder) = named.map(|folder| repository().join(folder)) else { return };
        std::fs::create_dir_all(&folder).expect("the folder of the report");
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.played.sort_by_key(|played| played.alert);
        let seconds = self.began.elapsed().as_secs();
        let text = serde_json::to_string_pretty(&json(&noted, seconds, whole)).expect("JSON");
        std::fs::write(folder.join("faults.json"), text + "\n").expect("the report");
        std::fs::write(folder.join("faults.md"), markdown(&noted, seconds, whole)).expect("the report");
    }
}

/// What was wrong with an alert.
fn wrong(played: &Played) -> Vec<String> {
    let Played { alert, levels, cleared, blocks, .. } = played;
    let silent = levels.iter().filter(|(_, after)| after.is_none());
    let mut wrong: Vec<String> =
        silent.map(|(severity, _)| format!("{alert} {severity} never fired")).collect();
    if cleared.is_none() {
        wrong.push(format!("{alert} never cleared"));
    }
    let failed = blocks.iter().filter_map(|ran| Some((ran.line, ran.wrong.as_ref()?)));
    wrong.extend(failed.map(|(line, reason)| format!("runbooks/{alert}.md:{line}: {reason}")));
    wrong
}

/// Alerts of the rules that were not played to their end.
fn missing(noted: &Noted) -> Vec<&'static str> {
    let played = |name: &str| noted.played.iter().any(|played| played.alert == name);
    rules::alerts().map(|alert| alert.name).filter(|name| !played(name)).collect()
}

fn json(noted: &Noted, seconds: u64, whole: bool) -> Value {
    let alerts = noted.played.iter().map(|played| {
        let levels = played
            .levels
            .iter()
            .map(|(severity, after)| json!({"severity": severity, "fired_after_seconds": after}));
        let blocks = played
            .blocks
            .iter()
            .map(|ran| json!({"line": ran.line, "language": ran.language, "wrong": ran.wrong}));
        json!({
            "alert": played.alert, "fault": played.fault, "levels": levels.collect::<Vec<_>>(),
            "cleared_after_seconds": played.cleared, "blocks": blocks.collect::<Vec<_>>(),
        })
    });
    let boards = noted.boards.as_ref().map(|boards| {
        json!({"panels": boards.panels, "variables": boards.variables, "measured": boards.measured, "wrong": boards.wrong})
    });
    json!({
        "whole": whole, "seconds": seconds, "alerts": alerts.collect::<Vec<_>>(), "not_played": if whole { missing(noted) } else { Vec::new() },
        "broken_off": noted.panics, "dashboards": boards,
    })
}

fn markdown(noted: &Noted, seconds: u64, whole: bool) -> String {
    let mut page = String::from(
        "# The fault run\n\nWritten by `make faults`: each alert fires by a real fault, and every block of its runbook is run meanwhile.\n\n",
    );
    let blocks: usize = noted.played.iter().map(|played| played.blocks.len()).sum();
    let good = noted.played.iter().filter(|played| wrong(played).is_empty()).count();
    let all = rules::alerts().count();
    let part = if whole { "" } else { " A part of it: the environment has chosen alerts." };
    // Writing to a String cannot fail.
    writeln!(page, "{good} of {all} alerts fired, cleared and showed what their runbooks say; {blocks} blocks were run; {seconds} s.{part}\nNothing was skipped.\n").ok();
    page.push_str(
        "| Alert | Fault | Fired after | Quiet again after | Blocks run |\n| --- | --- | --- | --- | --- |\n",
    );
    for played in &noted.played {
        let time = |after: Option<f64>| after.map_or("**never**".to_owned(), |after| format!("{after:.0} s"));
        let levels: Vec<String> =
            played.levels.iter().map(|(severity, after)| format!("{severity} {}", time(*after))).collect();
        let held = played.blocks.iter().filter(|ran| ran.wrong.is_none()).count();
        let blocks = if held == played.blocks.len() {
            held.to_string()
        } else {
            format!("{}, **{} wrong**", played.blocks.len(), played.blocks.len() - held)
        };
        writeln!(
            page,
            "| {} | {} | {} | {} | {blocks} |",
            played.alert,
            played.fault,
            levels.join(", "),
            time(played.cleared)
        )
        .ok();
    }
    if let Some(boards) = &noted.boards {
        writeln!(
            page,
            "\n## Dashboards\n\n{} panels and {} variables were asked; {} wrong.\n",
            boards.panels,
            boards.variables,
            boards.wrong.len()
        )
        .ok();
        boards.measured.iter().for_each(|line| page.push_str(&format!("- {line}\n")));
    }
    let mut failed: Vec<String> = noted.panics.clone();
    failed.extend(noted.played.iter().flat_map(wrong));
    failed.extend(noted.boards.iter().flat_map(|boards| boards.wrong.clone()));
    failed.extend(
        missing(noted).into_iter().filter(|_| whole).map(|name| format!("{name} was not played to its end")),
    );
    if !failed.is_empty() {
        page.push_str("\n## Failed\n\n");
        failed.iter().for_each(|line| page.push_str(&format!("- {}\n", line.replace('\n', " "))));
    }
    page
}
