//! Configuration from a control plane: follow it by xDS, apply what comes whole, keep the last good one on disk.
//!
//! `clearway dataplane` runs it. What always holds: what is served stays until something better is served; the last
//! good configuration from disk never replaces one of a control plane; without TLS files nothing is connected, unless
//! clear text was asked for.

mod sink;
mod status;
mod tls;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clearway_model::Snapshot;
use clearway_telemetry::config::ProblemCounts;
use clearway_telemetry::control::{LoadResult, XdsTelemetry};
use clearway_xds::{Client, ClientOptions};
use tokio::sync::{Mutex, watch};

pub use status::{Origin, XdsStatus};
pub use tls::TlsFiles;

use crate::apply::{Applier, ApplyOutcome};
use crate::last_good::{LastGood, LoadError, Stored};
use crate::state::ConfigState;
use sink::{Applying, report_of};

/// Between two writes of the last good configuration: changes may come many times a second.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// Settings of a data plane that follows a control plane.
#[derive(Clone, Debug)]
pub struct XdsOptions {
    /// The control plane, and who this data plane is. TLS is filled in from the files.
    pub client: ClientOptions,
    /// Files of mutual TLS; `None` is clear text.
    pub tls: Option<TlsFiles>,
    /// Folder of the last good configuration; `None` keeps none.
    pub last_good: Option<PathBuf>,
    /// How long a control plane has at the start before the last good configuration is served.
    pub last_good_after: Duration,
    /// How often names of backends are looked up.
    pub dns_interval: Duration,
}

/// Follows a control plane.
#[derive(Debug)]
pub struct XdsSource {
    options: XdsOptions,
    applier: Arc<Mutex<Applier>>,
    state: Arc<ConfigState>,
    status: Arc<XdsStatus>,
    telemetry: Arc<XdsTelemetry>,
}

impl XdsSource {
    /// Ready to run; nothing is connected yet.
    pub fn new(
        options: XdsOptions,
        applier: Applier,
        state: Arc<ConfigState>,
        telemetry: Arc<XdsTelemetry>,
    ) -> Self {
        let applier = Arc::new(Mutex::new(applier.guarded()));
        Self { options, applier, state, status: Arc::default(), telemetry }
    }

    /// What is known of the connection and of where the configuration comes from.
    pub fn status(&self) -> Arc<XdsStatus> {
        self.status.clone()
    }

    /// Follows until `stopped` becomes true, and then writes down what is not on disk yet.
    pub async fn run(self, stopped: watch::Receiver<bool>) {
        let (served, newest) = watch::channel(None);
        let last_good = self
            .options
            .last_good
            .as_ref()
            .map(|folder| LastGood::new(folder, self.options.client.fleet.clone()));
        let keeper = last_good
            .clone()
            .map(|place| tokio::spawn(keep(place, self.telemetry.clone(), newest.clone(), stopped.clone())));
        let work = async {
            tokio::join!(self.follow(&served), self.serve_last_good(last_good), self.look_up());
        };
        tokio::select! {
            () = work => {}
            () = ended(stopped.clone()) => {}
        }
        drop(served);
        if let Some(keeper) = keeper {
            keeper.await.ok();
        }
    }

