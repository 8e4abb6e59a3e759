//! Certificates, keys and authorities that cannot be used.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::Case;
use super::make::{case, core, gateway, not_admitted, own, secured, to_own, with};
use super::policies::policy_with;
use crate::certs::{Authority, Leaf};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A frame of PEM with something in it that is no certificate.
const RUBBISH: &str = "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
const RUBBISH_KEY: &str = "-----BEGIN PRIVATE KEY-----\nbm8ga2V5\n-----END PRIVATE KEY-----\n";

pub(super) fn add(all: &mut Vec<Case>) {
    let authority = Authority::new("hostile");
    pairs(all, &authority);
    served(all, &authority);
    authorities(all, &authority);
}

fn secret(name: &str, data: Value) -> Value {
    core("v1", "Secret", name, json!({"type": "Opaque", "stringData": data}))
}

fn both(certificate: &str, key: &str) -> Value {
    json!({"tls.crt": certificate, "tls.key": key})
}

/// A certificate and a key that cannot be served, of many kinds.
fn bad_pairs(authority: &Authority) -> Vec<(&'static str, Value)> {
    let (one, other) = (authority.issue(&["a.example"]), authority.issue(&["b.example"]));
    let (certificate, key) = (one.cert_pem.as_str(), one.key_pem.as_str());
    let half = certificate.get(..certificate.len() / 2).unwrap_or_default();
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let public = key.replace("PRIVATE KEY", "PUBLIC KEY");
    let cut = key.lines().take(2).chain(["-----END PRIVATE KEY-----\n"]).collect::<Vec<_>>().join("\n");
    let many = certificate.repeat(700);
    vec![
        ("no-crt", json!({"tls.key": key})),
        ("no-key", json!({"tls.crt": certificate})),
        ("nothing", json!({})),
        ("empty", both("", "")),
        ("text", both("not a certificate", "not a key")),
        ("swapped", both(key, certificate)),
        ("two-keys", both(key, key)),
        ("two-certificates", both(certificate, certificate)),
        ("half", both(half, key)),
        ("rubbish", both(RUBBISH, key)),
        ("rubbish-key", both(certificate, RUBBISH_KEY)),
        ("mismatch", both(certificate, &other.key_pem)),
        ("mismatch-chain", both(&format!("{}{certificate}", other.cert_pem), key)),
        ("encrypted", both(certificate, &encrypted)),
        ("public", both(certificate, &public)),
        ("cut-key", both(certificate, &cut)),
        ("null", both("\u{0}\u{0}\u{0}", "\u{0}")),
        ("huge-text", both(&"a".repeat(400_000), &"b".repeat(400_000))),
        ("huge-key", both(certificate, &key.replace("PRIVATE", "MAUVE").repeat(1_000))),
        ("huge-mismatch", both(&many, &other.key_pem)),
        (
            "broken-chain",
            both(&format!("{certificate}-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"), key),
        ),
    ]
}

fn pairs(all: &mut Vec<Case>, authority: &Authority) {
    for (name, data) in bad_pairs(authority) {
        let name = format!("cert-{name}");
        let gateway = secured(&name, json!([{"name": name}]));
        let lines = [
            format!("[bad] ResolvedRefs=False/InvalidCertificateRef ~ Secret hostile/{name}"),
            "[bad] Programmed=False/Invalid".to_owned(),
            "[good] Accepted=True/Accepted".to_owned(),
        ];
        case(
            all,
            "certificate",
            vec![gateway, secret(&name, data.clone())],
            &[&lines[0], &lines[1], &lines[2]],
        );
        let name = format!("client-{name}");
        let gateway = with(
            secured(&name, json!([])),
            "spec.tls",
            json!({"backend": {"clientCertificateRef": {"name": name}}}),
        );
        let line = format!("ResolvedRefs=False/InvalidClientCertificateRef ~ Secret hostile/{name}");
        case(all, "client-certificate", vec![gateway, secret(&name, data)], &[&line]);
    }
    others(all);
}

