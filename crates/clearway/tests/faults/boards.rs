//! Every panel, variable and mark of every dashboard, asked of the Prometheus that has seen all faults; the main panels against
//! a load that is known.

use std::time::Duration;

use clearway_ops::dashboards::{self, Dashboard, LabelVariable, Panel, Target, Variable};
use clearway_testkit::load::{Load, LoadOptions};
use serde_json::Value;

use super::panels::{self, Span};
use super::report::Boards;
use super::stage::{Stage, now, pass};
use super::users::host;

/// Panels that stay empty though nothing is missing, and why.
const QUIET: &[(&str, &str)] = &[];

/// A route that nothing else asks, how fast it is asked, and how long its backend takes.
const CALM: &str = "calm";
const RATE: u32 = 20;
const SLOW: f64 = 0.04;
/// How long it is asked: longer than the windows of all panels.
const TIME: Duration = Duration::from_secs(30);
/// How far a number may be from what was sent: windows end between two scrapes.
const NEAR: f64 = 0.2;

/// Asks everything, and notes what is wrong.
pub(crate) fn check(stage: &Stage) {
    let mut boards = Boards::default();
    let span = Span { from: stage.began, to: now(), step: 2.0, window: 15.0 };
    for dashboard in dashboards::all() {
        let before = boards.wrong.len();
        whole(stage, &span, &dashboard, &mut boards);
        let found = boards.wrong.len() - before;
        stage.say(&format!("dashboard {}: {found} panels or variables are wrong", dashboard.uid));
    }
    boards.wrong.extend(magnitudes(stage, &mut boards.measured));
    boards.wrong.iter().for_each(|wrong| stage.say(wrong));
    stage.report.boards(boards);
}

fn whole(stage: &Stage, span: &Span, dashboard: &Dashboard, boards: &mut Boards) {
    for panel in panels::of_prometheus(dashboard) {
        boards.panels += 1;
        let place = format!("{} / {}", dashboard.uid, panel.title);
        let mut numbers = 0;
        for target in &panel.targets {
            match span.ask(&stage.prometheus, target, &dashboard.variables) {
                Ok(answer) => {
                    numbers += panels::finite(&answer);
                    if panels::wants_one(panel) && panels::series(&answer) > 1 {
                        boards
                            .wrong
                            .push(format!("{place}: {} series where one is shown", panels::series(&answer)));
                    }
                }
                Err(error) => boards.wrong.push(format!("{place}: {error}")),
            }
        }
        // What is asked for one moment may be over by now: then it is asked over the whole run.
        if numbers == 0 {
            let over = panel.targets.iter().map(|target| Target { instant: false, ..target.clone() });
            let asked =
                over.filter_map(|target| span.ask(&stage.prometheus, &target, &dashboard.variables).ok());
            numbers = asked.map(|answer| panels::finite(&answer)).sum();
        }
        let quiet = QUIET.iter().any(|(title, _)| *title == panel.title);
        if (numbers == 0) != quiet {
            let asked = span.fill(&panel.targets[0].expr, &dashboard.variables);
            let what = if quiet { "has data, and is said to be quiet" } else { "is empty" };
            boards.wrong.push(format!("{place} {what}: {asked}"));
        }
    }
    for variable in &dashboard.variables {
        let Variable::Label(label) = variable else { continue };
        boards.variables += 1;
        match span.values(&stage.prometheus, variable, &dashboard.variables) {
            // No server adds the label cluster here.
            Ok(values) if values.as_array().is_some_and(Vec::is_empty) && label.name != "cluster" => {
                boards.wrong.push(format!("{}: variable {} has no value", dashboard.uid, variable.name()));
            }
            Ok(_) => {}
            Err(error) => {
                boards.wrong.push(format!("{}: variable {}: {error}", dashboard.uid, variable.name()))
            }
        }
    }
    for mark in &dashboard.annotations {
        match span.ask(&stage.prometheus, &mark.target(), &dashboard.variables) {
            Ok(answer) if panels::finite(&answer) == 0 => {
                boards.wrong.push(format!("{}: no mark {}", dashboard.uid, mark.name));
            }
            Ok(_) => {}
            Err(error) => boards.wrong.push(format!("{}: mark {}: {error}", dashboard.uid, mark.name)),
        }
    }
}

/// The last number of a panel's first query, when only the calm route is chosen.
fn last(stage: &Stage, span: &Span, uid: &str, title: &str) -> Option<f64> {
    let all = dashboards::all();
    let dashboard = all.iter().find(|dashboard| dashboard.uid == uid)?;
    let panel: &Panel = dashboard.panels().find(|panel| panel.title == title)?;
    let choose = |variable: &Variable| match variable {
        Variable::Label(label) if label.name == "route" => {
            Variable::Label(LabelVariable { all: CALM, ..*label })
        }
        other => other.clone(),
    };
    let variables: Vec<Variable> = dashboard.variables.iter().map(choose).collect();
    let answer = span.ask(&stage.prometheus, panel.targets.first()?, &variables).ok()?;
    let series = answer["result"].as_array()?.first()?;
    let point = series["values"].as_array().and_then(|values| values.last()).unwrap_or(&series["value"]);
    point.as_array().and_then(|pair| pair.get(1)).and_then(Value::as_str)?.parse().ok()
}

fn magnitudes(stage: &Stage, measured: &mut Vec<String>) -> Vec<String> {
    let path = format!("/delay/{:.0}", SLOW * 1000.0);
    let options = LoadOptions {
        targets: vec![(host(CALM), path)],
        http1: 4,
        http2: 2,
        ..LoadOptions::new(stage.users.http, RATE)
    };
    let (load, from) = (Load::start(options, || ()), now());
    // The time itself is what is looked at.
    pass(TIME);
    let to = now();
    let tally = load.stop();
    let span = Span { from, to, step: 2.0, window: 15.0 };
    let sent = (tally.rate(), tally.requests() as f64);
    let mut wrong = Vec::new();
    let mut near = |title: &str, wanted: f64, least: f64, most: f64| {
        let found = last(stage, &span, "clearway-traffic", title);
        measured.push(format!(
            "{title}: sent {wanted:.2}, shown {}",
            found.map_or("nothing".to_owned(), |found| format!("{found:.3}"))
        ));
        if found.is_none_or(|found| found < least || found > most) {
            wrong
                .push(format!("clearway-traffic / {title}: {found:?}, and {least:.2} to {most:.2} is right"));
        }
    };
    near("Requests per second", sent.0, sent.0 * (1.0 - NEAR), sent.0 * (1.0 + NEAR));
    near("Requests in the time range", sent.1, sent.1 * (1.0 - NEAR), sent.1 * (1.0 + NEAR));
    near("Served well", 1.0, 0.999, 1.001);
    // The bounds of its bucket, and one bucket more on a busy machine.
    near("Time of requests", SLOW, SLOW / 2.0, SLOW * 4.0);
    wrong
}
