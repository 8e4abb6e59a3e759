//! `clearway explain`: the way of one request through a folder's configuration, and why others lost.

use std::process::ExitCode;

use clearway_dataplane::files;
use clearway_model::{Listener, ListenerProtocol, Observability, Rule, Snapshot};
use clearway_route::{Explanation, ListenerIndex, Request, Table};
use clearway_translate::{Options, translate};
use http::HeaderMap;
use serde::Serialize;

use crate::Done;
use crate::cli::{ExplainArgs, Output};

#[derive(Serialize)]
struct Answer {
    /// The listener, `namespace/gateway/listener`.
    listener: Option<String>,
    /// Why there is none, or why others were not taken.
    listeners: Vec<String>,
    /// Rule and match.
    explanation: Option<Explanation>,
    /// Where the rule's requests go.
    backends: Vec<String>,
    /// What ObservabilityPolicies say of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    observability: Option<Observability>,
}

/// Runs the command; exits 1 when no rule takes the request.
pub(crate) fn explain(args: &ExplainArgs) -> Done {
    let read = files::read(&args.config);
    if let Some(error) = read.errors.first() {
        return Err(format!("{error}; see `clearway check {}`", args.config.display()).into());
    }
    let snapshot = translate(&read.world, &Options::new(args.controller_name.clone())).snapshot;
    let answer = answer(args, &snapshot)?;
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&answer)?),
        Output::Text => print(&answer),
    }
    let taken = answer.explanation.is_some_and(|explanation| explanation.taken.is_some());
    Ok(if taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn answer(args: &ExplainArgs, snapshot: &Snapshot) -> Result<Answer, String> {
    let https = args.url.scheme_str() == Some("https");
    let host =
        args.url.host().ok_or("the URL has no host; write http://host:port/path")?.to_ascii_lowercase();
    let port = args.url.port_u16().unwrap_or(if https { 443 } else { 80 });
    let on_port: Vec<&Listener> =
        snapshot.listeners.values().map(|one| &**one).filter(|one| one.port == port).collect();
    let hosts: Vec<_> = on_port.iter().enumerate().map(|(index, one)| (index, &one.hostname)).collect();
    let found = ListenerIndex::compile(&hosts).find(&host).and_then(|index| on_port.get(index));
    let mut listeners: Vec<String> = snapshot
        .listeners
        .values()
        .filter(|one| found.is_none_or(|found| found.listener != one.listener))
        .map(|one| format!("{}: {}", one.listener, why_not(one, port, &host)))
        .collect();
    let Some(listener) = found else {
        return Ok(Answer {
            listener: None,
            listeners,
            explanation: None,
            backends: Vec::new(),
            observability: None,
        });
    };
    if https != (listener.protocol == ListenerProtocol::Https) {
        listeners
            .push(format!("{}: speaks {:?}, the URL says otherwise", listener.listener, listener.protocol));
    }
    let rules: Vec<&Rule> = snapshot
        .rules
        .values()
        .map(|rule| &**rule)
        .filter(|rule| rule.parents.iter().any(|parent| parent.listener == listener.listener))
        .collect();
    let table = Table::compile(&listener.listener, &rules).map_err(|error| error.to_string())?;
    let headers: HeaderMap = args.headers.iter().cloned().collect();
    let request = Request {
        host: &host,
        path: args.url.path(),
        query: args.url.query(),
        method: &args.method,
        headers: &headers,
    };
    let explanation = table.explain(&request, &rules);
    let rule = table.find(&request).and_then(|found| rules.get(found.rule)).copied();
    let backends = rule
        .map_or(Vec::new(), |rule| rule.backends.iter().map(|choice| backend(choice, snapshot)).collect());
    Ok(Answer {
        listener: Some(listener.listener.to_string()),
        listeners,
        explanation: Some(explanation),
        backends,
        observability: observability(listener, rule),
    })
}

fn why_not(listener: &Listener, port: u16, host: &str) -> String {
    if listener.port != port {
        return format!("listens on port {}, not {port}", listener.port);
    }
    if listener.hostname.covers(host) {
        return format!("hostname {} covers {host}, but another is more specific", listener.hostname);
    }
    format!("hostname {} does not cover {host}", listener.hostname)
}

/// The listener's word, and over it the rule's.
fn observability(listener: &Listener, rule: Option<&Rule>) -> Option<Observability> {
    let (near, far) = (rule.and_then(|rule| rule.observability.as_ref()), listener.observability.as_ref());
    match (near, far) {
        (Some(near), Some(far)) => Some(near.over(far)),
        (one, other) => one.or(other).map(|says| (**says).clone()),
    }
}

fn backend(choice: &clearway_model::WeightedBackend, snapshot: &Snapshot) -> String {
    match &choice.target {
        Ok(target) => {
            let endpoints = snapshot.backends.get(target).map_or(0, |backend| backend.endpoints.len());
            format!("{target}, weight {}, {endpoints} endpoints", choice.weight)
        }
        Err(fault) => format!("none, weight {}: {} ({})", choice.weight, fault.message, fault.reason),
    }
}

fn print(answer: &Answer) {
    match &answer.listener {
        Some(listener) => println!("listener  {listener}"),
        None => println!("listener  none: the request is refused"),
    }
    for other in &answer.listeners {
        println!("          not {other}");
    }
    if let Some(explanation) = &answer.explanation {
        println!("{explanation}");
    }
    for backend in &answer.backends {
        println!("backend   {backend}");
    }
    if let Some(observed) = &answer.observability {
        println!("observed  {observed}");
    }
}
