//! The thread of a worker: its runtime, what it is told, and how it ends.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use arc_swap::ArcSwap;
use clearway_telemetry::Telemetry;
use clearway_telemetry::key::ConnectionEnd;
use tokio::runtime::{Builder, Handle, LocalOptions};
use tokio::sync::{mpsc, oneshot};

use super::{Worker, sweep};
use crate::door::accept;
use crate::door::conn::Closing;
use crate::ledger::{Ledger, LedgerOptions};
use crate::live::{Live, SocketKey};
use crate::options::Options;

/// What a worker is told.
pub(crate) enum Command {
    /// Accept connections on this socket.
    Listen { key: SocketKey, socket: TcpListener, done: oneshot::Sender<io::Result<()>> },
    /// Accept no more there, and let its connections finish.
    Unlisten { key: SocketKey },
    /// Take the newest configuration now and say so.
    Refresh { done: oneshot::Sender<()> },
    /// Tell clients to go elsewhere; everything else goes on.
    Leave,
    /// Accept no more anywhere; end when all is done or when the drain's time is over.
    Drain,
}

/// A worker as the rest of the process sees it.
pub(crate) struct WorkerHandle {
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    pub(crate) runtime: Handle,
}

/// Starts worker `index`.
///
/// # Errors
/// The operating system has no thread, or no event queue, left.
pub(crate) fn start(
    index: usize,
    options: &Arc<Options>,
    ledger: &LedgerOptions,
    telemetry: &Arc<Telemetry>,
    live: &Arc<ArcSwap<Live>>,
) -> io::Result<(WorkerHandle, JoinHandle<()>)> {
    let (commands, inbox) = mpsc::unbounded_channel();
    let (ready, started) = std::sync::mpsc::channel();
    let (options, ledger) = (options.clone(), ledger.clone());
    let (telemetry, live) = (telemetry.clone(), live.clone());
    let id =
        telemetry.worker(index).ok_or_else(|| io::Error::other(format!("worker {index} runs already")))?;
    let id = SendOnce(id);
    let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        let runtime = match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => runtime,
            Err(error) => {
                ready.send(Err(error)).ok();
                return;
            }
        };
        ready.send(Ok(runtime.handle().clone())).ok();
        runtime.block_on(async {
            let ledger = Ledger::new(id.into_inner(), &telemetry, &ledger);
            let worker = Worker::new(options, ledger, telemetry, live);
            run(worker, inbox).await;
        });
    })?;
    let runtime = started.recv().map_err(|_| io::Error::other("a worker ended before it began"))??;
    Ok((WorkerHandle { commands, runtime }, thread))
}

/// Carries a worker's id to its thread: it is `Send`, but not `Sync`.
struct SendOnce(clearway_telemetry::WorkerId);

impl SendOnce {
    fn into_inner(self) -> clearway_telemetry::WorkerId {
        self.0
    }
}

async fn run(worker: Rc<Worker>, mut inbox: mpsc::UnboundedReceiver<Command>) {
    let mut sockets: HashMap<SocketKey, oneshot::Sender<()>> = HashMap::new();
    let mut tick = tokio::time::interval(sweep::TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            command = inbox.recv() => match command {
                Some(Command::Listen { key, socket, done }) => {
                    done.send(listen(&worker, &mut sockets, key, socket)).ok();
                }
                Some(Command::Unlisten { key }) => unlisten(&worker, &mut sockets, key),
                Some(Command::Refresh { done }) => {
                    worker.live();
                    done.send(()).ok();
                }
                Some(Command::Leave) => leave(&worker),
                Some(Command::Drain) | None => break,
            },
            _ = tick.tick() => sweep::sweep(&worker),
        }
    }
    drop(sockets);
    drain(&worker, &mut tick).await;
}

fn listen(
    worker: &Rc<Worker>,
    sockets: &mut HashMap<SocketKey, oneshot::Sender<()>>,
    key: SocketKey,
    socket: TcpListener,
) -> io::Result<()> {
    let socket = tokio::net::TcpListener::from_std(socket)?;
    let (stop, stopped) = oneshot::channel();
    let worker = worker.clone();
    worker.doors.set(worker.doors.get() + 1);
    tokio::task::spawn_local(async move {
        accept::accept_loop(&worker, socket, key, stopped).await;
        worker.doors.set(worker.doors.get().saturating_sub(1));
    });
    sockets.insert(key, stop);
    Ok(())
}

fn unlisten(worker: &Worker, sockets: &mut HashMap<SocketKey, oneshot::Sender<()>>, key: SocketKey) {
    sockets.remove(&key);
    for (_, conn) in worker.conns.borrow().iter().filter(|(_, conn)| conn.socket == key) {
        conn.close(Closing::Graceful);
    }
}

/// From now on every answer says that it is the last of its connection. HTTP/2 can say so at any time, without losing a request;
/// an idle HTTP/1 connection could only be closed, perhaps under a request that is on its way, so it waits for its next one.
fn leave(worker: &Worker) {
    worker.leaving.set(true);
    for (_, conn) in worker.conns.borrow().iter().filter(|(_, conn)| conn.http2.get()) {
        conn.close(Closing::Graceful);
    }
}

/// Lets what runs finish; cuts off what is left when the time is over.
async fn drain(worker: &Rc<Worker>, tick: &mut tokio::time::Interval) {
    leave(worker);
    worker.draining.set(true);
    let end = Instant::now() + worker.options.drain;
    while worker.has_guests() {
        let now = Instant::now();
        for (_, conn) in worker.conns.borrow().iter().filter(|(_, conn)| conn.is_done(now)) {
            conn.close(Closing::Graceful);
        }
        if now >= end {
            worker.cut_off.set(true);
            worker.cutting.notify_waiters();
            for (_, conn) in worker.conns.borrow().iter() {
                conn.close(Closing::Now(ConnectionEnd::Drained));
            }
            // One more turn of the loop lets the tasks close their exchanges.
            tokio::task::yield_now().await;
            tick.tick().await;
            break;
        }
        tick.tick().await;
        sweep::sweep(worker);
    }
    worker.forget_pools();
    worker.ledger.flush();
}
