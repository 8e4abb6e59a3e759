//! From changes to a published snapshot: gather, translate on a thread of its own, encode what differs, publish.
//!
//! One task runs it and owns the world. What always holds: nothing is translated before every watch is in step; a defect
//! in translation costs that one translation and not the process; whatever arrives meanwhile waits in the channel.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use clearway_telemetry::config::ConfigStage;
use clearway_telemetry::control::{ControlTelemetry, TranslationOutcome};
use clearway_translate::{Exposure, Options, Translation, Translator, World};
use clearway_xds::Resources;
use tokio::sync::mpsc;
use tokio::time::{self, timeout_at};

use crate::journey::{Journey, Named};
use crate::options::ControlOptions;
use crate::publish::{Outcome, Publisher};
use crate::readiness::Board;
use crate::watch::{Change, Watches};
use crate::world::{Effect, Store};

/// How long a published configuration is left as it is while Secrets and ConfigMaps that are named newly are read. Without
/// the wait a changed reference would be without its certificate for a moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// Changes that are taken at once.
const AT_ONCE: usize = 256;

/// Gathers, translates, publishes.
pub(crate) struct Pipeline {
    options: Arc<ControlOptions>,
    telemetry: Arc<ControlTelemetry>,
    board: Arc<Board>,
    publisher: Arc<Publisher>,
    watches: Watches,
    waiting: mpsc::Receiver<Change>,
    store: Store,
    /// Away while it works. A new one remembers nothing and says the same.
    translator: Translator,
    batch: Option<Batch>,
    /// Since when newly named objects are waited for.
    patient: Option<time::Instant>,
}

/// Changes that have not been translated.
#[derive(Debug)]
struct Batch {
    began: SystemTime,
    seen: Instant,
    changes: usize,
    objects: Named,
}

impl Batch {
    /// One that began when its first change was seen.
    fn since(seen: Instant) -> Self {
        let began = SystemTime::now().checked_sub(seen.elapsed()).unwrap_or_else(SystemTime::now);
        Self { began, seen, changes: 0, objects: Named::default() }
    }
}

/// What comes off the translating thread.
struct Translated {
    world: World,
    translator: Translator,
    result: Option<(Translation, Arc<Resources>)>,
    translate: Duration,
    encode: Duration,
}

impl Pipeline {
    /// Works on what these watches see.
    pub(crate) fn new(
        options: Arc<ControlOptions>,
        board: Arc<Board>,
        publisher: Arc<Publisher>,
        (watches, waiting): (Watches, mpsc::Receiver<Change>),
    ) -> Self {
        let store = Store::new(&options.controller_name);
        let telemetry = publisher.telemetry().clone();
        let translator = Translator::default();
        let (batch, patient) = (None, None);
        Self { options, telemetry, board, publisher, watches, waiting, store, translator, batch, patient }
    }

    /// Runs until the watches are gone.
    pub(crate) async fn run(mut self) {
        while self.gather().await {
            if let Some(wanted) = self.store.references() {
                self.watches.follow(wanted);
            }
            if self.is_whole() && (self.batch.is_some() || !*self.board.gate().borrow()) {
                self.translate().await;
            }
        }
    }

    /// Takes changes until there is quiet, or the first of them has waited long enough. False when there are no more.
    async fn gather(&mut self) -> bool {
        let mut changes = Vec::with_capacity(AT_ONCE);
        // While objects are waited for, time going by is an event too.
        let first = match self.patient {
            Some(since) => timeout_at(since + PATIENCE, self.waiting.recv_many(&mut changes, AT_ONCE)).await,
            None => Ok(self.waiting.recv_many(&mut changes, AT_ONCE).await),
        };
        match first {
            Ok(0) => return false,
            Ok(_) => {}
            Err(_) => return true,
        }
        let limit = time::Instant::now() + self.options.debounce_max;
        loop {
            changes.drain(..).for_each(|change| self.take(change));
            let quiet = (time::Instant::now() + self.options.debounce).min(limit);
            match timeout_at(quiet, self.waiting.recv_many(&mut changes, AT_ONCE)).await {
                Ok(0) => return false,
                Ok(_) if time::Instant::now() < limit => {}
                Ok(_) => {
                    changes.drain(..).for_each(|change| self.take(change));
                    return true;
                }
                Err(_) => return true,
            }
        }
    }

