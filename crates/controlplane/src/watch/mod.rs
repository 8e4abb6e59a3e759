//! The watches: one for each kind from the start, and one for each Secret and ConfigMap that somebody names.
//!
//! `run` starts them; they tell `world` what they see through one bounded channel, so that a flood waits at the apiserver
//! and not in memory.

mod backoff;
mod change;
mod discovery;
mod failure;
mod guard;
mod kinds;
mod raw;
#[cfg(test)]
pub(crate) mod script;
#[cfg(test)]
mod tests;
mod unit;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearway_translate::Reference;
use kube::Client;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

pub(crate) use change::{Change, Content, What};
pub(crate) use discovery::Discovery;
pub(crate) use failure::Failure;
pub(crate) use kinds::{CONFIG_MAP, KINDS, Kind, Reach, SECRET};
pub(crate) use unit::{Range, Unit};

use crate::options::ControlOptions;
use crate::readiness::Board;
use crate::world::{Observations, managed_by};
use guard::Guard;

/// Changes that may wait for the world.
const WAITING: usize = 1024;

/// What every watch works with.
pub(crate) struct Context {
    client: Client,
    discovery: Arc<Discovery>,
    board: Arc<Board>,
    observed: Arc<Observations>,
    changes: mpsc::Sender<Change>,
    /// The value of the label on what this installation makes.
    managed_by: String,
}

/// All watches.
pub(crate) struct Watches {
    context: Arc<Context>,
    tasks: JoinSet<()>,
    referenced: BTreeMap<Unit, AbortHandle>,
}

impl Watches {
    /// Starts the watches that are there from the beginning; what they see comes out of the channel.
    pub(crate) fn start(
        client: Client,
        options: &ControlOptions,
        board: Arc<Board>,
        observed: Arc<Observations>,
    ) -> (Self, mpsc::Receiver<Change>) {
        let (changes, waiting) = mpsc::channel(WAITING);
        let discovery = Discovery::new(client.clone(), changes.clone());
        let managed_by = managed_by(options);
        let context = Context { client, discovery, board, observed, changes, managed_by };
        let mut watches =
            Self { context: Arc::new(context), tasks: JoinSet::new(), referenced: BTreeMap::new() };
        let discovery = watches.context.discovery.clone();
        watches.tasks.spawn(async move { discovery.run().await });
        for unit in KINDS.iter().flat_map(|kind| units(kind, options)) {
            watches.spawn(unit);
        }
        (watches, waiting)
    }

    /// Watches exactly these objects besides.
    pub(crate) fn follow(&mut self, wanted: &BTreeSet<Reference>) {
        let unit = |wanted: &Reference| {
            let kind = if wanted.kind == SECRET.name { SECRET } else { CONFIG_MAP };
            Unit { kind, range: Range::Object(wanted.object.clone()) }
        };
        let wanted: BTreeSet<Unit> = wanted.iter().map(unit).collect();
        let board = &self.context.board;
        self.referenced.retain(|unit, task| {
            let kept = wanted.contains(unit);
            if !kept {
                task.abort();
                board.forget(unit);
            }
            kept
        });
        let new: Vec<Unit> = wanted.into_iter().filter(|unit| !self.referenced.contains_key(unit)).collect();
        for unit in new {
            let task = self.spawn(unit.clone());
            self.referenced.insert(unit, task);
        }
        // Aborted tasks are collected here, so that they do not pile up.
        while let Some(ended) = self.tasks.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(%error, "A watch broke off.");
                self.context.board.broken(&error.to_string());
            }
        }
    }

    /// For tests that play the watches.
    #[cfg(test)]
    pub(crate) fn sender(&self) -> mpsc::Sender<Change> {
        self.context.changes.clone()
    }

    fn spawn(&mut self, unit: Unit) -> AbortHandle {
        self.context.board.expect(&unit);
        self.tasks.spawn(Guard::new(unit, self.context.clone()).run())
    }
}

/// The watches of a kind that is watched from the start.
fn units(kind: &'static Kind, options: &ControlOptions) -> Vec<Unit> {
    let all = || vec![Unit { kind, range: Range::All }];
    let namespace = |name: &String, labels| Unit { kind, range: Range::Namespace(name.clone(), labels) };
    match kind.reach {
        Reach::Cluster => all(),
        Reach::Namespaces if options.watch_namespaces.is_empty() => all(),
        Reach::Namespaces => options.watch_namespaces.iter().map(|name| namespace(name, None)).collect(),
        Reach::Fleet => vec![namespace(&options.namespace, Some(options.fleet_selector.clone()))],
        Reach::Referenced => Vec::new(),
    }
}
