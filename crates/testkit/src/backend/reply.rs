//! A scripted answer: what happens before its head, its head, the steps of its body, and what happens to the connection.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::wait::Gate;

/// Where an answer waits.
#[derive(Clone, Debug)]
pub enum Pause {
    /// Until the test opens the gate.
    Gate(Gate),
    /// That long: for load tests, where a delay is what is measured.
    Delay(Duration),
}

impl Pause {
    pub(super) async fn pass(&self) {
        match self {
            Self::Gate(gate) => gate.pass().await,
            Self::Delay(delay) => tokio::time::sleep(*delay).await,
        }
    }
}

/// How an answer breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed (FIN).
    Close,
    /// The connection is reset (RST).
    Reset,
    /// The exchange alone fails: RST_STREAM on HTTP/2; on HTTP/1.1 the connection is closed.
    Abort,
}

/// One step of a body.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends bytes.
    Data(Bytes),
    /// Flushes what was sent and waits.
    Pause(Pause),
    /// Sends trailer fields and ends. On HTTP/1.1 the client must have said `TE: trailers`.
    Trailers(HeaderMap),
    /// Flushes what was sent and breaks off.
    Fault(Fault),
}

/// What the body is made of.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// The JSON of the request.
    Echo,
    /// The request's own body, streamed back.
    Mirror,
    /// These.
    Steps(Vec<Step>),
}

/// A scripted answer. Built by chaining; steps of the body happen in the order in which they were added.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) before: Vec<Pause>,
    pub(super) fault: Option<Fault>,
    pub(super) content: Content,
    pub(super) chunked: bool,
    pub(super) read_body: bool,
    pub(super) close_after: bool,
    pub(super) announce_close: bool,
}

impl Reply {
    /// Status 200 with the JSON of the request, as echo-basic gives it.
    pub fn echo() -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            before: Vec::new(),
            fault: None,
            content: Content::Echo,
            chunked: false,
            read_body: true,
            close_after: false,
            announce_close: false,
        }
    }

    /// This status with an empty body; panics unless it is 200 to 999.
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).ok().filter(|code| code.as_u16() >= 200);
        let status = status.unwrap_or_else(|| panic!("not the status of a final response"));
        Self { status, content: Content::Steps(Vec::new()), ..Self::echo() }
    }

    /// Status 200 with this body.
    pub fn text(body: impl Into<Bytes>) -> Self {
        Self::status(200).then(body)
    }

    /// Status 200 with a body of so many bytes, in pieces of at most 64 KiB.
    pub fn bytes(count: usize) -> Self {
        const PIECE: usize = 64 * 1024;
        static ZEROS: [u8; PIECE] = [b'x'; PIECE];
        let mut reply = Self::status(200);
        let mut left = count;
        while left > 0 {
            let size = left.min(PIECE);
            reply = reply.then(Bytes::from_static(&ZEROS).slice(..size));
            left -= size;
        }
        reply
    }

    /// Status 200 with the request's body, streamed back as it arrives.
    pub fn mirror() -> Self {
        Self { content: Content::Mirror, read_body: false, ..Self::echo() }
    }

    /// No answer: the exchange breaks off before the head.
    pub fn fault(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::status(500) }
    }

    /// The same with this status.
    pub fn with_status(self, status: u16) -> Self {
        Self { status: Self::status(status).status, ..self }
    }

    /// Adds a header field; panics when it is not one.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let (name, value) = field(name, value);
        self.headers.append(name, value);
        self
    }

    /// Waits at the gate before the head.
    pub fn gate(mut self, gate: &Gate) -> Self {
        self.before.push(Pause::Gate(gate.clone()));
        self
    }

    /// Waits so long before the head: for load tests.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.before.push(Pause::Delay(delay));
        self
    }

    /// Then sends bytes.
    pub fn then(self, data: impl Into<Bytes>) -> Self {
        self.step(Step::Data(data.into()))
    }

    /// Then waits at the gate, with everything before it sent.
    pub fn then_gate(self, gate: &Gate) -> Self {
        self.step(Step::Pause(Pause::Gate(gate.clone())))
    }

    /// Then waits so long: for load tests.
    pub fn then_delay(self, delay: Duration) -> Self {
        self.step(Step::Pause(Pause::Delay(delay)))
    }

    /// Then breaks off, with everything before it sent.
    pub fn then_fault(self, fault: Fault) -> Self {
        self.step(Step::Fault(fault))
    }

    /// Then sends trailer fields and ends; panics when they are none.
    pub fn then_trailers(self, trailers: &[(&str, &str)]) -> Self {
        self.step(Step::Trailers(trailers.iter().map(|(name, value)| field(name, value)).collect()))
    }

    /// Adds a step to the body; an echo or mirror becomes an empty scripted body first.
    pub fn step(mut self, step: Step) -> Self {
        match &mut self.content {
            Content::Steps(steps) => steps.push(step),
            Content::Echo | Content::Mirror => self.content = Content::Steps(vec![step]),
        }
        self
    }

    /// Sends no Content-Length: chunked on HTTP/1.1.
    pub fn chunked(self) -> Self {
        Self { chunked: true, ..self }
    }

    /// Answers without reading the request's body first.
    pub fn early(self) -> Self {
        Self { read_body: false, ..self }
    }

    /// Ends the connection after this response and says so (`Connection: close`; GOAWAY on HTTP/2).
    pub fn close_after(self) -> Self {
        Self { close_after: true, announce_close: true, ..self }
    }

    /// Ends the connection after this response without having said so.
    pub fn close_after_silently(self) -> Self {
        Self { close_after: true, announce_close: false, ..self }
    }
}

fn field(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    match (name.parse(), value.parse()) {
        (Ok(name), Ok(value)) => (name, value),
        _ => panic!("not a header field: {name}: {value}"),
    }
}
