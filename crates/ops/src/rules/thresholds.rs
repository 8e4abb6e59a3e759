//! The values that expressions are filled with: every threshold, window and hold time of the alerts, by name.
//!
//! Whoever wants other values (the Helm chart, a test that cannot wait) gives them here by name; no expression is
//! edited. What always holds: every name is used by a rule, and a value is of the kind that its default is of.

use std::collections::BTreeMap;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A share, 1 is all.
    Ratio(f64),
    /// Seconds in a comparison.
    Seconds(f64),
    /// How many.
    Count(f64),
    /// How many in a second.
    PerSecond(f64),
    /// A PromQL duration: a window in brackets or a hold time.
    Duration(&'static str),
    /// The beginning of a link.
    Link(&'static str),
}

impl Value {
    fn text(self) -> String {
        match self {
            Self::Ratio(number) | Self::Seconds(number) | Self::Count(number) | Self::PerSecond(number) => {
                number.to_string()
            }
            Self::Duration(text) | Self::Link(text) => text.to_owned(),
        }
    }

    /// The word in the documentation.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Ratio(_) => "ratio",
            Self::Seconds(_) => "seconds",
            Self::Count(_) => "count",
            Self::PerSecond(_) => "per second",
            Self::Duration(_) => "duration",
            Self::Link(_) => "link",
        }
    }
}

/// A value with its name.
#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    /// As in expressions, between `<` and `>`.
    pub name: &'static str,
    /// What holds when nobody says otherwise.
    pub default: Value,
    /// What it is for.
    pub help: &'static str,
}

const fn t(name: &'static str, default: Value, help: &'static str) -> Threshold {
    Threshold { name, default, help }
}

use Value::{Count, Duration, Link, PerSecond, Ratio, Seconds};

