//! Waiting without sleeping: gates that tests open by hand, and deadlines that name what did not happen.
//!
//! Called by tests and by every server of the kit. A deadline is the failure of a test, never its clock.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// How long anything may take before a test counts as failed. Generous: it is only ever reached by a failure.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// The future's output; panics with `what` when it takes longer than [`DEADLINE`].
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(output) => output,
        Err(_) => panic!("still waiting after {} s for: {what}", DEADLINE.as_secs()),
    }
}

/// A door in a scripted reply: whoever comes waits until the test opens it. Clones are the same gate.
///
/// It works across runtimes and threads, so a test holds a backend's response open for exactly as long as it likes.
#[derive(Clone, Debug)]
pub struct Gate {
    state: Arc<watch::Sender<GateState>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct GateState {
    open: bool,
    arrived: u64,
}

impl Default for Gate {
    fn default() -> Self {
        Self::closed()
    }
}

impl Gate {
    /// A closed gate.
    pub fn closed() -> Self {
        Self { state: Arc::new(watch::channel(GateState::default()).0) }
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.state.send_modify(|state| state.open = true);
    }

    /// Holds back everybody who comes from now on.
    pub fn close(&self) {
        self.state.send_modify(|state| state.open = false);
    }

    /// How many have come to the gate so far, let through or not.
    pub fn arrivals(&self) -> u64 {
        self.state.borrow().arrived
    }

    /// Comes to the gate and waits until it is open.
    pub async fn pass(&self) {
        self.state.send_modify(|state| state.arrived += 1);
        let mut state = self.state.subscribe();
        // The sender lives in `self`, so the channel cannot close here.
        if state.wait_for(|state| state.open).await.is_err() {
            unreachable!("a gate outlives those who wait at it");
        }
    }

    /// Waits until `count` have come to the gate in all; panics after [`DEADLINE`].
    pub async fn arrived(&self, count: u64) {
        let mut state = self.state.subscribe();
        let reached = async move { state.wait_for(|state| state.arrived >= count).await.is_ok() };
        assert!(within(&format!("{count} arrivals at a gate"), reached).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_gate_counts_arrivals_and_holds_until_opened() {
        let gate = Gate::closed();
        let walker = tokio::spawn({
            let gate = gate.clone();
            async move { gate.pass().await }
        });
        gate.arrived(1).await;
        assert!(!walker.is_finished());
        gate.open();
        within("the walker passes", walker).await.unwrap();
        gate.pass().await;
        assert_eq!(gate.arrivals(), 2);
    }
}
