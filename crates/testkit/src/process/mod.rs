//! Real programs as test subjects: started in a process group of their own, read line by line, ended by their id.
//!
//! Called by end-to-end tests. Always holds: dropping a running [`Process`] kills its whole group and reaps it, so that a failed
//! test leaves nothing running; every wait has a deadline and fails with the program's last lines.

mod http;
mod output;
mod ports;
mod temp;
mod tool;

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use regex::Regex;
use rustix::process::Pid;

pub use output::{Line, Stream};
pub use ports::{ReservedPort, SilentPort, UnansweredPort};
pub use rustix::process::Signal;
pub use temp::TempDir;
pub use tool::{repository, tool};

use output::Output;

/// Between two looks at a condition that only asking can tell, such as an HTTP answer.
const POLL: Duration = Duration::from_millis(20);

/// A program to start.
#[derive(Debug)]
pub struct Program {
    command: Command,
    name: String,
}

impl Program {
    /// The program at this path.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Self { command: Command::new(path), name }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Sets the working directory.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Starts it; panics when the system refuses.
    pub fn start(mut self) -> Process {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot start {:?}: {error}", self.command),
        };
        let output = Output::capture(child.stdout.take(), child.stderr.take());
        Process { name: self.name, child, output, exit: None }
    }

    /// Starts it, waits for its end and gives everything it said; panics when it takes longer than `deadline`.
    pub fn run(self, deadline: Duration) -> Finished {
        let mut process = self.start();
        let status = process.wait_exit(deadline);
        process.output.wait_closed(deadline);
        Finished { status, stdout: process.text(Stream::Stdout), stderr: process.text(Stream::Stderr) }
    }
}

/// What a program that ran to its end has said.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Exit status.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Finished {
    /// Itself; panics with both outputs unless the exit code is 0.
    pub fn success(self) -> Self {
        assert!(self.status.success(), "{}\nstdout:\n{}\nstderr:\n{}", self.status, self.stdout, self.stderr);
        self
    }
}

/// A running program.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: Output,
    exit: Option<ExitStatus>,
}

impl Process {
    /// Its process id, which is its process group's id as well.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Every line so far, in order of arrival.
    pub fn lines(&self) -> Vec<Line> {
        self.output.lines()
    }

    /// The lines of one stream so far, each ended by a newline.
    pub fn text(&self, stream: Stream) -> String {
        let lines = self.output.lines();
        lines.iter().filter(|line| line.stream == stream).map(|line| format!("{}\n", line.text)).collect()
    }

    /// The first line, past or to come, for which `wanted` is true; panics when the program ends or the deadline passes.
    pub fn wait_line(&mut self, what: &str, deadline: Duration, wanted: impl Fn(&Line) -> bool) -> Line {
        match self.output.find(deadline, wanted) {
            Ok(line) => line,
            Err(why) => self.fail(&format!("{why} before a line that {what}")),
        }
    }

    /// The groups of the first match (0 is the whole) in a line, past or to come; panics as [`Self::wait_line`].
    pub fn wait_regex(&mut self, pattern: &str, deadline: Duration) -> Vec<String> {
        let regex = Regex::new(pattern).unwrap_or_else(|error| panic!("not a regular expression: {error}"));
        let matching = |line: &Line| regex.is_match(&line.text);
        let line = self.wait_line(&format!("matches /{pattern}/"), deadline, matching);
        let Some(captures) = regex.captures(&line.text) else {
            unreachable!("the line was found by this pattern")
        };
        captures.iter().map(|group| group.map_or_else(String::new, |text| text.as_str().to_owned())).collect()
    }

    /// Asks `GET path` until the answer is 200 and gives the body; panics when the program ends or the deadline passes.
    pub fn wait_http_ok(&mut self, address: SocketAddr, path: &str, deadline: Duration) -> String {
        let end = Instant::now() + deadline;
        let mut last = String::from("no answer yet");
        while Instant::now() < end {
            match http::get(address, path, end) {
                Ok((200, body)) => return body,
                Ok((status, body)) => last = format!("status {status}: {body}"),
                Err(error) => last = error.to_string(),
            }
            // The pause between two questions ends early when the program does: then there is nobody left to ask.
            if self.output.closed_within(POLL) {
                self.fail(&format!("ended before GET http://{address}{path} answered 200 (last: {last})"));
            }
        }
        self.fail(&format!("GET http://{address}{path} did not answer 200 in {deadline:?} (last: {last})"))
    }

    /// Sends a signal to the program alone (not to its group).
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.id()
            && let Err(error) = rustix::process::kill_process(pid, signal)
        {
            panic!("cannot send {signal:?} to {} ({}): {error}", self.name, self.pid());
        }
    }

    /// SIGTERM, and the exit status; panics when it takes longer than `deadline`.
    pub fn terminate(&mut self, deadline: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait_exit(deadline)
    }

    /// Waits for the program's end; panics when it takes longer than `deadline`.
    pub fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        let end = Instant::now() + deadline;
        loop {
            if let Some(status) = self.try_exit() {
                return status;
            }
            if Instant::now() >= end {
                self.fail(&format!("did not end within {deadline:?}"));
            }
            // Closed pipes come with the end, a moment before it can be reaped.
            if self.output.closed_within(POLL) {
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }
    }

    /// The exit status when the program has ended.
    pub fn try_exit(&mut self) -> Option<ExitStatus> {
        if self.exit.is_none() {
            let polled = self.child.try_wait();
            self.exit = polled.unwrap_or_else(|error| panic!("cannot wait for {}: {error}", self.name));
        }
        self.exit
    }

    /// Resident memory in bytes (`VmRSS`).
    pub fn rss_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib =
            line.and_then(|rest| rest.trim().strip_suffix(" kB")).and_then(|kib| kib.parse::<u64>().ok());
        kib.unwrap_or_else(|| panic!("{path} has no VmRSS")) * 1024
    }

    fn id(&self) -> Option<Pid> {
        if self.exit.is_some() { None } else { Some(Pid::from_child(&self.child)) }
    }

    fn fail(&mut self, why: &str) -> ! {
        let state = match self.try_exit() {
            Some(status) => status.to_string(),
            None => "still running".to_owned(),
        };
        let lines = self.output.lines();
        let tail: String = lines.iter().rev().take(40).rev().map(|line| format!("\n  {line}")).collect();
        panic!("{} ({state}): {why}. Its last lines:{tail}", self.name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.try_exit().is_some() {
            return;
        }
        if let Some(pid) = self.id() {
            // An error means that the group is gone already, which is what is wanted.
            rustix::process::kill_process_group(pid, Signal::KILL).ok();
        }
        self.child.wait().ok();
    }
}
