//! What is known of the configuration, for people: `/config`, `/readyz?verbose` and standard error read it here.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use clearway_translate::Report;
use serde::Serialize;

/// The state of the configuration, shared by whoever applies it and whoever shows it.
#[derive(Debug, Default)]
pub struct ConfigState {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    served: Option<Served>,
    refusal: Option<Refusal>,
}

/// A configuration that is served.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Served {
    /// Its version.
    pub version: String,
    /// When it was applied, seconds since 1970.
    pub applied_at: f64,
    /// What became of every listener and route.
    pub report: Report,
    #[serde(skip)]
    since: Instant,
}

/// A newer configuration that is not served.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// When it was refused, seconds since 1970.
    pub refused_at: f64,
    /// Object, field and reason of everything that is wrong with it.
    pub reasons: Vec<String>,
}

impl ConfigState {
    /// What is served.
    pub fn served(&self) -> Option<Served> {
        self.lock().served.clone()
    }

    /// Why something newer is not served; `None` when the newest is.
    pub fn refusal(&self) -> Option<Refusal> {
        self.lock().refusal.clone()
    }

    /// The version that is served, and for how long.
    pub fn version(&self) -> Option<(String, Duration)> {
        self.lock().served.as_ref().map(|served| (served.version.clone(), served.since.elapsed()))
    }

    pub(crate) fn applied(&self, report: Report) {
        let mut inner = self.lock();
        inner.refusal = None;
        inner.served = Some(Served {
            version: report.version.clone(),
            applied_at: unix_seconds(),
            report,
            since: Instant::now(),
        });
    }

    /// The newest configuration means what is served already; what is said about it may be new.
    pub(crate) fn unchanged(&self, report: Report) {
        let mut inner = self.lock();
        inner.refusal = None;
        if let Some(served) = &mut inner.served {
            served.report = report;
        }
    }

    pub(crate) fn refused(&self, reasons: Vec<String>) {
        self.lock().refusal = Some(Refusal { refused_at: unix_seconds(), reasons });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
