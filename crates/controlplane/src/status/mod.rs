//! The status writer: makes the status of every object of ours say what the newest translation says of it.
//!
//! `run` starts it once. Only the leader writes; everybody counts. What always holds: an object whose status already says
//! the right thing costs no request, what others wrote stays, and a newer plan takes the place of an older one that is
//! still waiting.

mod conditions;
mod gauges;
#[cfg(test)]
pub(crate) mod live;
mod merge;
mod notes;
mod queue;
mod target;
mod transition;
mod work;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clearway_telemetry::control::{ControlTelemetry, StatusDrop};
use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::events::Notices;
use crate::options::ControlOptions;
use crate::publish::{Newest, Published};
use crate::rest::Rest;
use crate::services::Refusals;
use crate::world::Observations;

pub(crate) use conditions::shortened;
pub(crate) use queue::Queue;

use notes::Notes;
use target::Target;
use work::{Wanted, Worker};

/// Requests at a time: 2,000 statuses at 20 ms each are written in 2.5 s.
const WORKERS: usize = 16;
/// Changes of statuses are gathered for so long before they are looked at.
const GATHER: Duration = Duration::from_millis(20);

/// What the writer follows.
pub(crate) struct Inputs {
    /// The newest translation.
    pub(crate) published: Newest,
    /// Statuses as the watches saw them.
    pub(crate) observed: Arc<Observations>,
    /// Gateways whose Service cannot be made.
    pub(crate) refusals: watch::Receiver<Arc<Refusals>>,
    /// Whether this replica leads.
    pub(crate) leading: watch::Receiver<bool>,
    /// Whether the process ends.
    pub(crate) shutdown: watch::Receiver<bool>,
}

/// Writes status.
#[derive(Debug)]
pub(crate) struct Writer {
    rest: Rest,
    telemetry: Arc<ControlTelemetry>,
    options: Arc<ControlOptions>,
    notices: Notices,
}

impl Writer {
    /// A writer that follows nothing yet.
    pub(crate) fn new(
        client: Client,
        telemetry: Arc<ControlTelemetry>,
        options: Arc<ControlOptions>,
        notices: Notices,
    ) -> Self {
        telemetry.status_queue_capacity(options.status_queue as u64);
        Self { rest: Rest::new(client), telemetry, options, notices }
    }

    /// Follows until the process ends.
    pub(crate) async fn run(self, inputs: Inputs) {
        let Inputs { published, observed, refusals, mut leading, mut shutdown } = inputs;
        let ending = shutdown.clone();
        let counting = gauges::follow(published.clone(), self.telemetry.clone());
        let leads = async {
            // The sender lives as long as the Lease; without it nobody leads any more.
            while leading.wait_for(|leads| *leads).await.is_ok() {
                let term = self.term(published.clone(), refusals.clone(), &observed, &ending);
                tokio::select! {
                    () = term => {}
                    lost = leading.wait_for(|leads| !*leads) => drop(lost),
                }
                tracing::debug!("A term of the status writer ends.");
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = leads => {}
            () = counting => {}
            // Nobody to set it any more means the same.
            _ = shutdown.wait_for(|ends| *ends) => {}
        }
    }

    /// Writes for as long as this replica leads. Ends only when nothing will be published any more.
    async fn term(
        &self,
        published: Newest,
        refusals: watch::Receiver<Arc<Refusals>>,
        observed: &Arc<Observations>,
        ending: &watch::Receiver<bool>,
    ) {
        let queue = Arc::new(Queue::new(self.options.status_queue));
        let guard =
            Dropped { queue: queue.clone(), telemetry: self.telemetry.clone(), ending: ending.clone() };
        let wanted = watch::Sender::new(None);
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            let worker = Worker {
                rest: self.rest.clone(),
                telemetry: self.telemetry.clone(),
                notices: self.notices.clone(),
                controller: self.options.controller_name.clone(),
                observed: observed.clone(),
                queue: queue.clone(),
                wanted: wanted.subscribe(),
            };
            workers.spawn(worker.run());
        }
        let planner = Planner {
            wanted,
            queue,
            observed: observed.clone(),
            telemetry: self.telemetry.clone(),
            capacity: self.options.status_queue,
        };
        planner.follow(published, refusals).await;
        drop(guard);
    }
}

/// Counts what still waits when a term ends: the next leader writes it.
struct Dropped {
    queue: Arc<Queue<Target>>,
    telemetry: Arc<ControlTelemetry>,
    ending: watch::Receiver<bool>,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        let depth = self.queue.depth();
        if depth > 0 {
            let reason = if *self.ending.borrow() { StatusDrop::Shutdown } else { StatusDrop::NotLeader };
            self.telemetry.status_dropped(reason, depth as u64);
        }
        self.telemetry.status_queue(0);
    }
}

/// Finds out which objects have to be looked at.
struct Planner {
    wanted: watch::Sender<Option<Arc<Wanted>>>,
    queue: Arc<Queue<Target>>,
    observed: Arc<Observations>,
    telemetry: Arc<ControlTelemetry>,
    capacity: usize,
}

impl Planner {
    async fn follow(&self, mut published: Newest, mut refusals: watch::Receiver<Arc<Refusals>>) {
        let mut changes = self.observed.changes();
        if published.wait_for(Option::is_some).await.is_err() {
            return;
        }
        self.plan(published.borrow_and_update().clone(), &refusals.borrow_and_update().clone());
        self.everything();
        loop {
            tokio::select! {
                answer = published.changed() => {
                    if answer.is_err() {
                        return;
                    }
                    self.plan(published.borrow_and_update().clone(), &refusals.borrow().clone());
                }
                Ok(()) = refusals.changed() => {
                    let refusals = refusals.borrow_and_update().clone();
                    self.plan(published.borrow().clone(), &refusals);
                }
                Ok(()) = changes.changed() => {
                    tokio::time::sleep(GATHER).await;
                    changes.mark_unchanged();
                    let changed = self.observed.take_changed();
                    self.push(changed.into_iter().filter_map(|(kind, object)| Target::new(kind, object)).collect());
                }
                () = self.queue.emptied() => self.everything(),
            }
        }
    }

    /// Takes a new plan over, and has looked at what it changes.
    fn plan(&self, published: Option<Arc<Published>>, refusals: &Refusals) {
        let Some(published) = published else { return };
        let notes = notes::collect(published.faults.values(), &published.snapshot, refusals);
        let before = self.wanted.borrow().clone();
        let status = &published.translation.status;
        let mut targets = target::changed(before.as_ref().map(|before| before.plan()), status);
        let none = Notes::new();
        targets.extend(notes::changed(before.as_ref().map_or(&none, |before| &before.notes), &notes));
        self.wanted
            .send_replace(Some(Arc::new(Wanted { translation: published.translation.clone(), notes })));
        self.push(targets);
    }

    /// Has everything looked at that has a status: entries of ours may stand where no plan speaks of them any more.
    fn everything(&self) {
        self.observed.take_changed();
        let all = Target::kinds().flat_map(|kind| {
            self.observed.names(kind).into_iter().filter_map(move |object| Target::new(kind, object))
        });
        self.push(all.collect());
    }

    fn push(&self, targets: BTreeSet<Target>) {
        let refused = targets.into_iter().filter(|target| !self.queue.push(target.clone())).count();
        if refused > 0 {
            self.telemetry.status_dropped(StatusDrop::QueueFull, refused as u64);
            tracing::warn!(
                refused,
                capacity = self.capacity,
                "The status queue is full; the rest is looked at when it is empty."
            );
        }
        self.telemetry.status_queue(self.queue.depth() as u64);
    }
}
