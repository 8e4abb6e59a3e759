//! One alert and its fault: when it fired, what its runbook showed meanwhile, when it cleared.

use std::time::{Duration, Instant};

use clearway_ops::rules;

use super::blocks::{self, Ran};
use super::place::Place;
use super::stage::Stage;

/// Longest until an alert fires after its fault has begun, or clears after it has ended.
const LIMIT: Duration = Duration::from_secs(150);

/// A severity, and the labels that are its own.
pub(crate) type Level<'l> = (&'l str, &'l [(&'l str, &'l str)]);

/// An alert that is played.
pub(crate) struct Case<'s> {
    stage: &'s Stage,
    alert: &'static str,
    fault: &'static str,
    /// Labels that tell it from the same alert of other acts.
    own: Vec<(String, String)>,
    began: Instant,
    levels: Vec<(String, Option<f64>)>,
    /// What must be quiet in the end.
    waited: Vec<Vec<(String, String)>>,
    blocks: Vec<Ran>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    pub(crate) alert: &'static str,
    pub(crate) fault: &'static str,
    /// Each level that was waited for, with the seconds until it fired.
    pub(crate) levels: Vec<(String, Option<f64>)>,
    /// Seconds until it was quiet again.
    pub(crate) cleared: Option<f64>,
    pub(crate) blocks: Vec<Ran>,
}

impl<'s> Case<'s> {
    /// The fault begins now.
    pub(crate) fn begin(stage: &'s Stage, alert: &str, fault: &'static str, own: &[(&str, &str)]) -> Self {
        let known = rules::alerts().find(|known| known.name == alert);
        let alert = known.unwrap_or_else(|| panic!("there is no alert {alert}")).name;
        stage.say(&format!("{alert}: {fault}"));
        let own = std::iter::once(("alertname", alert)).chain(own.iter().copied());
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (levels, waited, blocks) = (Vec::new(), Vec::new(), Vec::new());
        Self { stage, alert, fault, own, began: Instant::now(), levels, waited, blocks }
    }

    /// Waits until the alert fires with each of these severities, then runs its runbook, with the labels of the first.
    pub(crate) fn fires(&mut self, severities: &[&str], place: &Place<'_>) {
        let levels: Vec<Level<'_>> = severities.iter().map(|severity| (*severity, [].as_slice())).collect();
        self.fires_with(&levels, place);
    }

    /// The same, with further labels of each level.
    pub(crate) fn fires_with(&mut self, levels: &[Level<'_>], place: &Place<'_>) {
        let mut first = None;
        for (severity, labels) in levels {
            let mut wanted = self.own.clone();
            wanted.extend(labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            self.waited.push(wanted.clone());
            wanted.push(("severity".to_owned(), (*severity).to_owned()));
            let labels = self.stage.watch.until(true, &wanted, LIMIT);
            let after = labels.as_ref().map(|_| self.began.elapsed().as_secs_f64());
            match after {
                Some(after) => self.stage.say(&format!("{} {severity} fires after {after:.0} s", self.alert)),
                None => self.stage.say(&format!("{} {severity} does NOT fire ({})", self.alert, self.fault)),
            }
            self.levels.push(((*severity).to_owned(), after));
            first = first.or(labels);
        }
        if let Some(labels) = first {
            self.blocks.extend(blocks::run(self.stage, self.alert, &labels, place));
        }
    }

    /// The fault has ended: waits until the alert is quiet.
    pub(crate) fn clears(self) {
        let ended = Instant::now();
        let quiet = self
            .waited
            .iter()
            .map(|own| self.stage.watch.until(false, own, LIMIT))
            .collect::<Option<Vec<_>>>();
        let cleared = quiet.map(|_| ended.elapsed().as_secs_f64());
        match cleared {
            Some(after) => self.stage.say(&format!("{} is quiet after {after:.0} s", self.alert)),
            None => self.stage.say(&format!("{} does NOT clear", self.alert)),
        }
        let Self { stage, alert, fault, levels, blocks, .. } = self;
        stage.report.played(Played { alert, fault, levels, cleared, blocks });
    }
}
