//! `/metrics`: reads every series once and writes them in the format that the scraper wants.
//!
//! The admin endpoint calls [`Exposition::render`]. One pass over the hub feeds one of three writers; families come in
//! the order of the catalog, series in the order of their labels. A scrape takes no lock that the data path waits for:
//! handles are copied out of the interners, whose locks only the compiler of configurations takes, and values are read
//! from the workers' cells as they are.

mod collect;
mod negotiate;
mod page;
mod protobuf;
mod sink;
mod text;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use negotiate::Format;

use crate::accounting::Accounting;
use crate::catalog::Plane;
use crate::config::ConfigTelemetry;
use crate::control::{ControlTelemetry, XdsTelemetry};
use crate::hub::Telemetry;
use crate::process::ProcessReader;
use crate::runtime::RuntimeTelemetry;
use page::{Page, Writer};
use sink::Sink;

/// Where the values come from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The data path, in a process that serves requests.
    pub hub: Option<Arc<Telemetry>>,
    /// The control plane, in its process.
    pub control: Option<Arc<ControlTelemetry>>,
    /// The way from the control plane, in a data plane that has one.
    pub xds: Option<Arc<XdsTelemetry>>,
    /// The configuration.
    pub config: Arc<ConfigTelemetry>,
    /// The runtimes of tokio.
    pub runtimes: Arc<RuntimeTelemetry>,
    /// The books of spans and logs.
    pub accounting: Arc<Accounting>,
    /// What runs.
    pub build: BuildInfo,
}

impl Sources {
    /// Whether metrics of this plane are shown.
    fn show(&self, plane: Plane) -> bool {
        match plane {
            Plane::Every => true,
            Plane::Data => self.hub.is_some(),
            Plane::Fleet => self.xds.is_some(),
            Plane::Control => self.control.is_some(),
        }
    }
}

/// What runs.
#[derive(Clone, Copy, Debug)]
pub struct BuildInfo {
    /// Version of the program.
    pub version: &'static str,
    /// Revision of the source, `unknown` when it was built outside a repository.
    pub revision: &'static str,
}

/// An answer to a scrape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// `Content-Type`, to the letter.
    pub content_type: &'static str,
    /// `Content-Encoding`.
    pub content_encoding: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
}

/// The exposition of one process.
#[derive(Debug)]
pub struct Exposition {
    sources: Sources,
    process: ProcessReader,
    debug_logging: AtomicBool,
    last: Mutex<Option<Cost>>,
}

/// What an exposition cost.
#[derive(Clone, Copy, Debug)]
struct Cost {
    bytes: u64,
    time: Duration,
}

impl Exposition {
    /// An exposition of these sources.
    pub fn new(sources: Sources) -> Self {
        let process = ProcessReader::default();
        Self { sources, process, debug_logging: AtomicBool::new(false), last: Mutex::new(None) }
    }

    /// Says whether the process logs more than the level info.
    pub fn set_debug_logging(&self, on: bool) {
        self.debug_logging.store(on, Ordering::Relaxed);
    }

    /// Answers a scrape. The arguments are the request's `Accept` and `Accept-Encoding`; the answer varies by both.
    ///
    /// Every call ages the hub: series of what is no longer configured die a few scrapes later.
    pub fn render(&self, accept: Option<&str>, accept_encoding: Option<&str>) -> Rendered {
        let started = Instant::now();
        let format = Format::negotiate(accept);
        let mut sink = if negotiate::takes_gzip(accept_encoding) {
            Sink::gzip()
        } else {
            Sink::plain(self.last_cost().map_or(0, |cost| cost.bytes))
        };
        self.write(format, &mut sink);
        let bytes = sink.bytes();
        let (body, content_encoding) = sink.finish();
        let cost = Cost { bytes, time: started.elapsed() };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(cost);
        Rendered { content_type: format.content_type(), content_encoding, body }
    }

    fn write(&self, format: Format, sink: &mut Sink) {
        match format {
            Format::Text => self.write_on(&mut text::TextWriter::new(false), sink),
            Format::OpenMetrics => self.write_on(&mut text::TextWriter::new(true), sink),
            Format::Protobuf => self.write_on(&mut protobuf::ProtobufWriter::default(), sink),
        }
    }

    fn write_on(&self, writer: &mut dyn Writer, sink: &mut Sink) {
        // Before the handles are taken: those that are held here must not look alive.
        let hub = self.sources.hub.as_deref();
        hub.inspect(|hub| hub.age());
        let switches = hub.map(|hub| hub.switches).unwrap_or_default();
        let planes = Plane::ALL.into_iter().filter(|plane| self.sources.show(*plane)).collect();
        let mut page = Page::new(writer, sink, switches, planes);
        collect::all(&mut page, self);
        page.finish();
    }

    fn last_cost(&self) -> Option<Cost> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