    async fn follow(&self, served: &watch::Sender<Option<Arc<Snapshot>>>) -> Infallible {
        let mut options = self.options.client.clone();
        let mut files = None;
        if let Some(tls) = &self.options.tls {
            let (receiver, follow) = tls.start(&self.status).await;
            options.tls = Some(receiver);
            files = Some(follow);
        }
        let (client, state) = Client::new(options);
        self.status.follows(state.clone());
        let sink = Applying {
            applier: self.applier.clone(),
            state: self.state.clone(),
            status: self.status.clone(),
            telemetry: self.telemetry.clone(),
            served: served.clone(),
        };
        let files = async {
            match files {
                Some(files) => files.run().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            never = client.run(sink) => match never {},
            never = status::count(state, (&self.status, &self.state), self.telemetry.clone()) => match never {},
            never = files => never,
        }
    }

    /// Serves the last good configuration when no control plane has sent one in time.
    async fn serve_last_good(&self, last_good: Option<LastGood>) {
        let Some(place) = last_good else {
            return self.status.no_last_good("none is kept: no folder was named for it".to_owned());
        };
        let loaded = tokio::task::spawn_blocking(move || place.load()).await;
        let stored = match loaded {
            Ok(Ok(stored)) => stored,
            Ok(Err(error)) => return self.pass_over(&error),
            Err(error) => return self.status.no_last_good(format!("reading it broke off: {error}")),
        };
        if tokio::time::timeout(self.options.last_good_after, self.status.until_from_control_plane())
            .await
            .is_ok()
        {
            return;
        }
        self.apply_last_good(stored).await;
    }

    async fn apply_last_good(&self, stored: Stored) {
        let Stored { snapshot, saved } = stored;
        let mut applier = self.applier.lock().await;
        // It may have come while the lock was waited for.
        if applier.served().is_some() {
            return;
        }
        let (version, report) = (snapshot.version.clone(), report_of(&snapshot));
        match applier.apply(snapshot, ProblemCounts::default()).await {
            ApplyOutcome::Applied | ApplyOutcome::Unchanged => {
                if let Some(served) = applier.served() {
                    self.state.applied(served.clone(), report);
                }
                self.status.serves(Origin::LastGood { saved });
                self.telemetry.loaded(LoadResult::Served, Some(unix_seconds(saved)));
                self.telemetry.serves_last_good(&version);
                tracing::warn!(%version, "No control plane has sent a configuration: the last good one from disk is served.");
            }
            ApplyOutcome::Refused(faults) => {
                self.telemetry.loaded(LoadResult::Refused, None);
                let why = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                tracing::error!(%version, why, "The last good configuration cannot be served here.");
                self.status.no_last_good(format!("it cannot be served here: {why}"));
            }
        }
    }

    fn pass_over(&self, error: &LoadError) {
        let result = match error {
            LoadError::Absent(_) => LoadResult::Absent,
            LoadError::Unreadable { .. } => LoadResult::Unreadable,
            LoadError::Broken { .. } => LoadResult::Broken,
            LoadError::OtherFormat { .. } => LoadResult::OtherFormat,
        };
        if result != LoadResult::Absent {
            tracing::warn!("{error}");
        }
        self.telemetry.loaded(result, None);
        self.status.no_last_good(error.to_string());
    }

    async fn look_up(&self) {
        let mut names = tokio::time::interval(self.options.dns_interval);
        names.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            names.tick().await;
            // Nobody waits for the answers but this loop: a change may be applied meanwhile.
            let lookup = self.applier.lock().await.lookup();
            let resolved = lookup.answer().await;
            self.applier.lock().await.resolved(resolved).await;
        }
    }
}

/// Writes what is served to disk, the newest only, until nobody serves any more.
async fn keep(
    place: LastGood,
    telemetry: Arc<XdsTelemetry>,
    mut newest: watch::Receiver<Option<Arc<Snapshot>>>,
    stopped: watch::Receiver<bool>,
) {
    while newest.changed().await.is_ok() {
        let Some(snapshot) = newest.borrow_and_update().clone() else { continue };
        let target = place.clone();
        let saved = tokio::task::spawn_blocking(move || target.save(&snapshot)).await;
        let error = match saved {
            Ok(Ok(saved)) => {
                telemetry.saved(Some(unix_seconds(saved)));
                None
            }
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = error {
            let path = place.path().display();
            tracing::error!(%path, error, "The last good configuration cannot be written; a restart without a control plane would serve an older one, or none.");
            telemetry.saved(None);
        }
        tokio::select! {
            () = tokio::time::sleep(SAVE_INTERVAL) => {}
            () = ended(stopped.clone()) => {}
        }
    }
}

async fn ended(mut stopped: watch::Receiver<bool>) {
    stopped.wait_for(|stopped| *stopped).await.ok();
}

fn unix_seconds(at: SystemTime) -> f64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