    fn take(&mut self, change: Change) {
        let seen = change.seen;
        let wanted = self.batch.as_ref().is_none_or(|batch| batch.objects.has_room());
        let object = change.what.object().filter(|_| wanted).map(|(kind, key)| (kind, key.clone()));
        match self.store.take(change) {
            Effect::None => {}
            Effect::InStep(unit) => self.board.in_step(&unit),
            Effect::Changed => {
                let batch = self.batch.get_or_insert_with(|| Batch::since(seen));
                batch.changes += 1;
                object.into_iter().for_each(|object| batch.objects.add(object));
            }
        }
    }

    /// Whether everything that a translation needs is known.
    fn is_whole(&mut self) -> bool {
        let behind = self.board.behind();
        if behind.is_empty() {
            self.patient = None;
            return true;
        }
        if !*self.board.gate().borrow() {
            return false;
        }
        let since = *self.patient.get_or_insert_with(time::Instant::now);
        if since.elapsed() < PATIENCE {
            return false;
        }
        // Objects that are named cannot be read in time: it goes on without them.
        self.board.timed_out(PATIENCE);
        self.patient = None;
        true
    }

    async fn translate(&mut self) {
        let batch = self.batch.take().unwrap_or_else(|| Batch::since(Instant::now()));
        let gather = batch.seen.elapsed();
        let (world, options) = (self.store.hand_out(), translate_options(&self.options));
        let previous = self.publisher.resources();
        let translator = std::mem::take(&mut self.translator);
        let work = move || translate_world(world, translator, &options, previous.as_deref());
        // A thread that may be busy for long: the tasks of watches and streams go on meanwhile.
        let Ok(translated) = tokio::task::spawn_blocking(work).await else { return };
        let Translated { world, translator, result, translate, encode } = translated;
        self.store.put_back(world);
        self.translator = translator;
        let Some((translation, resources)) = result else {
            self.telemetry.translated(translate, TranslationOutcome::Failed);
            self.board.stuck("a translation broke off; what was served before is served still");
            return;
        };
        let journey = Journey {
            began: batch.began,
            seen: batch.seen,
            changes: batch.changes,
            objects: batch.objects,
            gather,
            translate,
            encode,
            encoded: resources.encoded(),
            published: Instant::now(),
        };
        let (version, changes) = (resources.version().clone(), batch.changes);
        let problems = translation.problems.len();
        let view = self.store.view();
        self.telemetry.config.record_stage(ConfigStage::Watch, gather);
        self.telemetry.config.record_stage(ConfigStage::Translate, translate);
        let changed = self.publisher.publish(Outcome { translation, resources, view, journey });
        let outcome = if changed { TranslationOutcome::Published } else { TranslationOutcome::Unchanged };
        self.telemetry.translated(translate, outcome);
        self.board.published();
        if changed {
            tracing::info!(%version, changes, problems, ?gather, ?translate, ?encode, "Published.");
        } else {
            tracing::debug!(%version, changes, problems, ?translate, "Changes mean nothing to data planes.");
        }
    }
}

/// How objects are translated in a cluster.
fn translate_options(options: &ControlOptions) -> Options {
    Options {
        exposure: Exposure::Cluster,
        merged: Some(options.merged_ports),
        forwarded: options.forwarded,
        trace: options.trace,
        class_policies_in: Some(options.namespace.clone()),
        ..Options::new(options.controller_name.as_str())
    }
}

/// Translates and encodes. A panic is a defect; the world survives it.
fn translate_world(
    world: World,
    mut translator: Translator,
    options: &Options,
    previous: Option<&Resources>,
) -> Translated {
    let began = Instant::now();
    let translation = catch_unwind(AssertUnwindSafe(|| translator.translate(&world, options))).ok();
    if translation.is_none() {
        // What it remembers may be half of something.
        translator = Translator::default();
    }
    let translated = began.elapsed();
    let result = translation.and_then(|mut translation| {
        let snapshot = Arc::new(std::mem::take(&mut translation.snapshot));
        let encode = || Arc::new(Resources::encode(snapshot, previous));
        Some((translation, catch_unwind(AssertUnwindSafe(encode)).ok()?))
    });
    Translated {
        world,
        translator,
        result,
        translate: translated,
        encode: began.elapsed().saturating_sub(translated),
    }
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
