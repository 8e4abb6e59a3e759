//! When what happens in a test, and the notation of promtool for how a series goes.

use super::{Case, Course};
use crate::rules::thresholds::{Thresholds, seconds};
use crate::rules::{alert::Level, alerts};

/// Minutes that every part takes beyond what is needed.
const SPARE: u64 = 10;

/// The minutes of a test.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct Plan {
    /// Length of each of the three parts.
    pub part: u64,
    /// Longest hold time of a level that fires only while it is loud.
    pub hold: u64,
}

impl Plan {
    /// Room for the window and the longest hold time, so that each part ends in a steady state.
    pub(super) fn of(case: &Case, thresholds: &Thresholds) -> Self {
        let minutes = |name: &str| {
            let text = thresholds.get(name).unwrap_or("0s");
            seconds(text).unwrap_or(0).div_ceil(60)
        };
        let levels: &[Level] =
            alerts().find(|alert| alert.name == case.alert).map_or(&[], |alert| alert.levels);
        let holds = levels.iter().map(|level| minutes(level.hold));
        let hold = holds.clone().min().unwrap_or(0);
        let longest = holds.max().unwrap_or(0);
        Self { part: minutes(case.window) + longest + SPARE, hold }
    }

    /// The end of the part with this number, from 0.
    pub(super) fn end(self, part: u64) -> u64 {
        self.part * (part + 1) - 1
    }
}

/// The values of a series: `parts` are its courses one after the other.
pub(super) fn values(plan: Plan, parts: &[Course]) -> String {
    let mut written = Vec::new();
    let mut before = 0.0;
    for (number, course) in parts.iter().enumerate() {
        let start = plan.part * number as u64;
        let last = plan.part - 1;
        match *course {
            // Two minutes into the part the process restarts and its counters begin again.
            Course::Rise(step) => {
                written.push(format!("{before}+{step}x1"));
                written.push(format!("{step}+{step}x{}", last - 2));
                before = step * (last - 1) as f64;
            }
            Course::At(value) => written.push(format!("{value}x{last}")),
            Course::Slope(from, step) => written.push(format!("{from}+{step}x{last}")),
            Course::Clock(ahead) => written.push(format!("{}+60x{last}", ahead + start as f64 * 60.0)),
            Course::Gone => written.push(format!("_x{}", plan.part)),
        }
    }
    written.join(" ")
}
