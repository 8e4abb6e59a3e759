//! Lines of a program's two output streams, read by one thread each and kept until the test asks.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Which stream a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it came from.
    pub stream: Stream,
    /// The text; bytes that are not UTF-8 are replaced.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stream = match self.stream {
            Stream::Stdout => "out",
            Stream::Stderr => "err",
        };
        write!(f, "{stream}| {}", self.text)
    }
}

#[derive(Debug, Default)]
struct Heard {
    lines: Vec<Line>,
    /// Streams that have not ended.
    open: usize,
}

#[derive(Debug, Default)]
struct Shared {
    heard: Mutex<Heard>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, stream: Stream, source: impl Read) {
        let mut source = BufReader::new(source);
        let mut bytes = Vec::new();
        while matches!(source.read_until(b'\n', &mut bytes), Ok(1..)) {
            let text = String::from_utf8_lossy(&bytes);
            let text = text.trim_end_matches(['\n', '\r']).to_owned();
            self.lock().lines.push(Line { stream, text });
            self.changed.notify_all();
            bytes.clear();
        }
        self.lock().open -= 1;
        self.changed.notify_all();
    }
}

/// Both streams.
#[derive(Debug)]
pub(super) struct Output {
    shared: Arc<Shared>,
    _threads: Vec<JoinHandle<()>>,
}

impl Output {
    pub(super) fn capture<O, E>(stdout: Option<O>, stderr: Option<E>) -> Self
    where
        O: Read + Send + 'static,
        E: Read + Send + 'static,
    {
        let shared = Arc::new(Shared::default());
        let mut threads = Vec::new();
        if let Some(source) = stdout {
            threads.push(Self::listen(&shared, Stream::Stdout, source));
        }
        if let Some(source) = stderr {
            threads.push(Self::listen(&shared, Stream::Stderr, source));
        }
        Self { shared, _threads: threads }
    }

    fn listen(shared: &Arc<Shared>, stream: Stream, source: impl Read + Send + 'static) -> JoinHandle<()> {
        shared.lock().open += 1;
        let shared = Arc::clone(shared);
        std::thread::spawn(move || shared.read(stream, source))
    }

    pub(super) fn lines(&self) -> Vec<Line> {
        self.shared.lock().lines.clone()
    }

    /// The first wanted line, past or to come; the error says what came instead.
    pub(super) fn find(&self, deadline: Duration, wanted: impl Fn(&Line) -> bool) -> Result<Line, String> {
        let end = Instant::now() + deadline;
        let mut heard = self.shared.lock();
        let mut seen = 0;
        loop {
            if let Some(line) = heard.lines.iter().skip(seen).find(|line| wanted(line)) {
                return Ok(line.clone());
            }
            seen = heard.lines.len();
            if heard.open == 0 {
                return Err("its output ended".to_owned());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("{deadline:?} passed"));
            }
            heard = self.shared.changed.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until both streams have ended, at most `deadline`; true when they have.
    pub(super) fn closed_within(&self, deadline: Duration) -> bool {
        let heard = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(heard, deadline, |heard| heard.open > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.open == 0
    }

    /// As [`Self::closed_within`]; panics when the streams stay open.
    pub(super) fn wait_closed(&self, deadline: Duration) {
        assert!(self.closed_within(deadline), "the program ended, but a child of it keeps its output open");
    }
}
