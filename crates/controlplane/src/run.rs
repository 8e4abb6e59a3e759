//! Puts the parts together: bind, announce, run, and at the end hand streams over before anything else goes.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use clearway_admin::{
    AdminError, AdminOptions, AdminServer, LevelControl, MetricsSource, Parts as AdminParts, Token,
};
use clearway_telemetry::control::{ControlTelemetry, StreamRefusal};
use clearway_xds::{Hub, OnRefusal, ServerOptions, ServerTls};
use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::events::Recorder;
use crate::journey::Tracing;
use crate::lease::Lease;
use crate::options::ControlOptions;
use crate::pipeline::Pipeline;
use crate::publish::{Publisher, follow_nodes, report};
use crate::readiness::{Board, Component};
use crate::security::{Security, Settings};
use crate::services::Infrastructure;
use crate::status::{Inputs, Writer};
use crate::watch::Watches;
use crate::world::Observations;

/// Time for streams to be handed over, for the Lease to be given back and for writes in progress.
const LAST_WRITES: Duration = Duration::from_secs(10);

/// What the process gives to its control plane.
#[derive(Debug)]
pub struct Surroundings {
    /// Where everything is counted.
    pub telemetry: Arc<ControlTelemetry>,
    /// Writes `/metrics`.
    pub metrics: Metrics,
    /// The level of the process's log.
    pub log_level: LevelControl,
    /// What clients of other machines show for more than metrics and probes.
    pub admin_token: Option<Token>,
    /// Where the journeys of changes go as traces; nowhere when there is no collector.
    pub tracing: Option<Tracing>,
}

