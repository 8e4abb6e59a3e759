//! What the admin server shows of a process that serves requests: `clearway run` and `clearway dataplane`.

use std::collections::BTreeMap;
use std::sync::Arc;

use clearway_admin::{
    AdminOptions, Check, ConfigProblem, ConfigReport, LevelControl, Parts, Token, is_verbose,
};
use clearway_dataplane::{ConfigState, XdsStatus};
use clearway_proxy::Proxy;
use clearway_telemetry::Telemetry;
use clearway_telemetry::accounting::Accounting;
use clearway_telemetry::config::{ConfigTelemetry, ObjectKind};
use clearway_telemetry::control::XdsTelemetry;
use clearway_telemetry::exposition::{BuildInfo, Exposition, Sources};
use clearway_telemetry::runtime::RuntimeTelemetry;

use crate::cli::AdminArgs;

/// Where the configuration comes from.
pub(crate) struct Source {
    name: String,
    xds: Option<(Arc<XdsStatus>, Arc<XdsTelemetry>)>,
}

impl Source {
    /// A folder.
    pub(crate) fn folder(name: String) -> Self {
        Self { name, xds: None }
    }

    /// A control plane.
    pub(crate) fn control_plane(name: String, status: Arc<XdsStatus>, telemetry: Arc<XdsTelemetry>) -> Self {
        Self { name, xds: Some((status, telemetry)) }
    }
}

/// Everything there is to show.
pub(super) struct Shown {
    pub(super) source: Source,
    pub(super) hub: Arc<Telemetry>,
    pub(super) config: Arc<ConfigTelemetry>,
    pub(super) runtimes: Arc<RuntimeTelemetry>,
    pub(super) accounting: Arc<Accounting>,
    pub(super) state: Arc<ConfigState>,
    pub(super) proxy: Arc<Proxy>,
}

/// The server's options from flags.
pub(super) fn options(args: &AdminArgs) -> Result<AdminOptions, Box<dyn std::error::Error>> {
    let mut options = AdminOptions::new(args.admin_address);
    if let Some(path) = &args.admin_token_file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("--admin-token-file {}: {error}", path.display()))?;
        options.token = Some(Token::new(&text)?);
    }
    Ok(options)
}

/// What the server answers from.
pub(super) fn parts(shown: Shown, log_level: LevelControl) -> Parts {
    let build = BuildInfo {
        version: env!("CARGO_PKG_VERSION"),
        revision: option_env!("CLEARWAY_REVISION").unwrap_or("unknown"),
    };
    let exposition = Exposition::new(Sources {
        hub: Some(shown.hub),
        control: None,
        xds: shown.source.xds.as_ref().map(|(_, telemetry)| telemetry.clone()),
        config: shown.config.clone(),
        runtimes: shown.runtimes,
        accounting: shown.accounting,
        build,
    });
    let level = log_level.clone();
    let Source { name, xds } = shown.source;
    let xds = xds.map(|(status, _)| status);
    let (ready, state, config) = (shown.state.clone(), shown.state, shown.config);
    let proxy = shown.proxy;
    Parts {
        metrics: Arc::new(move |accept, encoding| {
            exposition.set_debug_logging(is_verbose(&level.report().level));
            exposition.render(accept, encoding)
        }),
        readiness: Arc::new(move || checks(&ready, &proxy, xds.as_deref())),
        config: Arc::new(move || report(&name, &state, &config)),
        log_level,
    }
}

fn checks(state: &ConfigState, proxy: &Proxy, xds: Option<&XdsStatus>) -> Vec<Check> {
    let refusal = state
        .refusal()
        .map(|refusal| refusal.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    let note = xds.and_then(XdsStatus::note).map(|note| format!(" ({note})")).unwrap_or_default();
    let config = match (state.served(), refusal) {
        (Some(served), None) => Check::ok_but("config", format!("version {}{note}", served.snapshot.version)),
        (Some(served), Some(faults)) => Check::ok_but(
            "config",
            format!("version {}{note}; a newer one is refused: {faults}", served.snapshot.version),
        ),
        (None, None) => Check::missing(
            "config",
            xds.map_or_else(|| "the folder is being read".to_owned(), XdsStatus::awaited),
        ),
        (None, Some(faults)) => Check::missing("config", faults),
    };
    let (running, wanted) = proxy.workers();
    let workers = if proxy.is_draining() {
        Check::missing("workers", "draining: the process is about to end")
    } else if running < wanted {
        Check::missing(
            "workers",
            format!("{} of {wanted} worker threads have ended; restart", wanted - running),
        )
    } else {
        Check::ok("workers")
    };
    // Without a control plane what is served goes on being served: it is said, and not held against the pod.
    let control_plane = xds.map(|status| Check::ok_but("control-plane", status.connection()));
    [workers, config].into_iter().chain(control_plane).collect()
}

fn report(source: &str, state: &ConfigState, config: &ConfigTelemetry) -> ConfigReport {
    let served = state.served();
    let counts = config.status().objects;
    let objects: BTreeMap<String, usize> = ObjectKind::ALL
        .iter()
        .zip(counts.0)
        .map(|(kind, count)| (kind.as_str().to_owned(), usize::try_from(count).unwrap_or(usize::MAX)))
        .collect();
    let refused = state.refusal().into_iter().flat_map(|refusal| refusal.faults).map(|fault| ConfigProblem {
        object: fault.object,
        field: fault.field,
        reason: "Refused".into(),
        message: fault.message,
    });
    let problems = served.iter().flat_map(|served| &served.report.problems).map(|problem| ConfigProblem {
        object: problem.object.to_string(),
        field: problem.field.clone(),
        reason: problem.reason.clone(),
        message: problem.message.clone(),
    });
    ConfigReport {
        source: source.to_owned(),
        problems: refused.chain(problems).collect(),
        applied: served.as_ref().map(|served| served.applied),
        snapshot: served.map(|served| served.snapshot),
        objects,
    }
}
