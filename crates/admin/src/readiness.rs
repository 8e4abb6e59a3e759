//! `/readyz`: named checks, each ready or with the reason why not.
//!
//! The planes implement [`Readiness`]; the layers of the control plane and the state of the configuration are checks.
//! Nothing is ready by default: no check at all is not ready.

use serde_json::{Value, json};

/// Asked at every probe: it answers from memory, at once.
pub trait Readiness: Send + Sync {
    /// All checks, in the order in which they come up.
    fn checks(&self) -> Vec<Check>;
}

impl<F: Fn() -> Vec<Check> + Send + Sync> Readiness for F {
    fn checks(&self) -> Vec<Check> {
        self()
    }
}

/// One layer of readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, one word.
    pub name: String,
    /// Whether it is there.
    pub ready: bool,
    /// Why not; or, of a check that is ready, what an operator should know.
    pub detail: Option<String>,
}

impl Check {
    /// A check that holds.
    pub fn ok(name: impl Into<String>) -> Self {
        Self { name: name.into(), ready: true, detail: None }
    }

    /// A check that holds, with something to know: an old configuration is served because the new one is broken.
    pub fn ok_but(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), ready: true, detail: Some(detail.into()) }
    }

    /// A check that does not hold. The reason says what is awaited.
    pub fn missing(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), ready: false, detail: Some(reason.into()) }
    }

    /// `[+]name ok`, `[+]name ok: detail` or `[-]name: reason`, always one line.
    fn line(&self) -> String {
        let (mark, word) = if self.ready { ("[+]", " ok") } else { ("[-]", "") };
        let detail =
            self.detail.as_deref().map(|detail| format!(": {}", one_line(detail))).unwrap_or_default();
        format!("{mark}{}{word}{detail}\n", one_line(&self.name))
    }
}

fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether all checks hold.
pub(crate) fn all_ready(checks: &[Check]) -> bool {
    !checks.is_empty() && checks.iter().all(|check| check.ready)
}

/// The text for people. Without `verbose` it names only what is missing, so that the event of a failed probe says why.
pub(crate) fn text(checks: &[Check], verbose: bool) -> String {
    let ready = all_ready(checks);
    if ready && !verbose {
        return "ok\n".to_owned();
    }
    let mut text: String = checks.iter().filter(|check| verbose || !check.ready).map(Check::line).collect();
    if checks.is_empty() {
        text.push_str("[-]startup: no check has been registered yet\n");
    }
    text.push_str(if ready { "readyz check passed\n" } else { "readyz check failed\n" });
    text
}

/// The same for programs.
pub(crate) fn json(checks: &[Check]) -> Value {
    let list: Vec<Value> = checks
        .iter()
        .map(|Check { name, ready, detail }| json!({ "name": name, "ready": ready, "detail": detail }))
        .collect();
    json!({ "ready": all_ready(checks), "checks": list })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_missing_line_by_line() {
        let checks = [
            Check::ok("listeners"),
            Check::ok_but("config", "serving abc;\n1 problem"),
            Check::missing("sync", "HTTPRoute"),
        ];
        let verbose = "[+]listeners ok\n[+]config ok: serving abc; 1 problem\n[-]sync: HTTPRoute\nreadyz check failed\n";
        assert_eq!(text(&checks, true), verbose);
        assert_eq!(text(&checks, false), "[-]sync: HTTPRoute\nreadyz check failed\n");
        assert!(!all_ready(&checks) && all_ready(&checks[..2]));
        assert_eq!(text(&checks[..1], false), "ok\n");
    }

    #[test]
    fn no_check_is_not_ready() {
        assert!(!all_ready(&[]));
        assert!(text(&[], true).starts_with("[-]startup: "));
    }
}
