//! What fires, as Prometheus's API says it, looked at all the time by one thread.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clearway_ops::runbooks::query::Labels;
use serde_json::Value;

use super::server::Prometheus;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Seen {
    /// Labels of everything that fires.
    firing: Mutex<Vec<Labels>>,
    looked: Condvar,
    ended: AtomicBool,
}

/// The watch. It ends with the value.
pub(crate) struct Watch {
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start(prometheus: Arc<Prometheus>) -> Self {
        let seen = Arc::new(Seen::default());
        let shared = seen.clone();
        let thread = std::thread::spawn(move || {
            while !shared.ended.load(Relaxed) {
                if let Ok(data) = prometheus.data("alerts", &[]) {
                    let firing = data["alerts"].as_array().into_iter().flatten();
                    let firing = firing
                        .filter(|alert| alert["state"] == "firing")
                        .map(|alert| labels(&alert["labels"]));
                    *shared.firing.lock().unwrap_or_else(PoisonError::into_inner) = firing.collect();
                    shared.looked.notify_all();
                }
                std::thread::park_timeout(LOOK);
            }
        });
        Self { seen, thread: Some(thread) }
    }

    /// Waits until an alert of this name fires whose labels have all these values (or none does), and gives its labels.
    pub(crate) fn until(&self, firing: bool, wanted: &[(String, String)], limit: Duration) -> Option<Labels> {
        let end = Instant::now() + limit;
        let mut all = self.seen.firing.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let found =
                all.iter().find(|labels| wanted.iter().all(|(name, value)| labels.get(name) == Some(value)));
            match (firing, found) {
                (true, Some(labels)) => return Some(labels.clone()),
                (false, None) => return Some(Labels::new()),
                _ => {}
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            all = self.seen.looked.wait_timeout(all, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.seen.ended.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Labels of an object of the API.
pub(crate) fn labels(object: &Value) -> Labels {
    let pairs = object.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}