/// Writes `/metrics`.
#[derive(Clone)]
pub struct Metrics(pub MetricsSource);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// Why a control plane cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no way to the apiserver.
    #[error(
        "there is no way to an apiserver: {0}; run in a pod with a service account, or set KUBECONFIG to a readable file"
    )]
    Config(String),
    /// An admin port cannot be used.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The xDS port cannot be used.
    #[error("the xDS server cannot listen on {address}: {source}; choose another --xds-address")]
    Bind {
        /// As configured.
        address: std::net::SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A part ended that never should.
    #[error("{0} ended before its time; the process ends so that it is started again")]
    Ended(&'static str),
}

/// Runs a control plane until `shutdown` is ready.
///
/// # Errors
/// When it cannot start, or a part of it breaks off.
pub async fn run(
    options: ControlOptions,
    surroundings: Surroundings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    run_with(client().await?, options, surroundings, shutdown).await
}

/// The same with a client of the apiserver.
pub(crate) async fn run_with(
    client: Client,
    options: ControlOptions,
    surroundings: Surroundings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let plane = Plane::new(client, Arc::new(options), surroundings);
    let listener = plane.bind_xds().await?;
    let admin = plane.bind_admin().await?;
    let (stop, stopped) = watch::channel(false);
    let (end, ended) = watch::channel(false);
    let mut servers = JoinSet::new();
    for server in admin {
        servers.spawn(server.serve(wait(ended.clone())));
    }
    let mut tasks = plane.start(listener, &stopped);
    tracing::info!(
        release = %plane.options.release, controller = %plane.options.controller_name, fleet = %plane.options.fleet,
        "The control plane runs."
    );
    let outcome = tokio::select! {
        () = shutdown => Ok(()),
        Some(ended) = tasks.join_next() => Err(RunError::Ended(ended.unwrap_or("a part that broke off"))),
    };
    tracing::info!("Draining: not ready any more; streams are handed over and the Lease is given back.");
    plane.board.drain();
    stop.send_replace(true);
    let rest = async { while tasks.join_next().await.is_some() {} };
    if timeout(LAST_WRITES, rest).await.is_err() {
        tracing::warn!("Some parts did not end in time; leaving them.");
    }
    plane.publisher.end_traces();
    end.send_replace(true);
    while servers.join_next().await.is_some() {}
    outcome
}

async fn client() -> Result<Client, RunError> {
    let config = kube::Config::infer().await.map_err(|error| RunError::Config(error.to_string()))?;
    Client::try_from(config).map_err(|error| RunError::Config(error.to_string()))
}

async fn wait(mut flag: watch::Receiver<bool>) {
    // Nobody to set it any more means the same.
    flag.wait_for(|flag| *flag).await.ok();
}

/// The parts that the others share.
struct Plane {
    client: Client,
    options: Arc<ControlOptions>,
    surroundings: Surroundings,
    board: Arc<Board>,
    hub: Hub,
    publisher: Arc<Publisher>,
}

impl Plane {
    fn new(client: Client, options: Arc<ControlOptions>, surroundings: Surroundings) -> Self {
        let hub = Hub::new();
        let publisher = Publisher::new(&options.fleet, hub.clone(), surroundings.telemetry.clone());
        let publisher = Arc::new(publisher.traced(surroundings.tracing.clone()));
        let board = Arc::new(Board::new(surroundings.telemetry.clone()));
        Self { client, board, options, surroundings, hub, publisher }
    }

    async fn bind_xds(&self) -> Result<TcpListener, RunError> {
        let address = self.options.xds_address;
        TcpListener::bind(address).await.map_err(|source| RunError::Bind { address, source })
    }

    /// The admin server, and the same again on the port that scrapers are let in to.
    async fn bind_admin(&self) -> Result<[AdminServer; 2], RunError> {
        let (board, publisher) = (self.board.clone(), self.publisher.clone());
        let source = format!("Kubernetes, controller {}", self.options.controller_name);
        let newest = publisher.newest();
        let parts = AdminParts {
            metrics: self.surroundings.metrics.0.clone(),
            readiness: self.board.clone(),
            config: Arc::new(move || report(&source, newest.borrow().as_deref(), &board)),
            log_level: self.surroundings.log_level.clone(),
        };
        let token = self.surroundings.admin_token.clone();
        let admin = AdminOptions { token: token.clone(), ..AdminOptions::new(self.options.admin_address) };
        let metrics = AdminOptions { token, ..AdminOptions::new(self.options.metrics_address) };
        let admin = AdminServer::bind(admin, parts.clone()).await?;
        let metrics = AdminServer::bind(metrics, parts).await?;
        self.board.up(Component::Admin);
        Ok([admin, metrics])
    }

    /// Starts everything; each part gives its name when it ends.
    fn start(&self, listener: TcpListener, stopped: &watch::Receiver<bool>) -> Parts {
        let mut parts = JoinSet::new();
        let observed = Arc::new(Observations::default());
        let lease =
            Lease::new(self.client.clone(), self.surroundings.telemetry.clone(), self.options.clone());
        let leading = lease.leading();
        let ending = stopped.clone();
        parts.spawn(async move { named(lease.run(ending), "the Lease").await });
        self.start_writers(&mut parts, &observed, &leading, stopped);

        let (client, options, board) = (self.client.clone(), self.options.clone(), self.board.clone());
        let (security, settings) = Security::new(client.clone(), options.clone(), board.clone());
        let watches = Watches::start(client, &options, board.clone(), observed);
        let pipeline = Pipeline::new(options.clone(), board.clone(), self.publisher.clone(), watches);
        let nodes = follow_nodes(self.hub.clone(), self.publisher.clone());
        let gate = open_gate(board.clone(), self.hub.clone(), self.publisher.clone(), options.sync_timeout);
        self.until_stopped(&mut parts, "the pipeline", pipeline.run(), stopped);
        self.until_stopped(&mut parts, "the keeper of certificates", security.run(leading), stopped);
        self.until_stopped(&mut parts, "the follower of data planes", nodes, stopped);
        self.until_stopped(&mut parts, "the gate", gate, stopped);
        let mut server = ServerOptions::new(options.pod_name.as_str());
        let telemetry = self.surroundings.telemetry.clone();
        server.on_refusal = OnRefusal::tell(move |why| telemetry.stream_refused(refusal(why)));
        let xds = serve_xds(listener, settings, self.hub.clone(), server, board, stopped.clone());
        parts.spawn(named(xds, "the xDS server"));
        parts
    }

    /// Starts those who write to the apiserver while this replica leads.
    fn start_writers(
        &self,
        parts: &mut Parts,
        observed: &Arc<Observations>,
        leading: &watch::Receiver<bool>,
        stopped: &watch::Receiver<bool>,
    ) {
        let newest = || self.publisher.newest();
        let common = || (self.client.clone(), self.surroundings.telemetry.clone(), self.options.clone());
        let (client, telemetry, options) = common();
        let (recorder, notices) = Recorder::new(client, telemetry, options);
        let (client, telemetry, options) = common();
        let infrastructure = Infrastructure::new(client, telemetry, options, notices.clone());
        let (client, telemetry, options) = common();
        let writer = Writer::new(client, telemetry, options, notices);
        let inputs = Inputs {
            published: newest(),
            observed: observed.clone(),
            refusals: infrastructure.refusals(),
            leading: leading.clone(),
            shutdown: stopped.clone(),
        };
        let (newest, leading) = (newest(), leading.clone());
        let (ending, recording) = (stopped.clone(), stopped.clone());
        parts.spawn(async move {
            named(infrastructure.run(newest, leading, ending), "the keeper of Services").await
        });
        parts.spawn(async move { named(writer.run(inputs), "the status writer").await });
        parts.spawn(async move { named(recorder.run(recording), "the recorder of Events").await });
    }

    /// A part that is dropped when the process is told to end.
    fn until_stopped(
        &self,
        parts: &mut Parts,
        name: &'static str,
        part: impl Future<Output = ()> + Send + 'static,
        stopped: &watch::Receiver<bool>,
    ) {
        let ending = wait(stopped.clone());
        parts.spawn(async move {
            tokio::select! {
                () = part => {}
                () = ending => {}
            }
            name
        });
    }
}

/// The word for a refusal of the xDS server.
fn refusal(why: clearway_xds::StreamRefusal) -> StreamRefusal {
    match why {
        clearway_xds::StreamRefusal::Tls => StreamRefusal::Tls,
        clearway_xds::StreamRefusal::Identity => StreamRefusal::Identity,
        clearway_xds::StreamRefusal::Protocol => StreamRefusal::Protocol,
        clearway_xds::StreamRefusal::Draining => StreamRefusal::Draining,
    }
}

/// Everything that runs; each gives its name when it ends.
type Parts = JoinSet<&'static str>;

async fn named(part: impl Future<Output = ()>, name: &'static str) -> &'static str {
    part.await;
    name
}

/// Lets streams be served once the third layer of readiness is there, and says when it takes long.
async fn open_gate(board: Arc<Board>, hub: Hub, publisher: Arc<Publisher>, patience: Duration) {
    let mut gate = board.gate();
    while timeout(patience, gate.wait_for(|open| *open)).await.is_err() {
        board.timed_out(patience);
    }
    hub.open_gate();
    publisher.gate_opened();
    tracing::info!("The gate is open: data planes are served.");
    std::future::pending().await
}

/// Serves xDS from the moment that there is a certificate, until the process is told to end.
async fn serve_xds(
    listener: TcpListener,
    mut settings: Settings,
    hub: Hub,
    options: ServerOptions,
    board: Arc<Board>,
    stopped: watch::Receiver<bool>,
) {
    let first = tokio::select! {
        first = settings.wait_for(Option::is_some) => first.ok().and_then(|first| first.clone()),
        () = wait(stopped.clone()) => return,
    };
    let Some(first) = first else { return };
    let (newest, tls) = watch::channel::<ServerTls>(first);
    board.up(Component::Xds);
    let rotate = async move {
        while settings.changed().await.is_ok() {
            if let Some(renewed) = settings.borrow_and_update().clone() {
                newest.send_replace(renewed);
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = clearway_xds::serve(listener, Some(tls), hub, options, wait(stopped)) => {}
        () = rotate => {}
    }
}
