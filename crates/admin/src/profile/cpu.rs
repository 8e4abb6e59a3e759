//! CPU samples: a timer of the process's CPU time interrupts whatever runs, and its stack is noted.
//!
//! Samples inside libc, libgcc, pthread and vdso are not taken: those may hold a lock that the walk needs. Time in the
//! kernel is among them, since system calls are made by libc. So that the profile does not deny it, the CPU time that
//! no sample stands for is added as one entry, [`NOT_WALKED`]. (Walking by frame pointers would lose the innermost
//! function of every stack: that mode of the profiler begins at its caller.)

use std::time::Duration;

use http::StatusCode;
use pprof::{Frames, ProfilerGuardBuilder, UnresolvedReport};
use rustix::time::{ClockId, clock_gettime};

use super::pprof::{Frame, Line, Profile};
use super::{Refused, refused};

/// The entry for CPU time without samples.
const NOT_WALKED: &str = "[in libc or the kernel, not walked]";

const BLOCKED: [&str; 4] = ["libc", "libgcc", "pthread", "vdso"];

/// Samples whose addresses have no names yet.
pub(super) struct Stacks {
    report: UnresolvedReport,
    frequency: u32,
    /// CPU time of the process meanwhile.
    used: Duration,
}

/// Samples the whole process for a time. Dropped early it stops sampling.
pub(super) async fn sample(time: Duration, frequency: u32) -> Result<Stacks, Refused> {
    let failed = |error: pprof::Error| {
        let hint = "the profiler needs a folder for temporary files (TMPDIR) that it may write";
        refused(StatusCode::INTERNAL_SERVER_ERROR, format!("no CPU profile: {error}; {hint}"))
    };
    let hertz = i32::try_from(frequency).unwrap_or(99);
    let guard =
        ProfilerGuardBuilder::default().frequency(hertz).blocklist(&BLOCKED).build().map_err(failed)?;
    let before = cpu_time();
    tokio::time::sleep(time).await;
    let used = cpu_time().saturating_sub(before);
    let report = guard.report().build_unresolved().map_err(failed)?;
    drop(guard);
    Ok(Stacks { report, frequency, used })
}

/// CPU time of all threads since the process began.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

impl Stacks {
    /// Looks up the names and writes gzipped protobuf. Slow: it reads the binary's debug information.
    pub(super) fn pprof(self) -> Vec<u8> {
        self.resolve().gzip()
    }

    /// Looks up the names and writes one line for each stack, `thread;outermost;...;innermost count`.
    pub(super) fn folded(self) -> String {
        self.resolve().folded()
    }

    fn resolve(self) -> Profile {
        let mut profile =
            Profile::new(self.frequency, &self.report.timing.start_time, self.report.timing.duration);
        let mut missing = (self.used.as_secs_f64() * f64::from(self.frequency)) as i64;
        for (unresolved, count) in self.report.data {
            let frames = Frames::from(unresolved);
            let thread = frames.thread_name_or_id();
            let stack: Vec<Frame> =
                frames.frames.iter().map(|symbols| symbols.iter().map(line).collect()).collect();
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            missing = missing.saturating_sub(count);
            profile.add(&thread, stack, count);
        }
        if missing > 0 {
            let name = NOT_WALKED.to_owned();
            let line = Line { function: name.clone(), system_name: name, file: String::new(), line: 0 };
            profile.add("all threads", vec![vec![line]], missing);
        }
        profile
    }
}

fn line(symbol: &pprof::Symbol) -> Line {
    Line {
        function: symbol.name(),
        system_name: symbol.sys_name().into_owned(),
        file: symbol.filename.as_ref().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default(),
        line: symbol.lineno.unwrap_or(0),
    }
}
