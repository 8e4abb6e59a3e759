//! Rules as the corridor sees them: filters made ready, backends by index.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use clearway_model::{BackendFault, BackendRef, Retry, Rule, RuleRef, Snapshot, Timeouts};
use clearway_telemetry::Telemetry;
use clearway_telemetry::families::{AttemptIdentity, AttemptTelemetry};

use super::filters::CompiledFilters;

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

/// Compiles every rule of a snapshot.
pub(super) fn compile(
    snapshot: &Snapshot,
    telemetry: &Telemetry,
    backends: &HashMap<BackendRef, usize>,
) -> BTreeMap<RuleRef, Arc<LiveRule>> {
    snapshot
        .rules
        .iter()
        .map(|(name, rule)| (name.clone(), Arc::new(compile_rule(rule, telemetry, backends))))
        .collect()
}

fn compile_rule(rule: &Rule, telemetry: &Telemetry, backends: &HashMap<BackendRef, usize>) -> LiveRule {
    let choices: Vec<_> = rule
        .backends
        .iter()
        .map(|choice| {
            let backend = choice.target.clone().and_then(|target| lookup(backends, &target));
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

pub(super) fn lookup(
    backends: &HashMap<BackendRef, usize>,
    target: &BackendRef,
) -> Result<usize, BackendFault> {
    backends.get(target).copied().ok_or_else(|| BackendFault {
        reason: "BackendNotFound".into(),
        message: format!("{target} is not in the configuration; check that it exists").into(),
    })
}
