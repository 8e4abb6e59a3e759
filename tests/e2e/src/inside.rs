//! The test's own sockets among the cluster's addresses: threads that stand in its network namespace.

use std::fs::File;
use std::future::Future;
use std::os::fd::AsFd;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::Cluster;

impl Cluster {
    /// Lets the calling thread see the cluster's addresses, for good: what it opens and the threads that it starts do too.
    /// Give it a thread of its own.
    pub fn enter(&self) {
        if !self.own {
            return;
        }
        let path = format!("/run/netns/clearway-{}", self.name());
        let entered = File::open(&path).and_then(|namespace| {
            Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?)
        });
        if let Err(error) = entered {
            panic!("cannot enter {path}: {error}; cluster tests need root");
        }
    }

    /// Runs a future to its end on a thread and a runtime that see the cluster's addresses.
    pub fn inside<F: Future>(&self, work: impl FnOnce() -> F + Send) -> F::Output
    where
        F::Output: Send,
    {
        let walk = || {
            self.enter();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap_or_else(|error| panic!("cannot build a tokio runtime: {error}"));
            runtime.block_on(work())
        };
        std::thread::scope(|scope| match scope.spawn(walk).join() {
            Ok(output) => output,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }
}
