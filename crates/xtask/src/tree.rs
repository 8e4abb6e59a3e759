//! The repository: its root and the files that belong to it.
//!
//! What git ignores does not belong to it; what is new and not added yet does.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a task could not be done, or what it found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A program could not be run or failed.
    #[error("xtask: `{command}` failed: {reason}")]
    Command { command: String, reason: String },
    /// A file could not be read or written.
    #[error("xtask: {path}: {reason}")]
    File { path: String, reason: String },
    /// What was found.
    #[error("{0}")]
    Findings(String),
}

/// What a task says when it is done.
pub(crate) type Outcome = Result<String, Failure>;

/// The working tree.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The tree that this program was built from, or that it stands in.
    pub(crate) fn open() -> Result<Self, Failure> {
        let root = Self { root: PathBuf::from(".") }.run("git", &["rev-parse", "--show-toplevel"])?;
        Ok(Self { root: PathBuf::from(root.trim_end()) })
    }

    /// All files that exist, relative to the root, sorted.
    pub(crate) fn files(&self) -> Result<Vec<String>, Failure> {
        let listed = self.run("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        let mut files: Vec<String> = listed
            .split('\0')
            .filter(|path| !path.is_empty() && self.path(path).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// A file's text; `None` when it does not exist or is no text.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.path(path)).ok()
    }

    /// Writes a file and the folders above it.
    pub(crate) fn write(&self, path: &str, text: &str) -> Result<(), Failure> {
        let full = self.path(path);
        let failed =
            |error: std::io::Error| Failure::File { path: path.to_owned(), reason: error.to_string() };
        if let Some(folder) = full.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        std::fs::write(&full, text).map_err(failed)
    }

    /// Runs a program in the root and gives what it prints.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Result<String, Failure> {
        let command = format!("{program} {}", arguments.join(" "));
        let failed = |reason: String| Failure::Command { command: command.clone(), reason };
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.root)
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(format!("{}: {}", output.status, said.trim_end())));
        }
        String::from_utf8(output.stdout)
            .map_err(|_| failed("it printed something that is no UTF-8".to_owned()))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(Path::new(path))
    }
}
