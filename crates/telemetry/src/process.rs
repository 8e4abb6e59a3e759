//! What Linux says of this process, read from `/proc/self` and its control groups at the moment of a scrape.
//!
//! A value that cannot be read is absent: no sample is better than a wrong one.

use std::fs;
use std::path::{Path, PathBuf};

/// One look at the process; `None` where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessStatus {
    /// User and system time, seconds.
    pub cpu_seconds: Option<f64>,
    /// Resident memory, bytes.
    pub resident_bytes: Option<u64>,
    /// Virtual memory, bytes.
    pub virtual_bytes: Option<u64>,
    /// Open descriptors.
    pub open_fds: Option<u64>,
    /// Soft limit of descriptors; infinite when unlimited.
    pub max_fds: Option<f64>,
    /// Start, seconds since 1970.
    pub start_seconds: Option<f64>,
    /// Threads.
    pub threads: Option<u64>,
    /// CPUs that it may use: those of its affinity, or the quota of its control groups when that is less.
    pub cpu_limit_cores: Option<f64>,
}

/// Reads the process's files.
#[derive(Debug)]
pub struct ProcessReader {
    own: PathBuf,
    cgroups: PathBuf,
    ticks_per_second: f64,
    boot_seconds: Option<f64>,
}

impl Default for ProcessReader {
    fn default() -> Self {
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        Self::new(Path::new("/proc"), Path::new("/sys/fs/cgroup"), ticks_per_second)
    }
}

impl ProcessReader {
    fn new(proc: &Path, cgroups: &Path, ticks_per_second: u64) -> Self {
        let boot_seconds = fs::read_to_string(proc.join("stat"))
            .ok()
            .and_then(|text| text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok()));
        let (own, cgroups) = (proc.join("self"), cgroups.to_owned());
        Self { own, cgroups, ticks_per_second: ticks_per_second as f64, boot_seconds }
    }

    /// The state now.
    pub fn read(&self) -> ProcessStatus {
        let mut status = ProcessStatus::default();
        if let Ok(text) = fs::read_to_string(self.own.join("stat")) {
            let fields = fields_after_name(&text);
            let ticks = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
            let seconds = |number: usize| Some(ticks(number)? / self.ticks_per_second);
            status.cpu_seconds = seconds(14).zip(seconds(15)).map(|(user, system)| user + system);
            status.start_seconds = self.boot_seconds.zip(seconds(22)).map(|(boot, since)| boot + since);
        }
        if let Ok(text) = fs::read_to_string(self.own.join("status")) {
            status.resident_bytes = line_number(&text, "VmRSS:").map(|kib| kib * 1024);
            status.virtual_bytes = line_number(&text, "VmSize:").map(|kib| kib * 1024);
            status.threads = line_number(&text, "Threads:");
        }
        if let Ok(text) = fs::read_to_string(self.own.join("limits")) {
            status.max_fds = max_fds(&text);
        }
        // The directory that is being read is one descriptor more.
        status.open_fds =
            fs::read_dir(self.own.join("fd")).ok().map(|fds| (fds.count() as u64).saturating_sub(1));
        status.cpu_limit_cores = self.cpu_limit();
        status
    }

    /// CPUs of the affinity, or the quota when that is less. A quota may be a fraction, which no affinity is.
    fn cpu_limit(&self) -> Option<f64> {
        let affinity = f64::from(rustix::thread::sched_getaffinity(None).ok()?.count());
        let groups = fs::read_to_string(self.own.join("cgroup")).unwrap_or_default();
        Some(cpu_quota(&self.cgroups, &groups).map_or(affinity, |quota| quota.min(affinity)))
    }
}

/// The least quota of the process's control group (cgroups(7), version 2) and those above it.
fn cpu_quota(root: &Path, groups: &str) -> Option<f64> {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    // In a container the path may be one of the host, and the group's own files stand at the root.
    let folders = Path::new(group).ancestors().map(|folder| root.join(folder));
    folders.filter_map(|folder| quota(&fs::read_to_string(folder.join("cpu.max")).ok()?)).reduce(f64::min)
}

/// `150000 100000` is one and a half CPUs; `max` is none.
fn quota(text: &str) -> Option<f64> {
    let (microseconds, period) = text.trim().split_once(' ')?;
    let (microseconds, period): (f64, f64) = (microseconds.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then_some(microseconds / period)
}

/// Fields of proc_pid_stat(5) from the third on: the second is a name in brackets that may hold blanks and brackets.
fn fields_after_name(text: &str) -> Vec<&str> {
    text.rsplit_once(')').map(|(_, rest)| rest.split_ascii_whitespace().collect()).unwrap_or_default()
}

fn line_number(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_ascii_whitespace().next()?.parse().ok()
}

fn max_fds(text: &str) -> Option<f64> {
    let soft =
        text.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_ascii_whitespace().next()?;
    if soft == "unlimited" { Some(f64::INFINITY) } else { soft.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_process_name_does_not_shift_the_fields() {
        let fields = fields_after_name("7 (a) b (c) S 1 7");
        assert_eq!(fields, ["S", "1", "7"]);
    }

    #[test]
    fn limits_and_status_lines_are_read() {
        let limits =
            "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024      4096     files\n";
        assert_eq!(max_fds(limits), Some(1024.0));
        assert_eq!(max_fds("Max open files unlimited unlimited files"), Some(f64::INFINITY));
        assert_eq!(line_number("VmPeak: 9 kB\nVmRSS:\t  42 kB\n", "VmRSS:"), Some(42));
    }

    #[test]
    fn the_least_quota_of_the_groups_holds() {
        let root = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().expect("a parent")).expect("folders");
            fs::write(file, text).expect("a file");
        };
        write("cpu.max", "max 100000\n");
        write("pods/cpu.max", "50000 100000\n");
        write("pods/one/cpu.max", "150000 100000\n");
        assert_eq!(cpu_quota(root.path(), "1:cpu:/x\n0::/pods/one\n"), Some(0.5));
        assert_eq!(cpu_quota(root.path(), "0::/elsewhere\n"), None, "max is no quota");
        assert_eq!(cpu_quota(root.path(), "1:cpu:/pods\n"), None, "version 1 has other files");
    }

    #[test]
    fn this_process_can_be_read_and_its_numbers_are_plausible() {
        let status = ProcessReader::default().read();
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("clock").as_secs_f64();
        assert!(status.start_seconds.is_some_and(|start| start > 1.0 && start < now + 1.0), "{status:?}");
        assert!(status.resident_bytes.is_some_and(|bytes| bytes > 100_000), "{status:?}");
        assert!(status.virtual_bytes >= status.resident_bytes, "{status:?}");
        assert!(status.threads.is_some_and(|threads| threads >= 1), "{status:?}");
        assert!(status.cpu_seconds.is_some(), "{status:?}");
        assert!(status.cpu_limit_cores.is_some_and(|cores| cores > 0.0 && cores <= 4096.0), "{status:?}");
        let before = status.open_fds.expect("descriptors");
        let _held: Vec<_> =
            (0..400).map(|_| fs::File::open("/proc/self/stat").expect("a file of this process")).collect();
        let after = ProcessReader::default().read().open_fds.expect("descriptors");
        assert!(after >= before + 200, "400 files more, other tests aside: {before}, then {after}");
    }
}
