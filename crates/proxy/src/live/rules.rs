//! Rules as the corridor sees them: filters made ready, backends by index.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use clearway_model::{BackendFault, ObjectRef, Retry, Rule, RuleRef, Snapshot, Timeouts};
use clearway_telemetry::Telemetry;
use clearway_telemetry::families::{AttemptIdentity, AttemptTelemetry};

use super::filters::CompiledFilters;
use super::index::{BackendIndex, Reach, identities};

/// One rule.
#[derive(Debug)]
pub(crate) struct LiveRule {
    pub(crate) rule: RuleRef,
    pub(crate) filters: CompiledFilters,
    pub(crate) choices: Vec<LiveChoice>,
    /// Sum of the weights.
    pub(crate) total_weight: u64,
    pub(crate) timeouts: Timeouts,
    pub(crate) retry: Option<LiveRetry>,
}

/// One weighted backend of a rule.
#[derive(Debug)]
pub(crate) struct LiveChoice {
    pub(crate) weight: u64,
    /// Index into the backends, or why there is none.
    pub(crate) backend: Result<usize, BackendFault>,
    pub(crate) filters: CompiledFilters,
    /// Series of the rule's tries there.
    pub(crate) attempts: Option<Arc<AttemptTelemetry>>,
}

/// What is tried again.
#[derive(Debug)]
pub(crate) struct LiveRetry {
    pub(crate) attempts: u32,
    pub(crate) codes: Vec<u16>,
    pub(crate) backoff: Option<Duration>,
}

impl From<&Retry> for LiveRetry {
    fn from(retry: &Retry) -> Self {
        Self { attempts: retry.attempts, codes: retry.codes.clone(), backoff: retry.backoff }
    }
}

/// A rule by the certificate for backends that its listeners show.
type ByIdentity<'a> = Vec<(Option<&'a ObjectRef>, Arc<LiveRule>)>;

/// Every rule of a snapshot. One that listeners with different certificates for backends share is there once for each
/// of these, since it leads to different pools.
#[derive(Debug, Default)]
pub(super) struct Rules<'a> {
    all: HashMap<&'a RuleRef, ByIdentity<'a>>,
}

impl<'a> Rules<'a> {
    pub(super) fn compile(snapshot: &'a Snapshot, telemetry: &Telemetry, backends: &BackendIndex) -> Self {
        let compile = |rule| {
            let each = identities(snapshot, rule).into_iter();
            each.map(|identity| (identity, Arc::new(compile_rule(rule, telemetry, backends.reach(identity)))))
                .collect()
        };
        Self { all: snapshot.rules.iter().map(|(name, rule)| (name, compile(rule))).collect() }
    }

    /// The rule as a listener with this certificate for backends applies it.
    pub(super) fn get(&self, rule: &RuleRef, identity: Option<&ObjectRef>) -> Option<&Arc<LiveRule>> {
        self.all.get(rule)?.iter().find(|(of, _)| *of == identity).map(|(_, rule)| rule)
    }
}

fn compile_rule(rule: &Rule, telemetry: &Telemetry, backends: Reach<'_>) -> LiveRule {
    let choices: Vec<_> = rule
        .backends
        .iter()
        .map(|choice| {
            let backend = choice.target.clone().and_then(|target| backends.find(&target));
            let attempts = choice.target.as_ref().ok().map(|target| {
                telemetry.attempt(&AttemptIdentity { rule: rule.rule.clone(), backend: target.clone() })
            });
            LiveChoice {
                weight: u64::from(choice.weight),
                backend,
                filters: CompiledFilters::compile_for_backend(&choice.filters, backends),
                attempts,
            }
        })
        .collect();
    LiveRule {
        rule: rule.rule.clone(),
        filters: CompiledFilters::compile(&rule.filters, backends),
        total_weight: choices.iter().map(|choice| choice.weight).sum(),
        choices,
        timeouts: rule.timeouts,
        retry: rule.retry.as_ref().map(LiveRetry::from),
    }
}
