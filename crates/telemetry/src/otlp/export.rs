//! The carrier of one signal: gathers batches, sends them, tries again for a while, and settles every record once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tokio::time::{sleep, timeout};

use super::client::{Client, Failed, Paths, Retry};
use super::{OtlpError, OtlpOptions, Resource};
use crate::accounting::{Accounting, DropReason, Lane, Signal, Taken};

/// Pauses between attempts: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Bytes of one request, about: gRPC servers refuse messages over 4 MiB unless told otherwise, and refuse them for ever.
const REQUEST_BYTES: usize = 2 << 20;

/// A signal that OTLP carries.
pub(crate) trait Exports: Sized + Send + 'static {
    /// Its books.
    const SIGNAL: Signal;
    /// Name of its thread, at most 15 bytes.
    const THREAD: &'static str;
    /// Paths of its requests.
    const PATHS: Paths;
    /// Bytes of this record in a request, about; not too few.
    fn size(&self) -> usize;
    /// The request's message.
    fn encode(batch: Vec<Self>, resource: &opentelemetry_proto::tonic::resource::v1::Resource) -> Vec<u8>;
}

/// The exporter of one signal, with its thread.
#[derive(Debug)]
pub(crate) struct Exporter<T: Exports> {
    pub(crate) lane: Arc<Lane<Vec<T>>>,
}

impl<T: Exports> Exporter<T> {
    /// Checks the options and starts the thread; nothing is connected before there is something to send.
    pub(crate) fn start(
        options: &OtlpOptions,
        resource: &Resource,
        accounting: &Accounting,
    ) -> Result<Self, OtlpError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let batch = options.batch.max(1);
        let lane = Lane::new(accounting.books(T::SIGNAL).clone(), options.queue.max(1), batch);
        let carrier = Carrier {
            lane: lane.clone(),
            client: Client::new(options, T::PATHS)?,
            resource: resource.message(),
            batch,
            options: options.clone(),
            rng: fastrand::Rng::new(),
        };
        std::thread::Builder::new().name(T::THREAD.into()).spawn(move || runtime.block_on(carrier.run()))?;
        Ok(Self { lane })
    }

    /// Waits until everything is exported, at most until `deadline`; what is left is dropped for `shutdown`.
    pub(crate) fn finish(&self, deadline: Instant) -> u64 {
        self.lane.finish(deadline)
    }
}

impl<T: Exports> Drop for Exporter<T> {
    fn drop(&mut self) {
        self.lane.close();
    }
}

struct Carrier<T> {
    lane: Arc<Lane<Vec<T>>>,
    client: Client,
    resource: opentelemetry_proto::tonic::resource::v1::Resource,
    batch: usize,
    options: OtlpOptions,
    rng: fastrand::Rng,
}

enum Gathered<T> {
    Batch(Vec<T>),
    Nothing,
    End,
}

impl<T: Exports> Carrier<T> {
    async fn run(mut self) {
        loop {
            tokio::select! {
                () = self.lane.ready() => {}
                () = sleep(self.options.delay) => {}
            }
            loop {
                match self.gather() {
                    Gathered::Batch(batch) => self.export(batch).await,
                    Gathered::Nothing => break,
                    Gathered::End => return,
                }
            }
        }
    }

    /// Parcels until a batch is full; a parcel is never split.
    fn gather(&self) -> Gathered<T> {
        let mut batch: Vec<T> = Vec::new();
        loop {
            match self.lane.try_take(self.batch.saturating_sub(batch.len()), batch.is_empty()) {
                Taken::Parcel(mut parcel) => {
                    batch.append(&mut parcel);
                    self.lane.recycle(parcel);
                }
                Taken::End if batch.is_empty() => return Gathered::End,
                Taken::Idle if batch.is_empty() => return Gathered::Nothing,
                Taken::Idle | Taken::End => return Gathered::Batch(batch),
            }
        }
    }

