//! Host names that are none, in every place that holds one.

use serde_json::json;

use super::Case;
use super::make::{case, http, http_filter, http_rule, listener, listener_set, own};

fn bad() -> Vec<(&'static str, String)> {
    vec![
        ("upper", "Shop.Example".into()),
        ("port", "shop.example:80".into()),
        ("ip", "10.0.0.1".into()),
        ("ip6", "::1".into()),
        ("star-inside", "a.*.example".into()),
        ("star-label", "*a.example".into()),
        ("dash", "-a.example".into()),
        ("dots", "a..example".into()),
        ("end", "a.example.".into()),
        ("label-64", format!("{}.example", "a".repeat(64))),
        ("long", format!("{}.example", vec!["a".repeat(60); 5].join("."))),
        ("greek", "μπλε.example".into()),
        ("blank", "a b.example".into()),
        ("line", "a\r\nb.example".into()),
        ("null", "a\u{0}.example".into()),
        ("right-to-left", "a\u{202e}b.example".into()),
        ("slash", "a/b.example".into()),
        ("huge", "a".repeat(100_000)),
    ]
}

pub(super) fn add(all: &mut Vec<Case>) {
    for (name, host) in bad() {
        let route = http(&format!("host-route-{name}"), json!({"hostnames": [host]}));
        case(all, "hostname-of-route", vec![route], &["Accepted=False/UnsupportedValue ~ spec.hostnames[0]"]);
        let gateway = listener(&format!("host-gateway-{name}"), json!({"hostname": host}));
        case(
            all,
            "hostname-of-listener",
            vec![gateway],
            &[
                "[bad] Accepted=False/UnsupportedValue ~ spec.listeners[0].hostname",
                "[good] Accepted=True/Accepted",
                "Accepted=True/ListenersNotValid ~ bad",
            ],
        );
        let set = json!([{"name": "bad", "port": 80, "protocol": "HTTP", "hostname": host}]);
        let set = listener_set(&format!("host-set-{name}"), set);
        let line = "[bad] Accepted=False/UnsupportedValue ~ spec.listeners[0].hostname";
        case(all, "hostname-of-set", vec![set], &[line]);
        let filter = json!({"type": "URLRewrite", "urlRewrite": {"hostname": host}});
        let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].filters[0].urlRewrite.hostname";
        case(all, "hostname-of-rewrite", vec![http_filter(&format!("host-rewrite-{name}"), filter)], &[line]);
        let filter = json!({"type": "RequestRedirect", "requestRedirect": {"hostname": host}});
        let line = "Accepted=False/UnsupportedValue ~ spec.rules[0].filters[0].requestRedirect.hostname";
        let rule = json!({"filters": [filter], "backendRefs": []});
        case(all, "hostname-of-redirect", vec![http_rule(&format!("host-redirect-{name}"), rule)], &[line]);
        let backend =
            own(&format!("host-backend-{name}"), json!({"endpoints": [{"host": host, "port": 80}]}));
        case(
            all,
            "hostname-of-backend",
            vec![backend],
            &["problem UnsupportedValue ~ spec.endpoints[0].host"],
        );
    }
    let nothing_common = http(
        "host-foreign",
        json!({
            "parentRefs": [{"name": "edge", "namespace": "good", "sectionName": "https"}],
            "hostnames": ["a.else.example", "*.else.example"],
        }),
    );
    let line = "Accepted=False/NoMatchingListenerHostname ~ spec.parentRefs[0]";
    case(all, "hostname-nothing-common", vec![nothing_common], &[line]);
    let many: Vec<_> = (0..40).map(|n| format!("h{n}.hostile.example")).collect();
    let many = http("host-many", json!({"hostnames": many}));
    case(all, "hostname-many", vec![many], &["Accepted=False/UnsupportedValue ~ spec.hostnames"]);
}
