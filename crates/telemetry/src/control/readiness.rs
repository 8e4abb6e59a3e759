//! Layers of readiness: what holds, since when it first held, and why it changed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use super::series::{Tally, lock};
use super::{ControlTelemetry, Layer, ReadinessReason};

/// A layer; `None` is all of them together. They sort as they are shown.
pub(crate) type LayerKey = Option<Layer>;

/// What is known of a layer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LayerView {
    pub(crate) ready: bool,
    /// From the start of the process to the first time that it held.
    pub(crate) first: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct ReadinessBook {
    layers: Mutex<BTreeMap<LayerKey, LayerView>>,
    pub(crate) transitions: Tally<(LayerKey, bool, ReadinessReason)>,
}

impl Default for ReadinessBook {
    fn default() -> Self {
        let all = Layer::ALL.into_iter().map(Some).chain([None]);
        Self {
            layers: Mutex::new(all.map(|layer| (layer, LayerView::default())).collect()),
            transitions: Tally::default(),
        }
    }
}

impl ReadinessBook {
    pub(crate) fn read(&self) -> BTreeMap<LayerKey, LayerView> {
        lock(&self.layers).clone()
    }
}

impl ControlTelemetry {
    /// Says whether a layer holds, and why it changed. Said again, it changes nothing: only a change counts.
    pub fn layer(&self, layer: Layer, ready: bool, reason: ReadinessReason) {
        self.readiness_of(Some(layer), ready, reason);
    }

    /// The same of all layers together.
    pub fn ready(&self, ready: bool, reason: ReadinessReason) {
        self.readiness_of(None, ready, reason);
    }

    fn readiness_of(&self, layer: LayerKey, ready: bool, reason: ReadinessReason) {
        let mut layers = lock(&self.readiness.layers);
        let view = layers.entry(layer).or_default();
        if view.ready == ready {
            return;
        }
        view.ready = ready;
        if ready {
            view.first.get_or_insert_with(|| self.started.elapsed());
        }
        self.readiness.transitions.add((layer, ready, reason), 1);
    }
}
