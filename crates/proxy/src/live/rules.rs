//! Rules as the corridor sees them: filters made ready, backends by index.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use clearway_model::{BackendFault, ObjectRef, Retry, Rule, RuleRef, Timeouts};
use clearway_telemetry::Telemetry;
use clearway_telemetry::families::{AttemptIdentity, AttemptTelemetry};

use super::filters::CompiledFilters;
use super::index::{BackendIndex, Reach, targets};

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
    /// Where its backends were when it was compiled, mirrors included.
    places: Vec<Option<usize>>,
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

/// Rules as they are compiled. Listeners that show the same certificate to backends, or none, share a rule; under others it
/// leads to different pools.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    telemetry: &'a Telemetry,
    index: &'a BackendIndex,
    /// Whether every backend is where it was.
    same_places: bool,
    fresh: HashMap<(*const Rule, Option<&'a ObjectRef>), Arc<LiveRule>>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(telemetry: &'a Telemetry, index: &'a BackendIndex, same_places: bool) -> Self {
        Self { telemetry, index, same_places, fresh: HashMap::new() }
    }

    /// The rule as a listener with this certificate for backends applies it. Pointers stand for rules while one
    /// configuration is compiled: the snapshot holds them.
    pub(super) fn get(&mut self, rule: &Arc<Rule>, identity: Option<&'a ObjectRef>) -> Arc<LiveRule> {
        let (telemetry, reach) = (self.telemetry, self.index.reach(identity));
        let entry = self.fresh.entry((Arc::as_ptr(rule), identity));
        entry.or_insert_with(|| Arc::new(compile_rule(rule, telemetry, reach))).clone()
    }

    /// Whether a rule that was compiled before still leads to the right places.
    pub(super) fn still_leads(&self, rule: &Rule, compiled: &LiveRule, identity: Option<&ObjectRef>) -> bool {
        let reach = self.index.reach(identity);
        self.same_places
            || targets(rule).map(|target| reach.find(target).ok()).eq(compiled.places.iter().copied())
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
        places: targets(rule).map(|target| backends.find(target).ok()).collect(),
    }
}
