//! The blocks of a runbook, run as somebody would who was woken by the alert, and compared with what the page says.

use std::time::{Duration, Instant};

use clearway_ops::runbooks::query::{self, Labels};
use clearway_ops::runbooks::{self, Block, Expect, Language};
use clearway_testkit::process::{Program, repository};
use regex::RegexBuilder;

use super::alerts;
use super::place::{Place, Surroundings};
use super::settings::WINDOW;
use super::stage::Stage;

/// What a block shows may come with the next scrape.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Longest that one script may take.
const SCRIPT: Duration = Duration::from_secs(90);

/// A block that was run.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    pub(crate) line: usize,
    pub(crate) language: &'static str,
    /// What was wrong; `None` when it showed what the page says.
    pub(crate) wrong: Option<String>,
}

/// Runs every block of the alert's page, those that change something last.
pub(crate) fn run(stage: &Stage, alert: &str, labels: &Labels, place: &Place<'_>) -> Vec<Ran> {
    let path = format!("{}{alert}.md", runbooks::FOLDER);
    let Ok(text) = std::fs::read_to_string(repository().join(&path)) else {
        return vec![Ran { line: 0, language: "page", wrong: Some(format!("there is no {path}")) }];
    };
    let (page, faults) = runbooks::read(&text);
    let mut ran: Vec<Ran> = faults
        .iter()
        .map(|fault| Ran { line: fault.line, language: "page", wrong: Some(fault.reason.clone()) })
        .collect();
    let surroundings = place.surroundings(stage, labels);
    let (last, first): (Vec<&Block>, Vec<&Block>) = page.blocks.iter().partition(|block| block.changes);
    for block in first.into_iter().chain(last) {
        let done = one(stage, block, labels, &surroundings);
        if let Some(wrong) = &done.wrong {
            stage.say(&format!("{path}:{}: {wrong}", block.line));
        }
        ran.push(done);
    }
    ran
}

fn one(stage: &Stage, block: &Block, labels: &Labels, surroundings: &Surroundings) -> Ran {
    let language = match block.language {
        Language::Promql => "promql",
        Language::Sh => "sh",
    };
    let end = Instant::now() + PATIENCE;
    loop {
        let shown = match block.language {
            Language::Promql => ask(stage, block, labels),
            Language::Sh => script(stage, block, labels, surroundings),
        };
        let wrong = shown.and_then(|shown| compare(&block.expect, block.language, &shown)).err();
        // What changes something is done once.
        if wrong.is_none() || block.changes || Instant::now() >= end {
            return Ran { line: block.line, language, wrong };
        }
        std::thread::park_timeout(LOOK);
    }
}

/// The answer to a query, a line for each series.
fn ask(stage: &Stage, block: &Block, labels: &Labels) -> Result<String, String> {
    let text = query::shorten(&query::fill(block.text.trim(), labels), WINDOW);
    let answer =
        stage.prometheus.data("query", &[("query", &text)]).map_err(|error| format!("{error}: {text}"))?;
    if let Some(number) = answer["result"][1].as_str() {
        return Ok(query::line(&Labels::new(), number));
    }
    let series = answer["result"].as_array().into_iter().flatten();
    let line = |one: &serde_json::Value| {
        query::line(&alerts::labels(&one["metric"]), one["value"][1].as_str().unwrap_or_default())
    };
    Ok(series.map(line).collect::<Vec<_>>().join("\n"))
}

/// What a script says; an error when it fails.
fn script(
    stage: &Stage,
    block: &Block,
    labels: &Labels,
    surroundings: &Surroundings,
) -> Result<String, String> {
    let limit = SCRIPT.as_secs().to_string();
    let bash = ["bash", "-euo", "pipefail", "-c", &block.text];
    // What a script leaves behind goes with the run.
    let mut program = Program::new("timeout").arg(limit).args(bash).current_dir(stage.files.path());
    for (name, value) in labels.iter().chain(&surroundings.variables) {
        program = program.env(name, value);
    }
    let done = program.run(SCRIPT + PATIENCE);
    let said = format!("{}{}", done.stdout, done.stderr);
    if done.status.success() {
        Ok(done.stdout)
    } else {
        Err(format!("{}, and says: {}", done.status, cut(&said)))
    }
}

fn compare(expect: &Expect, language: Language, shown: &str) -> Result<(), String> {
    match expect {
        Expect::Nothing if shown.is_empty() => Ok(()),
        Expect::Nothing => Err(format!("nothing is expected, and there is: {}", cut(shown))),
        Expect::Anything if shown.is_empty() && language == Language::Promql => {
            Err("the answer is empty".to_owned())
        }
        Expect::Anything => Ok(()),
        Expect::Line(pattern) => {
            let regex =
                RegexBuilder::new(pattern).multi_line(true).build().map_err(|error| error.to_string())?;
            if regex.is_match(shown) {
                Ok(())
            } else {
                Err(format!("nothing matches /{pattern}/ in: {}", cut(shown)))
            }
        }
    }
}

fn cut(text: &str) -> String {
    const MOST: usize = 600;
    let text = text.trim();
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        text.chars().take(MOST).chain("...".chars()).collect()
    }
}
