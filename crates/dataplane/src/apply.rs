//! Applying: resolve names, compile off the path, bind before the swap, swap, and say what became of it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use clearway_model::Snapshot;
use clearway_proxy::{ApplyError, Live, Proxy};
use clearway_telemetry::Telemetry;
use clearway_telemetry::config::{ConfigStage, ConfigTelemetry, ObjectCounts, ProblemCounts};

use crate::resolve::{Answers, Names, Resolver, look_up};
use crate::state::Fault;

/// How long a change waits for names that are new. What is not known then is served without addresses until it is.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// How long names are asked for beside changes.
const LATER_LOOK: Duration = Duration::from_secs(10);

/// Hands snapshots to the proxy, one after the other.
#[derive(Debug)]
pub struct Applier {
    proxy: Arc<Proxy>,
    telemetry: Arc<Telemetry>,
    config: Arc<ConfigTelemetry>,
    resolver: Resolver,
    /// The snapshot that is served, with names as they were written.
    served: Option<Arc<Snapshot>>,
}

/// Names of backends that are to be looked up.
#[derive(Debug)]
pub(crate) struct Lookup(Names);

/// What names of backends lead to.
#[derive(Debug)]
pub(crate) struct Resolved(Answers);

impl Lookup {
    /// Asks for all of them, for a bounded time.
    pub(crate) async fn answer(self) -> Resolved {
        Resolved(look_up(self.0, LATER_LOOK).await)
    }
}

/// What became of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyOutcome {
    /// It is served.
    Applied,
    /// It is what was served before.
    Unchanged,
    /// It cannot be served; the one before it is. Each reason names an object.
    Refused(Vec<Fault>),
}

impl Applier {
    /// Applies to `proxy` and keeps the records.
    pub fn new(proxy: Arc<Proxy>, telemetry: Arc<Telemetry>, config: Arc<ConfigTelemetry>) -> Self {
        Self { proxy, telemetry, config, resolver: Resolver::default(), served: None }
    }

    /// The same for a cluster: names of users that lead to this machine or its link are not followed.
    pub(crate) fn guarded(self) -> Self {
        Self { resolver: Resolver::guarded(), ..self }
    }

    /// Applies a snapshot; `problems` are those that do not keep it from being served.
    pub async fn apply(&mut self, snapshot: Snapshot, problems: ProblemCounts) -> ApplyOutcome {
        if self.served.as_ref().is_some_and(|served| served.version == snapshot.version) {
            self.config.unchanged(problems);
            return ApplyOutcome::Unchanged;
        }
        let fresh = self.resolver.new_names(&snapshot);
        if !fresh.is_empty() {
            let answers = look_up(fresh, FIRST_LOOK).await;
            self.resolver.learn(answers);
        }
        let snapshot = Arc::new(snapshot);
        match self.serve(&snapshot).await {
            Ok(()) => {
                let counts = ObjectCounts::of(&snapshot);
                self.config.applied(&snapshot.version, unix_seconds(), counts, problems);
                self.served = Some(snapshot);
                ApplyOutcome::Applied
            }
            Err(reasons) => {
                let errors = problems.errors + reasons.len() as u64;
                self.config.refused(ProblemCounts { errors, ..problems });
                ApplyOutcome::Refused(reasons)
            }
        }
    }

    /// Names of what is served, to be looked up by [`Lookup::answer`] while somebody else may apply a snapshot.
    pub(crate) fn lookup(&self) -> Lookup {
        Lookup(self.served.as_deref().map(Resolver::names).unwrap_or_default())
    }

    /// Serves what names say now.
    pub(crate) async fn resolved(&mut self, answers: Resolved) {
        let Some(served) = self.served.clone() else { return };
        let changed = self.resolver.learn(answers.0);
        self.resolver.keep(&served);
        if !changed {
            return;
        }
        match self.serve(&served).await {
            Ok(()) => tracing::info!(version = %served.version, "Backends' names have new addresses."),
            Err(faults) => tracing::error!(?faults, "New addresses of backends cannot be served."),
        }
    }

    /// What is served, with names as they were written.
    pub fn served(&self) -> Option<&Arc<Snapshot>> {
        self.served.as_ref()
    }

    async fn serve(&self, snapshot: &Arc<Snapshot>) -> Result<(), Vec<Fault>> {
        let began = Instant::now();
        let resolved = self.resolver.resolve(snapshot);
        let (telemetry, before) = (self.telemetry.clone(), self.proxy.live());
        // Compiling is work of milliseconds to seconds: it must not hold up whoever else uses this runtime.
        let compiled =
            tokio::task::spawn_blocking(move || Live::compile(&resolved, &telemetry, Some(&before)));
        let mut live = match compiled.await {
            Ok(Ok(live)) => live,
            Ok(Err(problems)) => {
                return Err(problems.iter().map(|p| Fault::of(p.object.clone(), p.to_string())).collect());
            }
            Err(error) => {
                return Err(vec![Fault::of("configuration", format!("compiling it broke off: {error}"))]);
            }
        };
        self.config.record_stage(ConfigStage::Compile, began.elapsed());
        let (config, swapped) = (self.config.clone(), Instant::now());
        live.when_first_served(move || config.record_stage(ConfigStage::FirstRequest, swapped.elapsed()));
        let expiry = live.certificate_expiry.clone();
        let applied = self.proxy.apply(live).await.map_err(|error| blame(&error, snapshot))?;
        self.config.record_stage(ConfigStage::Bind, applied.bind);
        self.config.record_stage(ConfigStage::Swap, applied.swap);
        self.config.set_certificates(expiry);
        Ok(())
    }
}

/// The listeners that an error means; a port that cannot be bound is the fault of all that want it.
fn blame(error: &ApplyError, snapshot: &Snapshot) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let ApplyError::Bind { address, .. } = error {
        let wanted = snapshot.listeners.values().filter(|listener| listener.binds.contains(&address.port()));
        faults.extend(wanted.map(|listener| Fault::of(listener.listener.to_string(), error.to_string())));
    }
    if faults.is_empty() {
        faults.push(Fault::of("listener", error.to_string()));
    }
    faults
}

fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
