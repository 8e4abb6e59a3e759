//! Bounds of the classic buckets, in seconds. Each bound is one series for each series of its family: choose with care.

/// Requests and tries: from half a millisecond to a minute; dense where objectives are set.
pub const REQUEST: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Phases: few, since there are nine phases for each listener.
pub const PHASE: &[f64] = &[0.000_01, 0.000_1, 0.001, 0.01, 0.1, 1.0, 10.0];
/// Connects, handshakes and round trips.
pub const CONNECT: &[f64] =
    &[0.000_1, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
