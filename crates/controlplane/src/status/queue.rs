//! What is still to be written: each object at most once, so that the newest plan wins; bounded, and with a waiting time
//! of its own for each object that fails.
//!
//! It holds names only. Who takes one out looks up what is wanted then. A name that finds no room is not lost: the queue
//! says so when it has run empty, and everything is looked over again.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Waiting time after the first failure; doubled with each one.
const FIRST: Duration = Duration::from_millis(200);
/// Longest waiting time.
const LONGEST: Duration = Duration::from_secs(60);

/// A queue of keys.
#[derive(Debug)]
pub(crate) struct Queue<K> {
    inner: Mutex<Inner<K>>,
    most: usize,
    /// Somebody who waits for a key may find one now.
    some: Notify,
    /// It ran empty after something found no room.
    emptied: Notify,
}

#[derive(Debug)]
struct Inner<K> {
    order: VecDeque<K>,
    /// The same as `order`.
    waiting: HashSet<K>,
    running: HashSet<K>,
    /// Pushed while they ran.
    again: HashSet<K>,
    later: BTreeSet<(Instant, K)>,
    failures: HashMap<K, u32>,
    overflowed: bool,
}

impl<K: Clone + Eq + Hash + Ord> Queue<K> {
    /// An empty queue for at most `most` keys.
    pub(crate) fn new(most: usize) -> Self {
        let inner = Inner {
            order: VecDeque::new(),
            waiting: HashSet::new(),
            running: HashSet::new(),
            again: HashSet::new(),
            later: BTreeSet::new(),
            failures: HashMap::new(),
            overflowed: false,
        };
        Self { inner: Mutex::new(inner), most, some: Notify::new(), emptied: Notify::new() }
    }

    /// Puts a key in, unless it is there. `false` when there is no room.
    pub(crate) fn push(&self, key: K) -> bool {
        let mut inner = self.lock();
        if inner.running.contains(&key) {
            inner.again.insert(key);
            return true;
        }
        if inner.waiting.contains(&key) {
            return true;
        }
        if inner.waiting.len() + inner.later.len() >= self.most {
            inner.overflowed = true;
            return false;
        }
        inner.later.retain(|(_, other)| *other != key);
        inner.waiting.insert(key.clone());
        inner.order.push_back(key);
        drop(inner);
        self.some.notify_one();
        true
    }

    /// The next key; nobody else gets it before [`Queue::done`] or [`Queue::retry`].
    pub(crate) async fn next(&self) -> K {
        loop {
            let until = match self.take(Instant::now()) {
                Ok(key) => return key,
                Err(until) => until,
            };
            match until {
                None => self.some.notified().await,
                Some(until) => tokio::select! {
                    () = self.some.notified() => {}
                    () = tokio::time::sleep_until(until) => {}
                },
            }
        }
    }

