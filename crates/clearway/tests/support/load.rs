//! Bulk: h2load, and what it says of its requests.

use std::net::SocketAddr;
use std::time::Duration;

use clearway_testkit::process::{Program, tool};

use super::books::Tally;

/// One run of h2load.
pub(crate) struct Load<'a> {
    pub(crate) path: &'a str,
    pub(crate) count: u64,
    pub(crate) http1: bool,
    /// Fields and `:method`, as `-H` takes them.
    pub(crate) fields: &'a [&'a str],
    /// File that is the body of each request.
    pub(crate) body: Option<&'a str>,
    /// The code and reason that each must have been counted with.
    pub(crate) outcome: (u16, &'a str),
}

impl Default for Load<'_> {
    fn default() -> Self {
        Self { path: "/app", count: 0, http1: true, fields: &[], body: None, outcome: (200, "none") }
    }
}

/// Runs it to its end; every request must have been answered with the code. Returns the longest time of a request.
pub(crate) async fn run(load: Load<'_>, address: SocketAddr, tally: &mut Tally) -> Duration {
    let mut program =
        Program::new(tool("h2load")).args(["-t", "1", "-c", "16", "-n", &load.count.to_string()]);
    program = if load.http1 { program.arg("--h1") } else { program.args(["-m", "8"]) };
    for field in load.fields {
        program = program.args(["-H", field]);
    }
    if let Some(body) = load.body {
        program = program.args(["-d", body]);
    }
    program = program.arg(format!("http://{address}{}", load.path));
    let run = tokio::task::spawn_blocking(move || program.run(Duration::from_secs(120)).success());
    let said = run.await.expect("h2load").stdout;
    let (count, (code, reason)) = (load.count, load.outcome);
    assert!(said.contains(&format!("{count} total, {count} started, {count} done")), "{}: {said}", load.path);
    assert!(said.contains("0 errored, 0 timeout"), "{}: {said}", load.path);
    assert!(
        said.contains(&format!("{count} {}xx", code / 100)),
        "{} is not always {code}: {said}",
        load.path
    );
    tally.add(code, reason, count);
    let times = said.lines().find_map(|line| line.strip_prefix("time for request:"));
    let longest = times.and_then(|times| times.split_whitespace().nth(1)).and_then(duration);
    longest.unwrap_or_else(|| panic!("no times: {said}"))
}

/// `12us`, `3.4ms`, `5.60s`, `1m30s` or longer.
fn duration(text: &str) -> Option<Duration> {
    let (number, scale) = match text {
        _ if text.contains(['m', 'h']) && !text.ends_with("ms") => return Some(Duration::MAX),
        _ if text.ends_with("us") => (text.strip_suffix("us")?, 1e-6),
        _ if text.ends_with("ms") => (text.strip_suffix("ms")?, 1e-3),
        _ => (text.strip_suffix('s')?, 1.0),
    };
    Some(Duration::from_secs_f64(number.parse::<f64>().ok()? * scale))
}