/// Every threshold.
pub const ALL: &[Threshold] = &[
    t("runbookBase", Link("runbooks"), "Where runbooks are read: the part of runbook_url before /<Alert>.md"),
    t("dashboardBase", Link(""), "Where Grafana answers: the part of dashboard_url before /d/<uid>"),
    t("rateWindow", Duration("5m"), "Window of rates; at least four scrapes"),
    t("eventWindow", Duration("10m"), "Window in which single events are counted"),
    t("eventFor", Duration("0s"), "Hold time of alerts on single events: none, the window holds them"),
    t("trafficFloor", PerSecond(0.2), "Requests a second of a route below which shares of it mean nothing"),
    t("absentLookback", Duration("6h"), "How far back a plane must have been seen to be missed"),
    t("absentFor", Duration("15m"), "How long a plane is missing before somebody is woken"),
    t("targetDownFor", Duration("5m"), "How long a scrape target is down"),
    t("notReadyWarningFor", Duration("5m"), "How long one replica is not ready"),
    t("notReadyCriticalFor", Duration("5m"), "How long no replica is ready, or a data plane serves nothing"),
    t("disconnectedWarningFor", Duration("5m"), "How long one data plane has no control plane"),
    t("disconnectedCriticalFor", Duration("5m"), "How long no data plane has a control plane"),
    t("leaderMissingFor", Duration("5m"), "How long there is not exactly one leader"),
    t("cpuWarning", Ratio(0.8), "Share of the CPU that the process may use"),
    t("cpuWarningFor", Duration("5m"), "How long it is above cpuWarning"),
    t("cpuCritical", Ratio(0.95), "Share of the CPU that the process may use"),
    t("cpuCriticalFor", Duration("15m"), "How long it is above cpuCritical"),
    t("memoryGrowthWindow", Duration("2h"), "Window over which memory must have grown"),
    t("memoryGrowthWarning", Ratio(0.25), "Growth within the window, as a share of what it was at its begin"),
    t("memoryGrowthFor", Duration("1h"), "How long it grows like this"),
    t(
        "gatewayErrorRatioWarning",
        Ratio(0.01),
        "Share of a route's requests that fail because of the gateway",
    ),
    t(
        "gatewayErrorRatioCritical",
        Ratio(0.05),
        "Share of a route's requests that fail because of the gateway",
    ),
    t(
        "upstreamErrorRatioWarning",
        Ratio(0.05),
        "Share of a route's requests that fail because of the backend",
    ),
    t(
        "upstreamErrorRatioCritical",
        Ratio(0.2),
        "Share of a route's requests that fail because of the backend",
    ),
    t("errorRatioFor", Duration("5m"), "How long a share of errors is above its threshold"),
    t("clientAbortRatioWarning", Ratio(0.1), "Share of a route's requests that clients give up (499)"),
    t("clientAbortRatioCritical", Ratio(0.3), "Share of a route's requests that clients give up (499)"),
    t("clientAbortFor", Duration("5m"), "How long clients give up"),
    t("latencyWarning", Seconds(1.0), "99th percentile of a route's request duration"),
    t("latencyCritical", Seconds(5.0), "99th percentile of a route's request duration"),
    t("latencyFor", Duration("10m"), "How long a route is slow"),
    t("noEndpointWarningFor", Duration("5m"), "How long a backend has no healthy endpoint"),
    t("noEndpointCriticalFor", Duration("2m"), "How long requests fail because of it"),
    t("ejectionsWarning", Count(10.0), "Ejections of a backend's endpoints within eventWindow"),
    t("ejectedRatioCritical", Ratio(0.5), "Share of a backend's endpoints that are ejected"),
    t("ejectedFor", Duration("5m"), "How long that share is ejected"),
    t("retryRatioWarning", Ratio(0.2), "Share of tries at a backend that are retries"),
    t("retryRatioCritical", Ratio(0.5), "Share of tries at a backend that are retries"),
    t("retryFor", Duration("5m"), "How long there are that many retries"),
    t("connectionRatioWarning", Ratio(0.8), "Share of the connections that a data plane may have open"),
    t("connectionFor", Duration("5m"), "How long that many are open"),
    t("tlsFailureRatioWarning", Ratio(0.1), "Share of a listener's TLS handshakes that fail"),
    t("tlsFailureRatioCritical", Ratio(0.5), "Share of a listener's TLS handshakes that fail"),
    t("tlsFailureFloor", PerSecond(0.1), "TLS handshakes a second below which the share means nothing"),
    t("tlsFailureFor", Duration("10m"), "How long handshakes fail"),
    t("certificateExpiryWarning", Seconds(1_209_600.0), "Time until a certificate expires: 14 days"),
    t("certificateExpiryCritical", Seconds(259_200.0), "Time until a certificate expires: 3 days"),
    t("certificateFor", Duration("15m"), "How long the certificate is the one that is served"),
    t("pushFailingCriticalFor", Duration("5m"), "How long a data plane refuses the newest version"),
    t("staleWarning", Seconds(60.0), "How long a data plane has not had the newest version"),
    t("staleCritical", Seconds(300.0), "How long a data plane has not had the newest version"),
    t("staleFor", Duration("1m"), "How long that is so"),
    t("divergedFor", Duration("10m"), "How long replicas serve different versions"),
    t("refusedFor", Duration("5m"), "How long an old configuration is served because the newest was refused"),
    t("problemsFor", Duration("15m"), "How long there are objects that cannot be served as written"),
    t(
        "propagationWarning",
        Seconds(5.0),
        "99th percentile of the time from a change to a data plane that serves it",
    ),
    t(
        "propagationCritical",
        Seconds(20.0),
        "99th percentile of the time from a change to a data plane that serves it",
    ),
    t("propagationFor", Duration("10m"), "How long changes are slow"),
    t("watchErrorsWarning", Count(5.0), "Errors of the watch of a kind within eventWindow"),
    t("watchErrorsFor", Duration("5m"), "How long there are that many"),
    t("watchStalledCriticalFor", Duration("5m"), "How long a kind is not in step with the API server"),
    t("statusQueueRatioCritical", Ratio(0.9), "Share of the queue of status writes that is full"),
    t("statusQueueFor", Duration("10m"), "How long it is that full"),
    t("notProgrammedFor", Duration("10m"), "How long a Gateway is not accepted or not programmed"),
    t("clockSkewWarning", Seconds(30.0), "Difference between the clock of a process and that of Prometheus"),
    t("clockSkewFor", Duration("5m"), "How long they differ"),
    t("telemetryDropRatioWarning", Ratio(0.001), "Share of spans or log records that are dropped"),
    t("telemetryDropRatioCritical", Ratio(0.1), "Share of spans or log records that are dropped"),
    t("telemetryDropFor", Duration("5m"), "How long that many are dropped"),
    t("accessLogDropRatioWarning", Ratio(0.0), "Share of access-log lines that are dropped"),
    t("accessLogDropRatioCritical", Ratio(0.01), "Share of access-log lines that are dropped"),
    t("accessLogDropFor", Duration("2m"), "How long that many are dropped"),
    t("collectorQueueRatioWarning", Ratio(0.5), "Share of a queue of the Collector that is full"),
    t("collectorQueueRatioCritical", Ratio(0.8), "Share of a queue of the Collector that is full"),
    t("collectorQueueFor", Duration("5m"), "How long it is that full"),
    t("collectorRefusingFor", Duration("5m"), "How long the Collector refuses what it is sent"),
    t("collectorFailingFor", Duration("5m"), "How long the Collector cannot send on"),
    t("seriesBudget", Count(20_000.0), "Series of one process, with the buckets of histograms"),
    t("seriesBudgetWarning", Ratio(0.8), "Share of seriesBudget"),
    t("seriesBudgetFor", Duration("15m"), "How long there are that many"),
    t("scrapeSlowWarning", Seconds(5.0), "Time of a scrape; scrapeTimeout is 10 s"),
    t("scrapeSlowFor", Duration("10m"), "How long scrapes are slow"),
    t("debugLoggingFor", Duration("1h"), "How long debug logging is on"),
    t("sloInterval", Duration("1m"), "How often error ratios and burn rates of objectives are reckoned"),
    t("sloLongInterval", Duration("2m"), "How often those over days are: they read much and change slowly"),
    t("sloBudgetInterval", Duration("5m"), "How often what is left of the budgets is"),
    t(
        "sloBaseWindow",
        Duration("2m"),
        "Window of the rates that objectives are reckoned from; at least four scrapes",
    ),
    t(
        "sloTrafficFloor",
        PerSecond(0.02),
        "Requests a second, in the mean of the long window, below which nothing burns",
    ),
    t("sloFastLong", Duration("1h"), "Long window of the first pair"),
    t("sloFastShort", Duration("5m"), "Short window of the first pair"),
    t("sloFastFactor", Count(14.4), "Burn rate of the first pair: 2 % of a 30-day budget in 1 h"),
    t("sloFastFor", Duration("2m"), "Hold time of the first pair"),
    t("sloMediumLong", Duration("6h"), "Long window of the second pair, and short window of the fourth"),
    t("sloMediumShort", Duration("30m"), "Short window of the second pair"),
    t("sloMediumFactor", Count(6.0), "Burn rate of the second pair: 5 % of the budget in 6 h"),
    t("sloMediumFor", Duration("15m"), "Hold time of the second pair"),
    t("sloSlowLong", Duration("1d"), "Long window of the third pair"),
    t("sloSlowShort", Duration("2h"), "Short window of the third pair"),
    t("sloSlowFactor", Count(3.0), "Burn rate of the third pair: 10 % of the budget in 1 d"),
    t("sloSlowFor", Duration("1h"), "Hold time of the third pair"),
    t("sloTrickleLong", Duration("3d"), "Long window of the fourth pair"),
    t("sloTrickleFactor", Count(1.0), "Burn rate of the fourth pair: 10 % of the budget in 3 d"),
    t("sloTrickleFor", Duration("3h"), "Hold time of the fourth pair"),
    t("sloPeriod", Duration("30d"), "Period of the budget"),
];

