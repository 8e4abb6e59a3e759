//! The standalone mode: a folder is the source. The same pure translation as in Kubernetes, in one process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway_k8s::Severity;
use clearway_telemetry::config::{ConfigStage, ConfigTelemetry, ProblemCounts};
use clearway_translate::{Options, Report, translate};

use crate::apply::{Applier, ApplyOutcome};
use crate::files::{self, Folder};
use crate::state::{ConfigState, Fault};
use crate::watch::FolderWatch;

/// Settings of the standalone mode.
#[derive(Clone, Debug)]
pub struct StandaloneOptions {
    /// The folder of Gateway API objects.
    pub folder: PathBuf,
    /// How it is translated.
    pub translate: Options,
    /// How often names of backends are looked up.
    pub dns_interval: Duration,
}

/// Reads, translates and applies a folder, once at first and then at every change.
#[derive(Debug)]
pub struct Standalone {
    options: StandaloneOptions,
    applier: Applier,
    config: Arc<ConfigTelemetry>,
    state: Arc<ConfigState>,
}

impl Standalone {
    /// Ready to run; nothing is read yet.
    pub fn new(
        options: StandaloneOptions,
        applier: Applier,
        config: Arc<ConfigTelemetry>,
        state: Arc<ConfigState>,
    ) -> Self {
        Self { options, applier, config, state }
    }

    /// Serves the folder as it is now, and then as it becomes, for ever.
    ///
    /// # Errors
    /// The folder cannot be watched.
    pub async fn run(mut self) -> Result<(), notify::Error> {
        // Watching begins first: a change during the first reading is noticed.
        let mut watch = FolderWatch::new(&self.options.folder)?;
        self.load().await;
        let mut names = tokio::time::interval(self.options.dns_interval);
        names.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = watch.changed() => self.load().await,
                _ = names.tick() => {
                    let resolved = self.applier.lookup().answer().await;
                    self.applier.resolved(resolved).await;
                }
            }
        }
    }

    async fn load(&mut self) {
        let began = Instant::now();
        let folder = self.options.folder.clone();
        let read = match tokio::task::spawn_blocking(move || files::read(&folder)).await {
            Ok(read) => read,
            Err(error) => {
                return self.refuse(vec![Fault::of("folder", format!("reading it broke off: {error}"))], 0);
            }
        };
        self.config.record_stage(ConfigStage::Read, began.elapsed());
        for warning in &read.warnings {
            tracing::warn!("{warning}");
        }
        if read.errors.is_empty() {
            self.translate_and_apply(read).await;
        } else {
            self.refuse(read.errors, read.warnings.len() as u64);
        }
    }

    async fn translate_and_apply(&mut self, read: Folder) {
        let began = Instant::now();
        let options = self.options.translate.clone();
        let translated = tokio::task::spawn_blocking(move || {
            let translation = translate(&read.world, &options);
            let report = Report::from(&translation, &read.world);
            (translation, report, read.warnings.len() as u64)
        });
        let (translation, report, warnings) = match translated.await {
            Ok(translated) => translated,
            Err(error) => {
                return self
                    .refuse(vec![Fault::of("folder", format!("translating it broke off: {error}"))], 0);
            }
        };
        self.config.record_stage(ConfigStage::Translate, began.elapsed());
        let errors = translation.problems.iter().filter(|p| p.severity == Severity::Error).count() as u64;
        let counts =
            ProblemCounts { errors, warnings: warnings + translation.problems.len() as u64 - errors };
        let version = translation.snapshot.version.clone();
        match self.applier.apply(translation.snapshot, counts).await {
            ApplyOutcome::Applied => {
                for problem in &translation.problems {
                    tracing::warn!("{problem}");
                }
                tracing::info!(%version, errors, "Configuration applied.");
                if let Some(snapshot) = self.applier.served() {
                    self.state.applied(snapshot.clone(), report);
                }
            }
            ApplyOutcome::Unchanged => {
                tracing::debug!(%version, "Configuration unchanged.");
                self.state.unchanged(report);
            }
            ApplyOutcome::Refused(faults) => self.note_refusal(faults),
        }
    }

    fn refuse(&self, faults: Vec<Fault>, warnings: u64) {
        self.config.refused(ProblemCounts { errors: faults.len() as u64, warnings });
        self.note_refusal(faults);
    }

    fn note_refusal(&self, faults: Vec<Fault>) {
        for fault in &faults {
            tracing::error!("{fault}");
        }
        match self.state.served() {
            Some(served) => {
                let version = &served.snapshot.version;
                tracing::error!(%version, "Configuration refused; the last good one is served. Mend what is named above.");
            }
            None => tracing::error!(
                "Configuration refused, and there is none before it. Mend what is named above."
            ),
        }
        self.state.refused(faults);
    }
}
