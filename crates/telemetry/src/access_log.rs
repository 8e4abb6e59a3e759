//! The access log: one flat JSON line for each request, from the worker that served it to a file or stream.
//!
//! A worker formats lines into a buffer of its own and hands full buffers to the one writer thread; it takes no lock
//! and allocates nothing for a line, and a stream that stands still never holds it up: what does not fit into the
//! bounded queue is dropped and counted to the line. A line is complete, valid JSON and below 16 KiB, whatever the
//! client sent. The caller is the data path's ledger; the process starts and finishes the log.

mod clock;
#[cfg(test)]
pub(crate) mod fixture;
mod line;
mod out;
mod sink;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use crate::accounting::{Accounting, Lane, Parcel, Producer, Signal};
use crate::exchange::Exchange;
use crate::flag::Side;
use crate::redact::RecordPolicy;
use line::LineFormat;
pub(crate) use line::grpc_name;
use sink::Output;

/// Longest line with its end of line: what container runtimes pass on in one piece (CRI: 16 KiB).
pub const MAX_LINE: usize = 16 * 1024 - 1;

/// A worker's buffer is handed over when it holds so many bytes.
const HAND_OVER: usize = 32 * 1024;

/// Where lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sink {
    /// Nowhere: no line is made.
    Off,
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to; opened again when it was moved away.
    File(PathBuf),
}

/// How the log is kept. What of a request it shows is the [`RecordPolicy`]'s matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLogOptions {
    /// Where lines go.
    pub sink: Sink,
    /// Bytes of lines that may wait for the writer; at least one worker's buffer.
    pub buffer_bytes: usize,
}

impl Default for AccessLogOptions {
    fn default() -> Self {
        Self { sink: Sink::default(), buffer_bytes: 16 * 1024 * 1024 }
    }
}

/// Whether a request is an error to its operator: a 5xx, or a flag that blames the gateway or a backend.
pub(crate) fn is_error(exchange: &Exchange) -> bool {
    exchange.response.status >= 500
        || matches!(exchange.response.flag.side(), Side::Upstream | Side::Internal)
}

/// Lines in one buffer.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    count: u64,
}

impl Parcel for Lines {
    fn records(&self) -> u64 {
        self.count
    }
    fn weight(&self) -> usize {
        self.bytes.len()
    }
    fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }
}

/// The log of the process, with its writer thread.
#[derive(Debug)]
pub struct AccessLog {
    lane: Arc<Lane<Lines>>,
    policy: Arc<RecordPolicy>,
    reopen: Arc<AtomicBool>,
}

impl AccessLog {
    /// Opens the sink and starts the writer thread. `None` when the sink is [`Sink::Off`].
    ///
    /// # Errors
    /// The file cannot be opened, or no thread can be started.
    pub fn start(
        options: &AccessLogOptions,
        policy: Arc<RecordPolicy>,
        accounting: &Accounting,
    ) -> io::Result<Option<Self>> {
        let Some(output) = Output::open(&options.sink)? else { return Ok(None) };
        Self::with_output(output, options.buffer_bytes, policy, accounting).map(Some)
    }

    fn with_output(
        output: Output,
        buffer_bytes: usize,
        policy: Arc<RecordPolicy>,
        accounting: &Accounting,
    ) -> io::Result<Self> {
        let limit = buffer_bytes.max(HAND_OVER + MAX_LINE);
        let lane = Lane::new(accounting.books(Signal::AccessLog).clone(), limit, 1);
        let reopen = Arc::new(AtomicBool::new(false));
        let (carrier, wanted) = (lane.clone(), reopen.clone());
        std::thread::Builder::new()
            .name("access-log".into())
            .spawn(move || sink::carry(&carrier, output, &wanted))?;
        Ok(Self { lane, policy, reopen })
    }

    /// The writing end for one worker.
    pub fn writer(&self) -> LineWriter {
        LineWriter {
            lane: self.lane.clone(),
            lines: Lines::default(),
            producer: self.lane.books().producer(),
            format: LineFormat::new(self.policy.clone()),
        }
    }

    /// Opens the file again before the next lines are written: for rotation by another program.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Release);
        self.lane.wake();
    }

    /// Waits until every line handed over is written, at most until `deadline`, and counts what is left as dropped
    /// for `shutdown`; returns its number. Workers flush or drop their writers first. Blocks its thread.
    pub fn finish(&self, deadline: Instant) -> u64 {
        self.lane.finish(deadline)
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.lane.close();
    }
}

/// One worker's end of the log. Dropping it hands over what it holds.
#[derive(Debug)]
pub struct LineWriter {
    lane: Arc<Lane<Lines>>,
    lines: Lines,
    producer: Producer,
    format: LineFormat,
}

impl LineWriter {
    /// Writes the line of a request that ended at `ended` by the wall clock.
    pub fn write(&mut self, exchange: &Exchange, ended: SystemTime) {
        if self.lines.bytes.capacity() == 0 {
            self.lines.bytes.reserve_exact(HAND_OVER + MAX_LINE + 1);
        }
        self.format.push(&mut self.lines.bytes, exchange, ended);
        self.lines.count += 1;
        self.producer.count(1);
        if self.lines.bytes.len() >= HAND_OVER {
            self.flush();
        }
    }

    /// Counts a request whose line a policy leaves out.
    pub fn leave_out(&mut self) {
        self.producer.leave_out();
    }

    /// Hands over what is buffered. Called when a buffer is full, by a tick of about 100 ms, and when draining.
    pub fn flush(&mut self) {
        if self.lines.count > 0 {
            self.lines = self.lane.put(std::mem::take(&mut self.lines));
        }
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        self.flush();
    }
}
