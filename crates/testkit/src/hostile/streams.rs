//! TLSRoutes, TCPRoutes and UDPRoutes: nothing serves them, and each is told so.

use serde_json::json;

use super::Case;
use super::make::{case, listener, stream};

pub(super) fn add(all: &mut Vec<Case>) {
    for kind in ["TLSRoute", "TCPRoute", "UDPRoute"] {
        let name = |what: &str| format!("{}-{what}", kind.to_ascii_lowercase());
        let rules = json!({"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]});
        let line = "Accepted=False/NotAllowedByListeners ~ spec.parentRefs[0]";
        case(all, "stream-not-served", vec![stream(kind, &name("plain"), rules)], &[line]);
        case(all, "stream-not-served", vec![stream(kind, &name("empty"), json!({"rules": []}))], &[line]);
        let twice = json!({"parentRefs": [{"name": "edge", "namespace": "good"}, {"name": "edge", "namespace": "good"}]});
        case(
            all,
            "stream-twice",
            vec![stream(kind, &name("twice"), twice)],
            &["[1] Accepted=False/NotAllowedByListeners ~ spec.parentRefs[1]"],
        );
        let host = json!({"hostnames": ["A B"], "rules": [{}]});
        case(all, "stream-hostname", vec![stream(kind, &name("host"), host)], &[line]);
        let many = (0..5_000)
            .map(|n| json!({"name": format!("none-{n}"), "port": 80}))
            .collect::<serde_json::Value>();
        let many = stream(kind, &name("many"), json!({"rules": [{"backendRefs": many}]}));
        case(
            all,
            "stream-many",
            vec![many],
            &[line, "ResolvedRefs=False/BackendNotFound ~ spec.rules[0].backendRefs[0]"],
        );
        let protocol = kind.trim_end_matches("Route");
        let gateway = listener(&name("listener"), json!({"protocol": protocol}));
        case(
            all,
            "stream-listener",
            vec![gateway],
            &[
                "[bad] Accepted=False/UnsupportedProtocol ~ spec.listeners[0].protocol",
                "[good] Accepted=True/Accepted",
            ],
        );
    }
}
