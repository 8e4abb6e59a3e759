//! What `make run` shows besides the gateway: two small backends and a trickle of traffic. Called by the pages of the
//! binary; nothing that serves real traffic depends on it.

pub(crate) mod backend;
pub(crate) mod traffic;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clearway_dataplane::ConfigState;
use clearway_model::ListenerProtocol;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Done;
use crate::cli::{DemoBackendArgs, RunArgs};
use crate::run::wait_for;

/// The backends that the shipped example names.
const BACKENDS: [(&str, u16); 2] = [("demo-a", 18091), ("demo-b", 18092)];
/// Requests per second of the trickle.
const RATE: f64 = 4.0;
/// Between two looks at whether a first configuration is served.
const POLL: Duration = Duration::from_millis(100);

/// `clearway demo-backend`: serves until SIGTERM or SIGINT.
pub(crate) fn run(args: &DemoBackendArgs) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let ended = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        backend::serve(args.name.clone(), args.address, ended).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The demo's tasks under way; none without `--demo`.
#[derive(Debug)]
pub(crate) struct Demo {
    tasks: JoinSet<()>,
}

/// Starts what `--demo` asks for; it ends when `stopped` becomes true.
pub(crate) fn start(args: &RunArgs, state: &Arc<ConfigState>, stopped: watch::Receiver<bool>) -> Demo {
    let mut tasks = JoinSet::new();
    if !args.demo {
        return Demo { tasks };
    }
    for (name, port) in BACKENDS {
        let serving = backend::serve(name.to_owned(), local(port), wait_for(stopped.clone()));
        tasks.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "A demo backend does not run.");
            }
        });
    }
    tasks.spawn(announce(state.clone(), args.admin.admin_address.port(), stopped.clone()));
    if args.demo_traffic.is_on() {
        tasks.spawn(send(state.clone(), stopped));
    }
    Demo { tasks }
}

impl Demo {
    /// Waits until everything has ended.
    pub(crate) async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Waits for the first configuration and says where to look, and what to try.
async fn announce(state: Arc<ConfigState>, admin: u16, stopped: watch::Receiver<bool>) {
    let ports = tokio::select! {
        ports = ports(&state) => ports,
        () = wait_for(stopped) => return,
    };
    let Some(first) = ports.first() else { return };
    let all: Vec<String> = ports.iter().map(|port| format!("http://localhost:{port}")).collect();
    println!("gateway   {}", all.join("  "));
    println!("metrics   http://localhost:{admin}/metrics");
    println!("readiness http://localhost:{admin}/readyz?verbose");
    println!("try       curl -i http://localhost:{first}/hello");
}

/// Waits for the first configuration and sends the trickle to its clear-text ports.
async fn send(state: Arc<ConfigState>, stopped: watch::Receiver<bool>) {
    let ports = tokio::select! {
        ports = ports(&state) => ports,
        () = wait_for(stopped.clone()) => return,
    };
    let addresses = ports.into_iter().map(local).collect();
    let tally = traffic::trickle(addresses, RATE, wait_for(stopped)).await;
    tracing::info!(answered = tally.answered, failed = tally.failed, "The demo traffic has ended.");
}

async fn ports(state: &ConfigState) -> Vec<u16> {
    loop {
        if let Some(served) = state.served() {
            let clear = served.snapshot.listeners.values().filter(|l| l.protocol == ListenerProtocol::Http);
            let mut ports: Vec<u16> = clear.flat_map(|listener| listener.binds.iter().copied()).collect();
            ports.sort_unstable();
            ports.dedup();
            return ports;
        }
        tokio::time::sleep(POLL).await;
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
