//! What is known of the configuration, for people: `/config`, `/readyz?verbose` and standard error read it here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use clearway_model::Snapshot;
use clearway_translate::Report;

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
#[derive(Clone, Debug)]
pub struct Served {
    /// What is served, names of endpoints as they were written.
    pub snapshot: Arc<Snapshot>,
    /// When it was applied.
    pub applied: SystemTime,
    /// What became of every listener and route.
    pub report: Arc<Report>,
}

/// A newer configuration that is not served.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// When it was refused.
    pub refused: SystemTime,
    /// Everything that is wrong with it.
    pub faults: Vec<Fault>,
}

/// Something that keeps a configuration from being served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The object, or the file where it could not be read.
    pub object: String,
    /// The field; empty when the whole object is meant.
    pub field: String,
    /// The sentence for operators; it names object and field too.
    pub message: String,
}

impl Fault {
    /// A fault of no particular field.
    pub(crate) fn of(object: impl Into<String>, message: impl Into<String>) -> Self {
        Self { object: object.into(), field: String::new(), message: message.into() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
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

    pub(crate) fn applied(&self, snapshot: Arc<Snapshot>, report: Report) {
        let mut inner = self.lock();
        inner.refusal = None;
        inner.served = Some(Served { snapshot, applied: SystemTime::now(), report: Arc::new(report) });
    }

    /// The newest configuration means what is served already; what is said about it may be new.
    pub(crate) fn unchanged(&self, report: Report) {
        let mut inner = self.lock();
        inner.refusal = None;
        if let Some(served) = &mut inner.served {
            served.report = Arc::new(report);
        }
    }

    /// What was refused is not the newest any more; what is served is.
    pub(crate) fn mended(&self) {
        self.lock().refusal = None;
    }

    pub(crate) fn refused(&self, faults: Vec<Fault>) {
        self.lock().refusal = Some(Refusal { refused: SystemTime::now(), faults });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
