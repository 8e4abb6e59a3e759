//! The way of records from the workers to the one thread that carries them away.
//!
//! Workers hand over parcels of many records, so the lock is taken once for each parcel and never for each request.
//! The lane is bounded: what does not fit is dropped at once and counted to the record; no worker ever waits for the
//! carrier. Every record that enters leaves the books exactly once: settled by the carrier, dropped at the entry, or
//! counted as lost by [`Lane::finish`] when its deadline passes, after which the carrier's word counts no more.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{Books, DropReason};

/// Many records in one piece.
pub(crate) trait Parcel: Default + Send + 'static {
    /// Records in it.
    fn records(&self) -> u64;
    /// Its share of the lane's limit.
    fn weight(&self) -> usize;
    /// Empties it and keeps its memory.
    fn clear(&mut self);
}

impl<T: Send + 'static> Parcel for Vec<T> {
    fn records(&self) -> u64 {
        self.len() as u64
    }
    fn weight(&self) -> usize {
        self.len()
    }
    fn clear(&mut self) {
        Vec::clear(self);
    }
}

/// Empty parcels kept for another use.
const SPARES: usize = 64;

#[derive(Debug)]
pub(crate) struct Lane<P> {
    books: Arc<Books>,
    state: Mutex<State<P>>,
    limit: usize,
    wake_at: usize,
    changed: Condvar,
    ready: Notify,
    abandoned: Notify,
}

#[derive(Debug)]
struct State<P> {
    queue: VecDeque<P>,
    weight: usize,
    /// Records that the carrier holds and has not settled.
    taken: u64,
    spares: Vec<P>,
    /// No more work is expected; the carrier ends when the lane is empty.
    closing: bool,
    /// Nothing is carried any more.
    closed: bool,
}

impl<P> State<P> {
    fn is_done(&self) -> bool {
        self.closed || (self.queue.is_empty() && self.taken == 0)
    }
}

/// What the carrier finds.
pub(crate) enum Taken<P> {
    /// A parcel; its records are to be settled.
    Parcel(P),
    /// Nothing within the time.
    Idle,
    /// Nothing, and nothing more will come.
    End,
}

impl<P: Parcel> Lane<P> {
    /// A lane that holds parcels of at most `limit` weight and wakes its carrier at `wake_at`.
    pub(crate) fn new(books: Arc<Books>, limit: usize, wake_at: usize) -> Arc<Self> {
        books.set_capacity(limit);
        let state = State {
            queue: VecDeque::new(),
            weight: 0,
            taken: 0,
            spares: Vec::new(),
            closing: false,
            closed: false,
        };
        Arc::new(Self {
            books,
            state: Mutex::new(state),
            limit,
            wake_at: wake_at.clamp(1, limit.max(1)),
            changed: Condvar::new(),
            ready: Notify::new(),
            abandoned: Notify::new(),
        })
    }

    pub(crate) fn books(&self) -> &Arc<Books> {
        &self.books
    }

    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a parcel over, or drops and counts its records; gives an empty one back.
    pub(crate) fn put(&self, mut parcel: P) -> P {
        let records = parcel.records();
        if records == 0 {
            return parcel;
        }
        let mut state = self.lock();
        let weight = parcel.weight();
        let refused = if state.closed {
            Some(DropReason::Shutdown)
        } else if state.weight + weight > self.limit {
            Some(DropReason::QueueFull)
        } else {
            None
        };
        if let Some(reason) = refused {
            drop(state);
            self.books.dropped(reason, records);
            parcel.clear();
            return parcel;
        }
        state.queue.push_back(parcel);
        state.weight += weight;
        let wake = state.weight >= self.wake_at;
        let spare = state.spares.pop();
        drop(state);
        if wake {
            self.changed.notify_all();
            self.ready.notify_one();
        }
        spare.unwrap_or_default()
    }

    /// Takes the next parcel, for a carrier that may block its thread.
    pub(crate) fn take(&self, patience: Duration) -> Taken<P> {
        let mut state = self.lock();
        if state.queue.is_empty() && !state.closing && !state.closed {
            let waited = self.changed.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.next(&mut state)
    }

    /// Takes the next parcel if there is one; one that is heavier than `room` only when `first`.
    pub(crate) fn try_take(&self, room: usize, first: bool) -> Taken<P> {
        let mut state = self.lock();
        if !first && state.queue.front().is_some_and(|parcel| parcel.weight() > room) {
            return Taken::Idle;
        }
        self.next(&mut state)
    }

    fn next(&self, state: &mut State<P>) -> Taken<P> {
        if let Some(parcel) = state.queue.pop_front() {
            state.weight -= parcel.weight();
            state.taken += parcel.records();
            return Taken::Parcel(parcel);
        }
        if state.closing && state.taken == 0 {
            state.closed = true;
            self.changed.notify_all();
        }
        if state.closed { Taken::End } else { Taken::Idle }
    }

    /// Says what became of records that were taken. Without effect once the lane was given up.
    pub(crate) fn settle(&self, exported: u64, dropped: Option<(DropReason, u64)>) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.taken -= exported + dropped.map_or(0, |(_, n)| n);
        self.books.exported(exported);
        if let Some((reason, n)) = dropped.filter(|(_, n)| *n > 0) {
            self.books.dropped(reason, n);
        }
        if state.closing {
            self.changed.notify_all();
        }
    }

