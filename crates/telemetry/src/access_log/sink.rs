//! The writer thread: it alone touches the file or stream.
//!
//! Lines are counted as exported when the operating system took their last byte. After an error the rest of the
//! buffer is dropped and counted; when it broke within a line, the next write begins with an end of line, so that
//! the torn line spoils no other.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Lines, Sink};
use crate::accounting::{DropReason, Lane, Taken};

/// How often the file's name is looked up while lines come.
const LOOK_UP: Duration = Duration::from_secs(1);
/// Pause before a stream that is not blocking is tried again.
const PAUSE: Duration = Duration::from_millis(2);

/// An open sink.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
    path: Option<PathBuf>,
    looked_up: Instant,
    pub(super) torn: bool,
}

impl Output {
    /// Opens a sink; `None` when lines go nowhere.
    pub(super) fn open(sink: &Sink) -> io::Result<Option<Self>> {
        // The descriptor is duplicated: the standard library's own buffering would hide what was written.
        let output = match sink {
            Sink::Off => return Ok(None),
            Sink::Stdout => Self::stream(io::stdout().as_fd().try_clone_to_owned()?.into()),
            Sink::Stderr => Self::stream(io::stderr().as_fd().try_clone_to_owned()?.into()),
            Sink::File(path) => Self {
                path: Some(path.clone()),
                ..Self::stream(open(path).map_err(|error| named(path, &error))?)
            },
        };
        Ok(Some(output))
    }

    pub(super) fn stream(file: File) -> Self {
        Self { file, path: None, looked_up: Instant::now(), torn: false }
    }

    /// Follows the file's name when it means another file now.
    fn follow(&mut self, lane: &Lane<Lines>, wanted: &AtomicBool) {
        let Some(path) = &self.path else { return };
        let asked = wanted.swap(false, Ordering::Acquire);
        if !asked && self.looked_up.elapsed() < LOOK_UP {
            return;
        }
        self.looked_up = Instant::now();
        if !asked && same(&self.file, path) {
            return;
        }
        match open(path) {
            Ok(file) => {
                self.file = file;
                self.torn = false;
            }
            // The old file stays in use; the next look tries again.
            Err(error) => lane.books().failed(named(path, &error).to_string()),
        }
    }

    fn write(&mut self, lane: &Lane<Lines>, lines: &Lines) {
        let mut left = lines.count;
        let mut failure = None;
        let mut rest = lines.bytes.as_slice();
        if self.torn {
            failure = self.put(lane, b"\n").err();
            self.torn = failure.is_some();
        }
        while !self.torn && !rest.is_empty() {
            match self.put(lane, rest) {
                Ok(n) => {
                    let (done, next) = rest.split_at(n.min(rest.len()));
                    // Lines are counted only when the system took a part: else all that are left went.
                    let whole = if next.is_empty() {
                        left
                    } else {
                        done.iter().filter(|&&byte| byte == b'\n').count() as u64
                    };
                    rest = next;
                    left -= whole;
                    lane.settle(whole, None);
                }
                Err(error) => {
                    let whole_lines = lines.bytes.len() == rest.len()
                        || lines.bytes.get(lines.bytes.len() - rest.len() - 1) == Some(&b'\n');
                    self.torn = !whole_lines;
                    failure = Some(error);
                    break;
                }
            }
        }
        if left > 0 {
            let reason = failure.map_or_else(|| "nothing was taken".to_owned(), |error| error.to_string());
            lane.books().failed(format!("access log: {left} lines were not written: {reason}"));
            lane.settle(0, Some((DropReason::WriteError, left)));
        }
    }

    /// One write that moved something; waits for a stream that is not blocking until the lane is given up.
    fn put(&mut self, lane: &Lane<Lines>, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => return Ok(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && !lane.is_closed() => {
                    lane.rest(PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("access log {}: {error}; name a file that can be written", path.display()),
    )
}

fn same(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Writes what comes along the lane until it ends.
pub(super) fn carry(lane: &Lane<Lines>, mut output: Output, reopen: &AtomicBool) {
    loop {
        match lane.take(LOOK_UP) {
            Taken::Parcel(lines) => {
                output.follow(lane, reopen);
                output.write(lane, &lines);
                lane.recycle(lines);
            }
            Taken::Idle => output.follow(lane, reopen),
            Taken::End => return,
        }
    }
}
