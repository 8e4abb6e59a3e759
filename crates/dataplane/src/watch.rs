//! Notices that files changed, and waits until they have come to rest: an editor writes one file several times.

use std::path::Path;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::watch;
use tokio::time::Instant;

/// Without a change for so long, files are at rest.
const QUIET: Duration = Duration::from_millis(50);
/// A folder that never rests is read this often.
const LONGEST: Duration = Duration::from_millis(500);

/// Watches a folder.
pub(crate) struct FolderWatch {
    changes: watch::Receiver<u64>,
    /// Ends the watch when dropped.
    _watcher: RecommendedWatcher,
}

impl FolderWatch {
    /// Begins to watch: changes from now on are noticed.
    ///
    /// # Errors
    /// The operating system's, such as a limit of watches that is reached.
    pub(crate) fn new(folder: &Path) -> notify::Result<Self> {
        let (sender, changes) = watch::channel(0);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is no change of it; an error may hide one.
            if !matches!(event, Ok(notify::Event { kind: EventKind::Access(_), .. })) {
                sender.send_modify(|count| *count += 1);
            }
        })?;
        watcher.watch(folder, RecursiveMode::Recursive)?;
        Ok(Self { changes, _watcher: watcher })
    }

    /// Waits for a change, and then for rest.
    pub(crate) async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            return std::future::pending().await;
        }
        let end = Instant::now() + LONGEST;
        loop {
            let rest = tokio::time::sleep_until(end.min(Instant::now() + QUIET));
            tokio::select! {
                () = rest => return,
                changed = self.changes.changed() => if changed.is_err() { return },
            }
        }
    }
}
