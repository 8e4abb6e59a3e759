//! Waits between tries: growing, and different for each client, so that a fleet does not come back as one.

use std::time::Duration;

/// Exponential backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait, at most.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(5) }
    }
}

impl Backoff {
    /// A series of waits from the beginning.
    pub(super) fn waits(self) -> Waits {
        Waits { next: self.first, longest: self.longest }
    }
}

/// A series of waits.
#[derive(Debug)]
pub(super) struct Waits {
    next: Duration,
    longest: Duration,
}

impl Waits {
    /// Between a half and the whole of a length that doubles each time.
    pub(super) fn next_wait(&mut self) -> Duration {
        let whole = self.next.min(self.longest);
        self.next = whole.saturating_mul(2).min(self.longest);
        whole.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_differ() {
        let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_millis(350) };
        let mut waits = backoff.waits();
        for whole in [100, 200, 350, 350] {
            let wait = waits.next_wait();
            let whole = Duration::from_millis(whole);
            assert!(wait >= whole / 2 && wait <= whole, "{wait:?} of {whole:?}");
        }
        assert!(
            (0..100).map(|_| backoff.waits().next_wait()).collect::<std::collections::HashSet<_>>().len() > 1
        );
    }
}
