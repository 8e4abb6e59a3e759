//! What stands in the cluster for each Gateway: a Service of its own whose ports lead to private ports of the fleet, and the
//! EndpointSlices that say which pods take them.
//!
//! `run` starts it once; only the leader writes. What always holds: a private port belongs to one Gateway only, and the
//! Service is the record of it; what is not made by this installation is never touched, and the Gateway says so.
//! A Gateway's things go by their owner reference, and are taken away here when the Gateway belongs to somebody else.

mod keeper;
mod plan;
mod ports;
mod service;
mod slices;

use std::collections::BTreeMap;
use std::sync::Arc;

use clearway_model::ObjectRef;
use clearway_telemetry::control::ControlTelemetry;
use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::events::Notices;
use crate::options::ControlOptions;
use crate::publish::{Newest, Published};
use crate::rest::Rest;
use crate::status::Queue;

use keeper::Keeper;
use plan::Wanted;

/// Most Gateways that wait.
const CAPACITY: usize = 20_000;
/// Gateways at a time.
const WORKERS: usize = 8;

/// Why a Gateway's Service is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Reason of the condition.
    pub(crate) reason: &'static str,
    /// What is wrong, and what to do.
    pub(crate) message: String,
}

/// Refusals by Gateway.
pub(crate) type Refusals = BTreeMap<ObjectRef, Refusal>;

/// Keeps Services and EndpointSlices.
#[derive(Debug)]
pub(crate) struct Infrastructure {
    keeper: Keeper,
    options: Arc<ControlOptions>,
    refusals: watch::Receiver<Arc<Refusals>>,
}

impl Infrastructure {
    /// Keeps nothing yet.
    pub(crate) fn new(
        client: Client,
        telemetry: Arc<ControlTelemetry>,
        options: Arc<ControlOptions>,
        notices: Notices,
    ) -> Self {
        let (refusing, refusals) = watch::channel(Arc::default());
        let keeper = Keeper {
            rest: Rest::new(client),
            telemetry,
            notices,
            controller: options.controller_name.clone(),
            refusing: Arc::new(refusing),
            wanted: Arc::default(),
        };
        Self { keeper, options, refusals }
    }

    /// Gateways whose Service is not as it should be, for their status.
    pub(crate) fn refusals(&self) -> watch::Receiver<Arc<Refusals>> {
        self.refusals.clone()
    }

    /// Keeps until the process ends.
    pub(crate) async fn run(
        self,
        published: Newest,
        mut leading: watch::Receiver<bool>,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let leads = async {
            while leading.wait_for(|leads| *leads).await.is_ok() {
                tokio::select! {
                    () = self.term(published.clone()) => {}
                    lost = leading.wait_for(|leads| !*leads) => drop(lost),
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = leads => {}
            // Nobody to set it any more means the same.
            _ = shutdown.wait_for(|ends| *ends) => {}
        }
    }

    /// Keeps for as long as this replica leads.
    async fn term(&self, mut published: Newest) {
        let queue = Arc::new(Queue::new(CAPACITY));
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            workers.spawn(self.keeper.clone().work(queue.clone()));
        }
        // What earlier terms gave stands in the Services by now, or was never written.
        let mut given = BTreeMap::new();
        let mut before: Option<Arc<Published>> = None;
        loop {
            let newest = published.borrow_and_update().clone();
            if let Some(newest) = newest.filter(|newest| differs(before.as_deref(), newest)) {
                let plans = &newest.translation.infrastructure;
                let wanted = Wanted::new(plans, newest.view.clone(), &self.options, &mut given);
                let pending = wanted.pending();
                self.keeper.want(wanted);
                self.keeper.refuse_full();
                for gateway in pending {
                    queue.push(gateway);
                }
                before = Some(newest);
            }
            tokio::select! {
                answer = published.changed() => if answer.is_err() {
                    // Nothing will be published any more: the process ends.
                    std::future::pending::<()>().await;
                },
                () = queue.emptied() => before = None,
            }
        }
    }
}

/// Whether two publications differ in what is looked at here. Most changes are about routes, which is not.
fn differs(before: Option<&Published>, now: &Published) -> bool {
    let Some(before) = before else { return true };
    fn same<T: PartialEq>(a: &Arc<T>, b: &Arc<T>) -> bool {
        Arc::ptr_eq(a, b) || a == b
    }
    let (a, b) = (&before.view, &now.view);
    let all = same(&a.services, &b.services)
        && same(&a.slices, &b.slices)
        && same(&a.pods, &b.pods)
        && a.gateways.keys().eq(b.gateways.keys())
        && before.translation.infrastructure == now.translation.infrastructure;
    !all
}
