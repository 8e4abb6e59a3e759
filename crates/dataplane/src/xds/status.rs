//! Where the configuration comes from, and whether a control plane is there: in words for `/readyz?verbose`.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use clearway_model::Version;
use clearway_telemetry::control::{StreamEnd, XdsTelemetry};
use clearway_xds::{ClientState, Rejection};
use tokio::sync::watch;

use crate::state::{ConfigState, Fault};

/// Where the configuration that is served comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A control plane.
    ControlPlane,
    /// The disk.
    LastGood {
        /// When it was written.
        saved: SystemTime,
    },
}

/// What is known; shared by whoever follows and whoever shows it.
#[derive(Debug)]
pub struct XdsStatus {
    origin: watch::Sender<Option<Origin>>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    client: Option<watch::Receiver<ClientState>>,
    /// Why nothing from disk is served.
    no_last_good: Option<String>,
    /// What is wrong with the TLS files.
    tls: Option<String>,
    /// The version that could not be served.
    refused: Option<Version>,
}

impl Default for XdsStatus {
    fn default() -> Self {
        Self { origin: watch::Sender::new(None), inner: Mutex::default() }
    }
}

impl XdsStatus {
    /// Where the configuration that is served comes from; `None` while none is served.
    pub fn origin(&self) -> Option<Origin> {
        *self.origin.borrow()
    }

    /// Whether a stream to a control plane is open.
    pub fn is_connected(&self) -> bool {
        self.lock().client.as_ref().is_some_and(|client| client.borrow().connected.is_some())
    }

    /// The connection in words.
    pub fn connection(&self) -> String {
        let inner = self.lock();
        let mut words = match &inner.client {
            None => "no control plane has been asked yet".to_owned(),
            Some(client) => {
                let client = client.borrow();
                match (&client.connected, &client.last_error) {
                    (Some((since, peer)), _) => format!("connected to {peer} for {}", age(*since)),
                    (None, Some(error)) => format!("not connected: {error}"),
                    (None, None) => "connecting for the first time".to_owned(),
                }
            }
        };
        if let Some(tls) = &inner.tls {
            words = format!("{words}; {tls}");
        }
        words
    }

    /// What is awaited while nothing is served.
    pub fn awaited(&self) -> String {
        let connection = self.connection();
        match &self.lock().no_last_good {
            None => format!("awaiting a complete configuration from a control plane: {connection}"),
            Some(why) => {
                format!(
                    "awaiting a complete configuration from a control plane: {connection}; nothing from disk: {why}"
                )
            }
        }
    }

    /// What an operator should know of the origin of what is served; `None` when it is the newest of a control plane.
    pub fn note(&self) -> Option<String> {
        match self.origin()? {
            Origin::ControlPlane => None,
            Origin::LastGood { saved } => Some(format!(
                "the last good one from disk, written {} ago, since no control plane has sent one",
                age(saved)
            )),
        }
    }

    /// Waits until a control plane's configuration is served.
    pub(super) async fn until_from_control_plane(&self) {
        self.origin.subscribe().wait_for(|origin| *origin == Some(Origin::ControlPlane)).await.ok();
    }

    pub(super) fn serves(&self, origin: Origin) {
        self.origin.send_replace(Some(origin));
    }

    pub(super) fn follows(&self, client: watch::Receiver<ClientState>) {
        self.lock().client = Some(client);
    }

    /// A version came whole, but cannot be served.
    pub(super) fn refuses(&self, version: &Version) {
        self.lock().refused = Some(version.clone());
    }

    fn is_refused(&self, version: &Version) -> bool {
        self.lock().refused.as_ref() == Some(version)
    }

    pub(super) fn no_last_good(&self, why: String) {
        self.lock().no_last_good = Some(why);
    }

    pub(super) fn tls_trouble(&self, trouble: Option<String>) {
        self.lock().tls = trouble;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts what the client does and notes what it refuses by itself, for ever.
pub(super) async fn count(
    mut client: watch::Receiver<ClientState>,
    (status, config): (&XdsStatus, &ConfigState),
    telemetry: Arc<XdsTelemetry>,
) -> Infallible {
    let (mut connections, mut rejected) = (0, None);
    while client.changed().await.is_ok() {
        let now = client.borrow_and_update().clone();
        if let Some(offered) = &now.offered {
            telemetry.received(offered);
        }
        if now.rejected != rejected {
            match &now.rejected {
                None => config.mended(),
                // What cannot be read, or is not whole, never comes to the sink.
                Some(rejection) if !status.is_refused(&rejection.version) => {
                    tracing::error!(version = %rejection.version, "Configuration refused: {}", rejection.message);
                    telemetry.nacked();
                    config.refused(faults_of(rejection));
                }
                Some(_) => {}
            }
            rejected.clone_from(&now.rejected);
        }
        if now.connected.is_some() {
            // One that ended and another that began may have been seen as one change.
            if connections != 0 && now.connections != connections && telemetry.is_connected() {
                telemetry.disconnected(end(now.last_error.as_deref()));
            }
            connections = now.connections;
            telemetry.connected();
        } else if now.last_error.is_some() {
            telemetry.disconnected(end(now.last_error.as_deref()));
        }
    }
    std::future::pending().await
}

/// A refusal in the words of this crate.
fn faults_of(rejection: &Rejection) -> Vec<Fault> {
    let named: Vec<Fault> = rejection
        .faults
        .iter()
        .map(|fault| Fault::of(format!("{} {}", fault.kind, fault.name), fault.to_string()))
        .collect();
    if named.is_empty() { vec![Fault::of("configuration", &*rejection.message)] } else { named }
}

/// The word for the client's sentence.
fn end(reason: Option<&str>) -> StreamEnd {
    let Some(reason) = reason else { return StreamEnd::Closed };
    if reason.starts_with("TLS with") {
        StreamEnd::Tls
    } else if ["cannot resolve", "cannot connect", "HTTP/2 with"].iter().any(|head| reason.starts_with(head))
        || reason.ends_with("has no address")
    {
        StreamEnd::Unreachable
    } else if reason.contains("ended") || reason.contains("shut") {
        StreamEnd::Closed
    } else {
        StreamEnd::Broken
    }
}

fn age(since: SystemTime) -> String {
    let seconds = since.elapsed().map_or(0, |age| age.as_secs());
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