    /// Sends a batch, in several requests when its records are large.
    async fn export(&mut self, batch: Vec<T>) {
        for part in parts(batch, REQUEST_BYTES) {
            if self.lane.is_closed() {
                return;
            }
            self.send(part).await;
        }
    }

    async fn send(&mut self, batch: Vec<T>) {
        let records = batch.len() as u64;
        let body = self.client.frame(T::encode(batch, &self.resource));
        let lane = self.lane.clone();
        tokio::select! {
            outcome = self.attempts(body) => {
                match outcome {
                    Some(rejected) => {
                        let rejected = rejected.min(records);
                        lane.settle(records - rejected, Some((DropReason::Rejected, rejected)));
                    }
                    None => lane.settle(0, Some((DropReason::ExportFailed, records))),
                }
            }
            // The lane counted the batch as lost.
            () = lane.abandoned() => {}
        }
    }

    /// Sends until the collector takes the batch; returns how many records it rejected, `None` when time is over.
    async fn attempts(&mut self, body: Bytes) -> Option<u64> {
        let over = Instant::now() + self.options.retry_for;
        let mut pause = FIRST_PAUSE;
        loop {
            let attempt = timeout(self.options.timeout, self.client.send(body.clone())).await;
            let failed = match attempt {
                Ok(Ok(answer)) => return Some(self.rejected(answer)),
                Ok(Err(failed)) => failed,
                Err(_) => {
                    let reason = format!("no answer within {:?}", self.options.timeout);
                    self.client.failed(&reason, Retry::Later)
                }
            };
            let wait = self.pause(&failed, pause);
            self.lane.books().failed(failed.reason);
            let wait = wait.filter(|wait| Instant::now() + *wait < over)?;
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The pause before the next attempt: with jitter, so that many gateways do not come at once.
    fn pause(&mut self, failed: &Failed, pause: Duration) -> Option<Duration> {
        match failed.retry {
            Retry::Never => None,
            Retry::Later => Some(pause.mul_f64(0.5 + 0.5 * self.rng.f64())),
            Retry::After(wait) => Some(wait.max(pause)),
        }
    }

    /// `partial_success` has the same numbers on the wire for spans and log records.
    fn rejected(&self, answer: Bytes) -> u64 {
        let partial =
            ExportTraceServiceResponse::decode(answer).ok().and_then(|answer| answer.partial_success);
        let Some(partial) = partial else { return 0 };
        let rejected = u64::try_from(partial.rejected_spans).unwrap_or(0);
        if rejected > 0 {
            let reason = format!("{rejected} records rejected: {}", partial.error_message);
            self.lane.books().failed(self.client.failed(&reason, Retry::Never).reason);
        }
        rejected
    }
}

/// The batch in parts of at most `limit` bytes; a larger record goes alone.
fn parts<T: Exports>(batch: Vec<T>, limit: usize) -> Vec<Vec<T>> {
    let (mut parts, mut bytes) = (vec![Vec::new()], 0);
    for record in batch {
        let size = record.size();
        if bytes + size > limit && bytes > 0 {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(part) = parts.last_mut() {
            part.push(record);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::logs::v1::LogRecord;

    use super::*;

    #[test]
    fn a_batch_of_large_records_goes_in_several_requests_that_lose_none_and_keep_the_order() {
        let record = |number: usize, size: usize| LogRecord {
            event_name: format!("{number:0size$}"),
            ..LogRecord::default()
        };
        let batch = [10, 10, 10, 500, 40, 40, 40].into_iter().enumerate().map(|(at, size)| record(at, size));
        let parts = parts(batch.collect(), 100);
        let lengths: Vec<_> = parts.iter().map(Vec::len).collect();
        assert_eq!(lengths, [3, 1, 2, 1]);
        let order =
            parts.into_iter().flatten().map(|record| record.event_name.parse::<usize>().expect("a number"));
        assert!(order.eq(0..7));
    }
}
