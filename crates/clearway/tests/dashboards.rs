//! Every query of every dashboard, asked of a real Prometheus that scrapes a real gateway under traffic of every kind.

#[path = "support/mix.rs"]
mod mix;
#[path = "support/panels.rs"]
mod panels;
#[path = "support/pipe.rs"]
mod pipe;
#[path = "support/running.rs"]
mod running;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/server.rs"]
mod server;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clearway_ops::dashboards::{self, Dashboard, Needs};
use panels::Span;
use scene::Scene;
use serde_json::{Value, json};
use server::Prometheus;

/// Panels that stay empty here though nothing is missing, and why.
const QUIET: &[(&str, &str)] = &[];

/// How long there is traffic: TCP is asked every 5 seconds, and a window must hold several scrapes after a change.
const TRAFFIC: Duration = Duration::from_secs(18);

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs_f64()
}

/// A configuration with one job.
fn scrape(target: std::net::SocketAddr, interval: &str) -> String {
    format!(
        "global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\nscrape_configs:\n- job_name: clearway\n  \
         static_configs:\n  - targets: [\"{target}\"]\n"
    )
}

/// Traffic for so long, with a change of the configuration after each third, one of which is refused and mended again.
async fn play(scene: &Scene, time: Duration) {
    let start = Instant::now();
    let changes = async {
        for (part, step) in [(0.25, 0), (0.45, 1), (0.6, 2), (0.7, 3)] {
            tokio::time::sleep_until((start + time.mul_f64(part)).into()).await;
            match step {
                1 => scene.break_configuration(),
                2 => scene.mend_configuration(),
                number => scene.change(number),
            }
        }
    };
    tokio::join!(mix::until(scene, start + time), changes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_panel_and_variable_has_an_answer() {
    let scene = Scene::start();
    let prometheus = Prometheus::start(&scrape(scene.gateway.admin, "500ms"));
    let from = now();
    play(&scene, TRAFFIC).await;
    let span = Span { from, to: now(), step: 1.0, window: 6.0 };
    let all = dashboards::all();
    let mut wrong: Vec<String> =
        all.iter().flat_map(|dashboard| faults(&span, &prometheus, dashboard)).collect();
    wrong.extend(
        QUIET
            .iter()
            .filter(|(title, _)| !is_panel(&all, title))
            .map(|(title, _)| format!("QUIET names {title}, which is no panel")),
    );
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    scene.gateway.stop();
}

fn is_panel(all: &[Dashboard], title: &str) -> bool {
    all.iter().any(|dashboard| dashboard.panels().any(|panel| panel.title == title))
}

/// What is wrong with the answers to a dashboard's queries.
fn faults(span: &Span, prometheus: &Prometheus, dashboard: &Dashboard) -> Vec<String> {
    let mut wrong = Vec::new();
    for panel in panels::of_prometheus(dashboard) {
        let place = format!("{} / {}", dashboard.uid, panel.title);
        let mut finite = 0;
        for target in &panel.targets {
            match span.ask(prometheus, target, &dashboard.variables) {
                Ok(answer) => {
                    finite += panels::finite(&answer);
                    if panels::wants_one(panel) && panels::series(&answer) > 1 {
                        wrong.push(format!(
                            "{place}: {} series where one number is shown",
                            panels::series(&answer)
                        ));
                    }
                }
                Err(error) => wrong.push(format!("{place}: {error}")),
            }
        }
        let excused = panel.needs.is_some() || QUIET.iter().any(|(title, _)| *title == panel.title);
        if finite == 0 && !excused {
            let asked = span.fill(&panel.targets[0].expr, &dashboard.variables);
            wrong.push(format!("{place}: empty: {asked}"));
        }
        if finite > 0 && excused {
            wrong.push(format!("{place}: has data, and is said to need {:?} or to be quiet", panel.needs));
        }
    }
    let of_control_plane = dashboard.panels().all(|panel| panel.needs == Some(Needs::ControlPlane));
    for variable in &dashboard.variables {
        match span.values(prometheus, variable, &dashboard.variables) {
            Ok(values) if values.as_array().is_some_and(Vec::is_empty) => {
                let label = matches!(variable, dashboards::Variable::Label(label) if label.name != "cluster");
                if label && !of_control_plane {
                    wrong.push(format!("{}: variable {} has no value", dashboard.uid, variable.name()));
                }
            }
            Ok(_) => {}
            Err(error) => wrong.push(format!("{}: variable {}: {error}", dashboard.uid, variable.name())),
        }
    }
    for mark in &dashboard.annotations {
        let target = mark.target();
        match span.ask(prometheus, &target, &dashboard.variables) {
            Ok(answer) if panels::finite(&answer) == 0 && !of_control_plane => {
                wrong.push(format!("{}: no mark {}", dashboard.uid, mark.name));
            }
            Ok(_) => {}
            Err(error) => wrong.push(format!("{}: mark {}: {error}", dashboard.uid, mark.name)),
        }
    }
    wrong
}

/// What the maker of pictures draws: every query of every dashboard with its answer, as one JSON file.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
#[ignore = "plays for minutes: tests/pictures/draw runs it (make pictures)"]
async fn answers_for_pictures() {
    let file = std::env::var_os("CLEARWAY_ANSWERS").expect("CLEARWAY_ANSWERS names the file to write");
    let seconds = std::env::var("CLEARWAY_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    let scene = Scene::start();
    let prometheus = Prometheus::start(&scrape(scene.gateway.admin, "2s"));
    let from = now();
    play(&scene, Duration::from_secs(seconds)).await;
    let to = now();
    let span = Span { from, to, step: (to - from) / 120.0, window: 12.0 };
    let answers: Vec<Value> =
        dashboards::all().iter().map(|dashboard| answers(&span, &prometheus, dashboard)).collect();
    std::fs::write(
        file,
        serde_json::to_vec(&json!({ "from": from, "to": to, "step": span.step, "dashboards": answers }))
            .expect("JSON"),
    )
    .expect("the file");
    scene.gateway.stop();
}

fn answers(span: &Span, prometheus: &Prometheus, dashboard: &Dashboard) -> Value {
    let panel = |panel: &dashboards::Panel| {
        let targets = panel
            .targets
            .iter()
            .map(|target| span.ask(prometheus, target, &dashboard.variables).expect("an answer"));
        json!({ "id": panel.id(), "answers": targets.collect::<Vec<_>>(), "exemplars": exemplars(span, prometheus, panel, dashboard) })
    };
    let marks = dashboard.annotations.iter().map(|mark| {
        let answer = span.ask(prometheus, &mark.target(), &dashboard.variables).expect("an answer");
        json!({ "name": mark.name, "answer": answer })
    });
    json!({
        "uid": dashboard.uid,
        "panels": panels::of_prometheus(dashboard).map(panel).collect::<Vec<_>>(),
        "marks": marks.collect::<Vec<_>>(),
    })
}

fn exemplars(
    span: &Span,
    prometheus: &Prometheus,
    panel: &dashboards::Panel,
    dashboard: &Dashboard,
) -> Value {
    let Some(target) = panel.targets.last().filter(|_| panel.exemplars) else { return json!([]) };
    let query = span.fill(&target.expr, &dashboard.variables);
    let (from, to) = (span.from.to_string(), span.to.to_string());
    prometheus
        .data("query_exemplars", &[("query", &query), ("start", &from), ("end", &to)])
        .expect("an answer")
}