/// More references than anybody needs, and what no apiserver takes.
fn others(all: &mut Vec<Case>) {
    let listener = |n: usize| {
        let references: Value = (0..4).map(|m| json!({"name": format!("not-there-{n}-{m}")})).collect();
        json!({
            "name": format!("l{n}"), "port": 443, "protocol": "HTTPS", "hostname": format!("l{n}.many.hostile.example"),
            "tls": {"mode": "Terminate", "certificateRefs": references},
        })
    };
    let many = gateway("cert-many", (0..64).map(listener).collect());
    let lines = ["[l63] ResolvedRefs=False/InvalidCertificateRef", "ResolvedRefs=False/ListenersNotResolved"];
    case(all, "certificates-many", vec![many], &lines);
    let encoded = core("v1", "Secret", "cert-base64", json!({"data": {"tls.crt": "***", "tls.key": "***"}}));
    let gateway = secured("cert-base64", json!([{"name": "cert-base64"}]));
    let line = "[bad] ResolvedRefs=False/InvalidCertificateRef ~ Secret hostile/cert-base64";
    case(all, "certificate", vec![gateway, encoded], &[line]);
    not_admitted(all);
}

/// Unusual, and served as they are: whether clients believe them is theirs to say.
fn served(all: &mut Vec<Case>, authority: &Authority) {
    let now = SystemTime::now();
    let leaf = || Leaf::new(&["a.example"]);
    let expired = authority.issue_leaf(&leaf().not_before(now - 30 * DAY).not_after(now - 20 * DAY));
    let future = authority.issue_leaf(&leaf().not_before(now + 20 * DAY));
    let other = authority.issue(&["somebody.else.example"]);
    let nameless = authority.issue_leaf(&Leaf::new(&[]));
    for (name, pair) in
        [("expired", expired), ("future", future), ("other-name", other), ("nameless", nameless)]
    {
        let name = format!("cert-{name}");
        let gateway = with(
            secured(&name, json!([{"name": name}])),
            "spec.listeners.0.hostname",
            json!("a.hostile.example"),
        );
        let lines = ["[bad] ResolvedRefs=True/ResolvedRefs", "Accepted=True/Accepted"];
        let data = both(&pair.cert_pem, &pair.key_pem);
        case(all, "certificate-served", vec![gateway, secret(&name, data)], &lines);
    }
    let chain = authority.pem().repeat(700);
    let long = authority.issue(&["a.example"]);
    let data = both(&format!("{}{chain}", long.cert_pem), &long.key_pem);
    let gateway = secured("cert-long-chain", json!([{"name": "cert-long-chain"}]));
    case(
        all,
        "certificate-served",
        vec![gateway, secret("cert-long-chain", data)],
        &["[bad] ResolvedRefs=True/ResolvedRefs"],
    );
}

fn authorities(all: &mut Vec<Case>, authority: &Authority) {
    let pair = authority.issue(&["a.example"]);
    let mixed = format!("{}{RUBBISH}", authority.pem());
    let huge = "a".repeat(700_000);
    for (name, data) in [
        ("missing", json!({"other.crt": "a"})),
        ("empty", json!({"ca.crt": ""})),
        ("text", json!({"ca.crt": "not a certificate"})),
        ("key", json!({"ca.crt": pair.key_pem})),
        ("rubbish", json!({"ca.crt": RUBBISH})),
        ("mixed", json!({"ca.crt": mixed})),
        ("huge", json!({"ca.crt": huge})),
    ] {
        let name = format!("authority-{name}");
        let map = core("v1", "ConfigMap", &name, json!({"data": data}));
        let reference = json!([{"group": "", "kind": "ConfigMap", "name": name}]);
        let validation = json!({"frontend": {"default": {"validation": {"caCertificateRefs": reference}}}});
        let gateway = with(secured(&name, json!([{"name": "not-there"}])), "spec.tls", validation);
        let line = "[bad] Accepted=False/NoValidCACertificate ~ spec.tls.frontend.default.validation";
        case(all, "authority", vec![gateway, map.clone()], &[line, "[good] Accepted=True/Accepted"]);
        let validation = json!({"hostname": "a.example", "caCertificateRefs": reference});
        let lines = [
            "Accepted=False/NoValidCACertificate ~ spec.validation.caCertificateRefs".to_owned(),
            format!("ResolvedRefs=False/InvalidCACertificateRef ~ ConfigMap hostile/{name}"),
        ];
        policy_with(all, "authority-of-policy", &name, validation, |policy| policy, &[&lines[0], &lines[1]]);
        let tls = json!({"caCertificateRef": {"group": "", "kind": "ConfigMap", "name": name}});
        let spec =
            json!({"endpoints": [{"host": "a.example", "port": 443}], "protocol": "https", "tls": tls});
        let line = format!("ResolvedRefs=False/InvalidCACertificateRef ~ ConfigMap hostile/{name}");
        let own_name = format!("own-{name}");
        case(all, "authority-of-backend", vec![to_own(&own_name, &own_name), own(&own_name, spec)], &[&line]);
    }
}
