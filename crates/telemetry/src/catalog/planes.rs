//! Which process shows which metric.

/// Whose `/metrics` shows a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// Every process.
    Every,
    /// Whatever serves requests: `run` and `dataplane`.
    Data,
    /// `dataplane`, which gets its configuration from a control plane.
    Fleet,
    /// `controlplane`.
    Control,
}

impl Plane {
    /// Every value.
    pub const ALL: [Self; 4] = [Self::Every, Self::Data, Self::Fleet, Self::Control];

    /// The commands whose `/metrics` shows it.
    pub const fn commands(self) -> &'static [&'static str] {
        match self {
            Self::Every => &["run", "dataplane", "controlplane"],
            Self::Data => &["run", "dataplane"],
            Self::Fleet => &["dataplane"],
            Self::Control => &["controlplane"],
        }
    }
}
