//! Folders that live as long as a test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A new, empty folder; removed with everything in it when dropped, kept (and named) when the test is failing.
#[derive(Debug)]
pub struct TempDir {
    path: PathBuf,
}

impl TempDir {
    /// Makes `<temp>/clearway-<label>-<pid>-<n>`; panics when it cannot.
    pub fn new(label: &str) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("clearway-{label}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // What an earlier process with the same id left behind is nobody's any more.
        drop(std::fs::remove_dir_all(&path));
        if let Err(error) = std::fs::create_dir_all(&path) {
            panic!("cannot make {}: {error}", path.display());
        }
        Self { path }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder and a name in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("The folder of the failing test is kept: {}", self.path.display());
        } else if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("Cannot remove {}: {error}", self.path.display());
        }
    }
}
