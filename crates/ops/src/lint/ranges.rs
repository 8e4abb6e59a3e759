//! Durations: long enough to hold samples, short enough to be answered.

use std::time::Duration;

use super::Setting;
use super::check::Found;
use crate::query::{INTERVAL, Query, RANGE, RATE_INTERVAL};

/// Four scrapes of 30 s: with fewer, one failed scrape leaves a gap (the habit of Prometheus's own mixins).
const SHORTEST: Duration = Duration::from_secs(120);
/// The longest window of an objective.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// Functions whose range must follow the scrape interval.
const RATES: [&str; 3] = ["rate", "irate", "increase"];

pub(super) fn check(query: &Query, setting: Setting) -> Vec<Found> {
    let mut found = Vec::new();
    for selector in query.selectors() {
        let (Some(range), Some(around)) = (selector.range, selector.inside.first()) else { continue };
        if !RATES.contains(&around.as_str()) {
            continue;
        }
        let filled = [RATE_INTERVAL, RANGE].contains(&range);
        if setting == Setting::Panel && !filled {
            let sentence =
                format!("{around} over a fixed range; take $__rate_interval, or $__range for a total");
            found.push(("rate-interval", sentence));
        }
        if range < SHORTEST && range != INTERVAL {
            found.push((
                "range",
                format!("{around} over {range:?}; take at least {SHORTEST:?}, four scrapes"),
            ));
        }
    }
    for range in query.ranges().into_iter().filter(|range| *range > LONGEST) {
        found.push(("range", format!("{range:?} is longer than {LONGEST:?}, which few servers keep")));
    }
    found
}