    /// A key that is due, or when one will be.
    fn take(&self, now: Instant) -> Result<K, Option<Instant>> {
        let mut inner = self.lock();
        while inner.later.first().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, key)) = inner.later.pop_first()
                && inner.waiting.insert(key.clone())
            {
                inner.order.push_back(key);
            }
        }
        let Some(key) = inner.order.pop_front() else {
            return Err(inner.later.first().map(|(due, _)| *due));
        };
        inner.waiting.remove(&key);
        inner.running.insert(key.clone());
        let more = !inner.order.is_empty();
        drop(inner);
        if more {
            self.some.notify_one();
        }
        Ok(key)
    }

    /// A key is dealt with.
    pub(crate) fn done(&self, key: &K) {
        let mut inner = self.lock();
        inner.failures.remove(key);
        self.release(inner, key);
    }

    /// A key failed: it comes again after a while, at once when it was pushed meanwhile. Gives the waiting time.
    pub(crate) fn retry(&self, key: &K, at_least: Duration) -> Duration {
        let mut inner = self.lock();
        let failures = inner.failures.entry(key.clone()).or_default();
        let step = FIRST.saturating_mul(1 << (*failures).min(16)).min(LONGEST);
        *failures += 1;
        let wait = step.mul_f64(0.5 + fastrand::f64() / 2.0).max(at_least);
        if inner.again.contains(key) {
            self.release(inner, key);
            return Duration::ZERO;
        }
        inner.later.insert((Instant::now() + wait, key.clone()));
        self.release(inner, key);
        self.some.notify_one();
        wait
    }

    /// A key runs no more; what was pushed meanwhile waits now, and an empty queue says what found no room.
    fn release(&self, mut inner: MutexGuard<'_, Inner<K>>, key: &K) {
        inner.running.remove(key);
        let empty = inner.order.is_empty() && inner.running.is_empty();
        let overflowed = empty && std::mem::take(&mut inner.overflowed);
        let again = inner.again.remove(key);
        drop(inner);
        if again {
            self.push(key.clone());
        }
        if overflowed {
            self.emptied.notify_one();
        }
    }

    /// How many keys wait, also those that wait for another try.
    pub(crate) fn depth(&self) -> usize {
        let inner = self.lock();
        inner.waiting.len() + inner.later.len()
    }

    /// Waits until the queue has run empty after something found no room.
    pub(crate) async fn emptied(&self) {
        self.emptied.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_key_waits_once_and_in_order() {
        let queue = Queue::new(10);
        for key in ["a", "b", "a", "c", "b"] {
            assert!(queue.push(key));
        }
        assert_eq!(queue.depth(), 3);
        let order = [queue.next().await, queue.next().await, queue.next().await];
        assert_eq!((order, queue.depth()), (["a", "b", "c"], 0));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_gets_a_key_that_runs_and_it_comes_again_when_pushed_meanwhile() {
        let queue = Queue::new(10);
        queue.push("a");
        let first = queue.next().await;
        queue.push("a");
        queue.push("a");
        let none = tokio::time::timeout(Duration::from_secs(3600), queue.next()).await;
        assert!(none.is_err(), "it still runs");
        queue.done(&first);
        assert_eq!(queue.next().await, "a");
        queue.done(&"a");
        assert_eq!(queue.depth(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_wait_longer_each_time_and_success_forgets_them() {
        let queue = Queue::new(10);
        queue.push("a");
        let mut bound = FIRST;
        for _ in 0..20 {
            let key = queue.next().await;
            let wait = queue.retry(&key, Duration::ZERO);
            assert!(wait >= bound / 2 && wait <= bound, "{wait:?} of {bound:?}");
            bound = (bound * 2).min(LONGEST);
        }
        let key = queue.next().await;
        queue.done(&key);
        queue.push("a");
        let key = queue.next().await;
        assert!(queue.retry(&key, Duration::ZERO) <= FIRST);
        let key = queue.next().await;
        assert!(queue.retry(&key, Duration::from_secs(7)) >= Duration::from_secs(7), "as the apiserver asks");
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_fails_comes_at_once_when_there_is_news() {
        let queue = Queue::new(10);
        queue.push("a");
        let key = queue.next().await;
        queue.push("a");
        assert_eq!(queue.retry(&key, Duration::from_secs(30)), Duration::ZERO);
        let before = Instant::now();
        assert_eq!((queue.next().await, before.elapsed()), ("a", Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_push_ends_the_waiting_time() {
        let queue = Queue::new(10);
        queue.push("a");
        let key = queue.next().await;
        queue.retry(&key, Duration::from_secs(30));
        let before = Instant::now();
        queue.push("a");
        assert_eq!(queue.next().await, "a");
        assert_eq!((before.elapsed(), queue.depth()), (Duration::ZERO, 0), "and it waits in one place only");
    }

    #[tokio::test(start_paused = true)]
    async fn what_finds_no_room_is_told_when_the_queue_is_empty() {
        let queue = Queue::new(2);
        assert!(queue.push("a") && queue.push("b") && !queue.push("c"));
        assert!(queue.push("a"), "it is there already");
        for _ in 0..2 {
            let key = queue.next().await;
            assert!(tokio::time::timeout(Duration::from_secs(1), queue.emptied()).await.is_err());
            queue.done(&key);
        }
        queue.emptied().await;
        assert!(tokio::time::timeout(Duration::from_secs(1), queue.emptied()).await.is_err(), "told once");
    }
}
