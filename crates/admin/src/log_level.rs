//! The log level, changed while the process runs; a change for a while goes back by itself.
//!
//! What filters the log is not known here: the binary gives a function that applies directives and says what is wrong
//! with them, for example the reload handle of a `tracing-subscriber` filter.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

type Apply = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// The level of this process; clones are the same one.
#[derive(Clone)]
pub struct LevelControl(Arc<Inner>);

struct Inner {
    apply: Apply,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// In force.
    level: String,
    /// To come back to.
    usual: String,
    back: Option<Back>,
}

#[derive(Debug)]
struct Back {
    at: Instant,
    task: AbortHandle,
}

impl Drop for Back {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LevelReport {
    /// The directives in force.
    pub level: String,
    /// Those that come back when the time is over; the same unless a change is for a while.
    pub usual: String,
    /// Seconds until then.
    pub returns_in_seconds: Option<u64>,
}

/// Directives that could not be applied; the level is as before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{directives}' is no log level: {reason}; write error, warn, info, debug or trace, or a list such as \
     info,clearway_proxy=debug"
)]
pub struct LevelError {
    /// As given.
    pub directives: String,
    /// What the filter says.
    pub reason: String,
}

impl LevelControl {
    /// A control over a level that is in force already. `apply` puts other directives in force or leaves everything as
    /// it is and says why; it must not block.
    pub fn new(
        level: impl Into<String>,
        apply: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        let level = level.into();
        let state = Mutex::new(State { usual: level.clone(), level, back: None });
        Self(Arc::new(Inner { apply: Box::new(apply), state }))
    }

    /// What is in force now.
    pub fn report(&self) -> LevelReport {
        report(&self.0.lock())
    }

    /// Puts directives in force: for good, or for a while and then those that were set for good before.
    ///
    /// Called on a tokio runtime.
    ///
    /// # Errors
    /// When the filter does not take them; then nothing changes.
    pub fn set(&self, directives: &str, during: Option<Duration>) -> Result<LevelReport, LevelError> {
        let directives = directives.trim();
        let failed =
            |reason: String| LevelError { directives: directives.escape_debug().to_string(), reason };
        if directives.is_empty() {
            return Err(failed("it is empty".to_owned()));
        }
        let mut state = self.0.lock();
        (self.0.apply)(directives).map_err(failed)?;
        directives.clone_into(&mut state.level);
        state.back = during.map(|during| self.come_back(Instant::now() + during));
        if during.is_none() {
            directives.clone_into(&mut state.usual);
        }
        Ok(report(&state))
    }

    fn come_back(&self, at: Instant) -> Back {
        let inner = Arc::downgrade(&self.0);
        let task = tokio::spawn(async move {
            sleep_until(at).await;
            let Some(inner) = inner.upgrade() else { return };
            let mut state = inner.lock();
            // A change that came at the last moment has a time of its own, or none.
            if state.back.as_ref().is_some_and(|back| back.at == at) && (inner.apply)(&state.usual).is_ok() {
                state.level = state.usual.clone();
                state.back = None;
            }
        });
        Back { at, task: task.abort_handle() }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report(state: &State) -> LevelReport {
    let left = |back: &Back| back.at.saturating_duration_since(Instant::now()).as_secs_f64().ceil() as u64;
    LevelReport {
        level: state.level.clone(),
        usual: state.usual.clone(),
        returns_in_seconds: state.back.as_ref().map(left),
    }
}

impl fmt::Debug for LevelControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LevelControl").field("state", &self.0.state).finish_non_exhaustive()
    }
}

/// Whether directives let more than info through, which costs and should not stay: for the metric that warns of it.
pub fn is_verbose(directives: &str) -> bool {
    directives.split(',').map(str::trim).filter(|directive| !directive.is_empty()).any(|directive| {
        let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level).trim();
        // A target alone lets everything of it through.
        !["off", "error", "warn", "info", "0", "1", "2", "3"]
            .iter()
            .any(|quiet| level.eq_ignore_ascii_case(quiet))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control() -> (LevelControl, Arc<Mutex<Vec<String>>>) {
        let applied = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&applied);
        let control = LevelControl::new("info", move |directives| {
            if directives == "loud" {
                return Err("unknown level".to_owned());
            }
            seen.lock().unwrap().push(directives.to_owned());
            Ok(())
        });
        (control, applied)
    }

    #[tokio::test(start_paused = true)]
    async fn a_level_for_a_while_goes_back_by_itself() {
        let (control, applied) = control();
        let report = control.set("debug", Some(Duration::from_secs(600))).unwrap();
        assert_eq!((report.level.as_str(), report.usual.as_str()), ("debug", "info"));
        assert_eq!(report.returns_in_seconds, Some(600));
        tokio::time::sleep(Duration::from_secs(599)).await;
        assert_eq!(control.report().level, "debug");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = control.report();
        assert_eq!((after.level.as_str(), after.returns_in_seconds), ("info", None));
        assert_eq!(*applied.lock().unwrap(), ["debug", "info"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_word_counts() {
        let (control, applied) = control();
        control.set("debug", Some(Duration::from_secs(10))).unwrap();
        control.set("trace", Some(Duration::from_secs(100))).unwrap();
        tokio::time::sleep(Duration::from_secs(50)).await;
        assert_eq!(control.report().level, "trace");
        control.set("warn", None).unwrap();
        tokio::time::sleep(Duration::from_secs(500)).await;
        assert_eq!(control.report().level, "warn");
        assert_eq!(*applied.lock().unwrap(), ["debug", "trace", "warn"]);
    }

    #[tokio::test]
    async fn what_the_filter_refuses_changes_nothing() {
        let (control, _) = control();
        let before = control.report();
        let error = control.set("loud", None).unwrap_err().to_string();
        assert!(error.contains("'loud'") && error.contains("unknown level"), "{error}");
        assert!(control.set("  ", None).is_err());
        assert_eq!(control.report(), before);
    }

    #[test]
    fn verbose_is_more_than_info() {
        for quiet in ["info", "WARN", "info,clearway_proxy=warn", "off", ""] {
            assert!(!is_verbose(quiet), "{quiet}");
        }
        for verbose in ["debug", "info,clearway_proxy=trace", "info,clearway_proxy", "clearway=DEBUG"] {
            assert!(is_verbose(verbose), "{verbose}");
        }
    }
}