    /// Keeps an empty parcel for the workers.
    pub(crate) fn recycle(&self, mut parcel: P) {
        parcel.clear();
        let mut state = self.lock();
        if state.spares.len() < SPARES {
            state.spares.push(parcel);
        }
    }

    /// Lets a carrier that waits look around.
    pub(crate) fn wake(&self) {
        self.changed.notify_all();
    }

    /// Waits for `pause`, or until the lane is given up, for a carrier that may block its thread.
    pub(crate) fn rest(&self, pause: Duration) {
        let waited = self.changed.wait_timeout_while(self.lock(), pause, |state| !state.closed);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether the lane was given up or has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Ends when there is enough to carry, or the lane closes.
    pub(crate) async fn ready(&self) {
        self.ready.notified().await;
    }

    /// Ends when the lane was given up: what is on its way is lost already.
    pub(crate) async fn abandoned(&self) {
        self.abandoned.notified().await;
    }

    /// Lets the carrier end once it has carried what there is; does not wait.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
        self.ready.notify_one();
    }

    /// Waits until everything is carried, at most until `deadline`; what is left then is counted as dropped for
    /// [`DropReason::Shutdown`]. Returns their number. Blocks its thread.
    pub(crate) fn finish(&self, deadline: Instant) -> u64 {
        self.close();
        let mut state = self.lock();
        while !state.is_done() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.closed {
            return 0;
        }
        let lost = state.taken + state.queue.iter().map(Parcel::records).sum::<u64>();
        state.closed = true;
        state.queue.clear();
        state.weight = 0;
        self.books.dropped(DropReason::Shutdown, lost);
        drop(state);
        self.changed.notify_all();
        self.ready.notify_one();
        self.abandoned.notify_one();
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounting::{Accounting, Signal};

    fn lane(limit: usize) -> (Arc<Accounting>, Arc<Lane<Vec<u8>>>) {
        let accounting = Accounting::new();
        let lane = Lane::new(accounting.books(Signal::Spans).clone(), limit, 1);
        (accounting, lane)
    }

    #[test]
    fn what_does_not_fit_is_dropped_to_the_record_and_the_rest_is_queued() {
        let (accounting, lane) = lane(10);
        let producer = lane.books().producer();
        for n in [4, 4, 4, 2] {
            producer.count(n);
            let empty = lane.put(vec![0; usize::try_from(n).expect("small")]);
            assert!(empty.is_empty());
        }
        let reading = accounting.read(Signal::Spans);
        assert_eq!((reading.produced, reading.queued(), reading.dropped_total()), (14, 10, 4));
        assert_eq!(reading.dropped_for(DropReason::QueueFull), 4);
        assert_eq!(reading.capacity, 10);
    }

    #[test]
    fn a_carrier_that_stands_still_loses_what_it_holds_exactly_once() {
        let (accounting, lane) = lane(100);
        let producer = lane.books().producer();
        producer.count(7);
        lane.put(vec![0; 3]);
        lane.put(vec![0; 4]);
        let Taken::Parcel(held) = lane.take(Duration::ZERO) else { panic!("a parcel") };
        lane.settle(1, None);
        assert_eq!(lane.finish(Instant::now()), 6);
        lane.settle(2, None);
        producer.count(5);
        lane.put(vec![0; 5]);
        let reading = accounting.read(Signal::Spans);
        assert_eq!((held.len(), reading.produced, reading.exported, reading.queued()), (3, 12, 1, 0));
        assert_eq!(reading.dropped_for(DropReason::Shutdown), 11);
    }

    #[test]
    fn finish_waits_for_a_carrier_that_works() {
        let (accounting, lane) = lane(1000);
        let producer = lane.books().producer();
        for _ in 0..50 {
            producer.count(2);
            lane.put(vec![0; 2]);
        }
        let carrier = {
            let lane = lane.clone();
            std::thread::spawn(move || {
                loop {
                    match lane.take(Duration::from_secs(60)) {
                        Taken::Parcel(parcel) => lane.settle(parcel.records(), None),
                        Taken::Idle => {}
                        Taken::End => return,
                    }
                }
            })
        };
        assert_eq!(lane.finish(Instant::now() + Duration::from_secs(60)), 0);
        carrier.join().expect("no panic");
        let reading = accounting.read(Signal::Spans);
        assert_eq!((reading.exported, reading.queued()), (100, 0));
    }
}
