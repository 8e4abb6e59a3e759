//! A server for a test, and what it is asked about.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use clearway_admin::{
    AdminOptions, AdminServer, Check, ConfigProblem, ConfigReport, LevelControl, Parts, Rendered, is_verbose,
};
use clearway_model::{
    Certificate, Filter, HeaderEdit, HeaderMatch, HeaderModifier, Match, ObjectRef, PathMatch, RouteKind,
    RouteRef, Rule, RuleRef, Snapshot, TextMatch, Timeouts, Version,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Registry, reload};

/// Planted where operators put credentials; it must be in no answer.
pub(crate) const SECRET: &str = "hunter2-planted";

/// `Accept` and `Accept-Encoding`.
pub(crate) type Asked = (Option<String>, Option<String>);

/// A running server and the knobs of its parts.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) ready: Arc<AtomicBool>,
    /// What each scrape asked for.
    pub(crate) scrapes: Arc<Mutex<Vec<Asked>>>,
    /// Passes what the filter lets through now.
    pub(crate) filter: reload::Handle<Targets, Registry>,
    pub(crate) verbose: Arc<AtomicBool>,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
    _layer: reload::Layer<Targets, Registry>,
}

impl Site {
    pub(crate) async fn start(change: impl FnOnce(&mut AdminOptions)) -> Self {
        Self::with_body(change, b"clearway_up 1\n".to_vec()).await
    }

    /// A site whose `/metrics` has this body.
    pub(crate) async fn with_body(change: impl FnOnce(&mut AdminOptions), body: Vec<u8>) -> Self {
        let mut options = AdminOptions::new("127.0.0.1:0".parse().unwrap());
        change(&mut options);
        let (layer, filter) = reload::Layer::new("info".parse::<Targets>().unwrap());
        let (ready, verbose) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let scrapes = Arc::new(Mutex::new(Vec::new()));
        let parts = Parts {
            metrics: {
                let scrapes = Arc::clone(&scrapes);
                Arc::new(move |accept: Option<&str>, encoding: Option<&str>| {
                    scrapes.lock().unwrap().push((accept.map(str::to_owned), encoding.map(str::to_owned)));
                    let content_encoding =
                        encoding.is_some_and(|list| list.contains("gzip")).then_some("gzip");
                    Rendered {
                        content_type: "text/plain; version=0.0.4",
                        content_encoding,
                        body: body.clone(),
                    }
                })
            },
            readiness: {
                let ready = Arc::clone(&ready);
                Arc::new(move || checks(ready.load(Ordering::SeqCst)))
            },
            config: Arc::new(report),
            log_level: level_control(filter.clone(), Arc::clone(&verbose)),
        };
        let server = AdminServer::bind(options, parts).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(server.serve(async move { drop(stopped.await) }));
        Self { address, ready, scrapes, filter, verbose, stop, done, _layer: layer }
    }

    /// Tells the server to end and gives what ends when it has.
    pub(crate) fn end(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.done
    }
}

/// Parts for a server that is never asked.
pub(crate) fn parts() -> Parts {
    Parts {
        metrics: Arc::new(|_: Option<&str>, _: Option<&str>| Rendered {
            content_type: "text/plain",
            content_encoding: None,
            body: Vec::new(),
        }),
        readiness: Arc::new(Vec::new),
        config: Arc::new(report),
        log_level: LevelControl::new("info", |_| Ok(())),
    }
}

fn checks(ready: bool) -> Vec<Check> {
    let sync =
        if ready { Check::ok("sync") } else { Check::missing("sync", "HTTPRoute has not been listed") };
    vec![Check::ok("listeners"), Check::ok_but("config", "serving v1; 1 problem"), sync]
}

/// As the binary does it: directives of `tracing-subscriber`, and the metric that warns of debug.
fn level_control(filter: reload::Handle<Targets, Registry>, verbose: Arc<AtomicBool>) -> LevelControl {
    LevelControl::new("info", move |directives| {
        let targets = directives.parse::<Targets>().map_err(|error| error.to_string())?;
        filter.reload(targets).map_err(|error| error.to_string())?;
        verbose.store(is_verbose(directives), Ordering::SeqCst);
        Ok(())
    })
}

fn report() -> ConfigReport {
    let problem = ConfigProblem {
        object: "HTTPRoute default/shop".to_owned(),
        field: "spec.rules[0].backendRefs[0]".to_owned(),
        reason: "BackendNotFound".to_owned(),
        message: "Service default/cart does not exist".to_owned(),
    };
    ConfigReport {
        source: "examples".to_owned(),
        applied: Some(SystemTime::now()),
        snapshot: Some(Arc::new(snapshot())),
        objects: [("HTTPRoute".to_owned(), 1)].into(),
        problems: vec![problem],
    }
}

fn snapshot() -> Snapshot {
    let edit = HeaderEdit { name: "authorization".into(), value: SECRET.into() };
    let header = HeaderMatch { name: "x-api-key".into(), value: TextMatch::Exact(SECRET.into()) };
    let route = RouteRef { kind: RouteKind::Http, object: ObjectRef::new("default", "shop") };
    let rule = Rule {
        rule: RuleRef { route, index: 0, name: None },
        created: 0,
        parents: vec![],
        matches: vec![Match::Http {
            path: PathMatch::Prefix("/cart".into()),
            headers: vec![header],
            query: vec![],
            method: None,
        }],
        filters: vec![Filter::RequestHeaders(HeaderModifier {
            set: vec![edit],
            ..HeaderModifier::default()
        })],
        backends: vec![],
        timeouts: Timeouts::default(),
        retry: None,
        observability: None,
    };
    let secret = ObjectRef::new("default", "cert");
    let key: Arc<[u8]> = SECRET.as_bytes().into();
    let certificate = Certificate { secret: secret.clone(), chain_pem: Arc::clone(&key), key_pem: key };
    Snapshot {
        version: Version("v1".into()),
        rules: [(rule.rule.clone(), rule.into())].into(),
        certificates: [(secret, certificate.into())].into(),
        ..Snapshot::default()
    }
}