/// The values of one rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds(BTreeMap<&'static str, String>);

impl Default for Thresholds {
    fn default() -> Self {
        Self(ALL.iter().map(|threshold| (threshold.name, threshold.default.text())).collect())
    }
}

/// Why a value cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// It has another form.
    #[error("line {line}: '{text}' is not of the form `name: value`")]
    Form {
        /// Its line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// There is none of this name.
    #[error("there is no threshold '{0}'; crates/ops/src/rules/thresholds.rs lists them")]
    Name(String),
    /// The value is of another kind.
    #[error("{name} is a {kind}, and '{text}' is none")]
    Kind {
        /// Of the threshold.
        name: &'static str,
        /// What it is.
        kind: &'static str,
        /// What was given.
        text: String,
    },
}

impl Thresholds {
    /// For a template that is filled later: each value is `@@name@@`.
    pub(super) fn names() -> Self {
        Self(ALL.iter().map(|threshold| (threshold.name, format!("@@{}@@", threshold.name))).collect())
    }

    /// Sets what a file says: lines of `name: value`, blank lines and `#` comments.
    ///
    /// # Errors
    /// When a line is none, a name is unknown, or a value is of another kind.
    pub fn read(&mut self, text: &str) -> Result<(), ThresholdError> {
        for (index, line) in text.lines().enumerate() {
            let line = line.split(" #").next().unwrap_or_default().trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, value)) = line.split_once(':') else {
                return Err(ThresholdError::Form { line: index + 1, text: line.to_owned() });
            };
            self.set(name.trim(), value.trim().trim_matches(['"', '\'']))?;
        }
        Ok(())
    }

    /// Sets one.
    ///
    /// # Errors
    /// When there is none of this name, or the value is of another kind.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), ThresholdError> {
        let Some(threshold) = ALL.iter().find(|threshold| threshold.name == name) else {
            return Err(ThresholdError::Name(name.to_owned()));
        };
        let fits = match threshold.default {
            Ratio(_) | Seconds(_) | Count(_) | PerSecond(_) => {
                text.parse::<f64>().is_ok_and(|number| number.is_finite() && number >= 0.0)
            }
            Duration(_) => seconds(text).is_some(),
            Link(_) => !text.contains(char::is_whitespace),
        };
        if !fits {
            let (name, kind) = (threshold.name, threshold.default.kind());
            return Err(ThresholdError::Kind { name, kind, text: text.to_owned() });
        }
        self.0.insert(threshold.name, text.to_owned());
        Ok(())
    }

    /// The text of a value; `None` when there is none of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// The seconds of a PromQL duration such as `1h30m`; `None` when it is none.
pub fn seconds(text: &str) -> Option<u64> {
    let (mut total, mut rest) = (0, text);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        let letters = rest.get(digits..)?;
        let factor = match letters.chars().next()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        total += number * factor;
        rest = letters.get(1..)?;
    }
    (!text.is_empty()).then_some(total)
}
