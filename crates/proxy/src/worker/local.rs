//! A worker's copy of the live configuration: the same things under counts of its own, so that a request takes and
//! returns handles without touching a line that another core writes. Rules are copied when first used.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use clearway_telemetry::families::{AttemptTelemetry, ListenerTelemetry, RuleTelemetry, SocketTelemetry};
use clearway_telemetry::policy::RequestPolicy;
use clearway_telemetry::{Held, Telemetry};

use crate::live::{Live, LiveBackend, LiveRule, PoolKey, Port, SocketKey};
use crate::switchyard::WorkerBackend;

/// The live configuration of one worker.
pub(crate) struct WorkerLive {
    pub(crate) live: Arc<Live>,
    pub(crate) version: Held<str>,
    pub(crate) ports: Vec<Rc<WorkerPort>>,
    pub(crate) backends: Vec<Rc<WorkerBackend>>,
    /// Whose requests they are when no listener takes them.
    pub(crate) nobody: Held<ListenerTelemetry>,
    pub(crate) nobodys_rule: Held<RuleTelemetry>,
    /// Whether this worker has served a request by it.
    pub(crate) served: Cell<bool>,
}

/// One port.
pub(crate) struct WorkerPort {
    pub(crate) port: Arc<Port>,
    pub(crate) telemetry: Held<SocketTelemetry>,
    pub(crate) listeners: Vec<WorkerListener>,
}

/// One listener with the rules that were used.
pub(crate) struct WorkerListener {
    pub(crate) telemetry: Held<ListenerTelemetry>,
    pub(crate) no_route: Held<RuleTelemetry>,
    /// What policies say of requests before a rule takes them.
    pub(crate) policy: Option<Held<RequestPolicy>>,
    rules: Vec<OnceCell<Rc<LocalRule>>>,
}

/// One rule under one listener.
pub(crate) struct LocalRule {
    pub(crate) rule: Arc<LiveRule>,
    pub(crate) telemetry: Held<RuleTelemetry>,
    /// Series of tries, in the order of the rule's choices; `None` where a choice leads nowhere.
    pub(crate) attempts: Vec<Option<Held<AttemptTelemetry>>>,
    /// What policies say of its requests.
    pub(crate) policy: Option<Held<RequestPolicy>>,
}

impl WorkerLive {
    /// Copies `live`; pools of backends that stay are kept, those of others go when their requests are done.
    pub(crate) fn of(
        live: Arc<Live>,
        before: Option<&Self>,
        pools: &mut HashMap<PoolKey, Rc<WorkerBackend>>,
        telemetry: &Telemetry,
    ) -> Self {
        let before = before.map_or(&[][..], |before| &before.backends);
        let mut same = before.len() == live.backends.len();
        let copy = |(at, backend): (usize, &Arc<LiveBackend>)| {
            // Most are where they were, and what they were.
            let kept = before.get(at).filter(|kept| Arc::ptr_eq(&kept.backend, backend));
            kept.cloned().unwrap_or_else(|| {
                same = false;
                let kept = pools.get(&backend.pool_key());
                match kept.filter(|kept| Arc::ptr_eq(&kept.backend, backend)) {
                    Some(same) => same.clone(),
                    None => Rc::new(WorkerBackend::new(backend.clone(), kept.map(|kept| &**kept))),
                }
            })
        };
        let backends: Vec<_> = live.backends.iter().enumerate().map(copy).collect();
        if !same {
            *pools = backends.iter().map(|backend| (backend.backend.pool_key(), backend.clone())).collect();
        }
        let ports = live.ports.values().map(|port| Rc::new(WorkerPort::of(port))).collect();
        let nobody = telemetry.no_listener();
        let nobodys_rule = Rc::new(nobody.no_route().clone());
        let (version, nobody) = (Rc::new(live.version.0.clone()), Rc::new(nobody));
        Self { live, version, ports, backends, nobody, nobodys_rule, served: Cell::new(false) }
    }

    /// Which of the ports a socket's is; `None` once the configuration has none there.
    pub(crate) fn place(&self, key: SocketKey) -> Option<usize> {
        self.ports.iter().position(|port| port.port.key == key)
    }

    /// The port of a socket; `None` once the configuration has none there.
    pub(crate) fn port(&self, key: SocketKey) -> Option<&Rc<WorkerPort>> {
        self.ports.get(self.place(key)?)
    }
}

impl WorkerPort {
    fn of(port: &Arc<Port>) -> Self {
        let listeners = port
            .listeners
            .iter()
            .map(|listener| WorkerListener {
                telemetry: Rc::new(listener.telemetry.clone()),
                no_route: Rc::new(listener.telemetry.no_route().clone()),
                policy: listener.policy.clone().map(Rc::new),
                rules: listener.attached.iter().map(|_| OnceCell::new()).collect(),
            })
            .collect();
        Self { port: port.clone(), telemetry: Rc::new(port.telemetry.clone()), listeners }
    }

    /// The worker's copy of rule `rule` of listener `listener`.
    pub(crate) fn rule(&self, listener: usize, rule: usize) -> Option<&Rc<LocalRule>> {
        let attached = self.port.listeners.get(listener)?.attached.get(rule)?;
        let slot = self.listeners.get(listener)?.rules.get(rule)?;
        Some(slot.get_or_init(|| {
            let attempts = attached.rule.choices.iter().map(|c| c.attempts.clone().map(Rc::new)).collect();
            let telemetry = Rc::new(attached.telemetry.clone());
            let policy = attached.policy.clone().map(Rc::new);
            Rc::new(LocalRule { rule: attached.rule.clone(), telemetry, attempts, policy })
        }))
    }
}
