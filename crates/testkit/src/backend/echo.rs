//! The JSON answer of the Gateway API's echo-basic server: its field names, header names in Go's canonical case.

use std::collections::BTreeMap;

use http::{HeaderMap, Version};
use serde_json::{Value, json};

use super::recorded::Recorded;
use super::shared::Shared;

/// The body; `backend`, `service` and `pod` are the backend's name, `bodyBytes` is the size of the request's body.
pub(super) fn json(shared: &Shared, request: &Recorded, body_bytes: u64) -> Vec<u8> {
    let mut answer = json!({
        "path": request.target(),
        "host": request.host,
        "method": request.method.as_str(),
        "proto": protocol(request.version),
        "headers": headers(&request.headers),
        "httpPort": shared.address().port().to_string(),
        "namespace": "default",
        "ingress": "",
        "service": shared.name(),
        "pod": shared.name(),
        "backend": shared.name(),
        "sni": "",
        "bodyBytes": body_bytes,
        "connection": request.connection,
    });
    if let Some(tls) = &request.tls {
        let sni = tls.sni.as_deref().unwrap_or_default();
        answer["sni"] = json!(sni);
        answer["tls"] = json!({
            "version": tls.version,
            "serverName": sni,
            "negotiatedProtocol": tls.alpn.as_deref().unwrap_or_default(),
            "cipherSuite": tls.cipher,
        });
    }
    answer.to_string().into_bytes()
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

fn headers(headers: &HeaderMap) -> BTreeMap<String, Vec<Value>> {
    let mut out: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (name, value) in headers {
        // Go keeps Host apart from the fields.
        if name != http::header::HOST {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            out.entry(canonical(name.as_str())).or_default().push(Value::String(value));
        }
    }
    out
}

/// `x-request-id` as `X-Request-Id`.
fn canonical(name: &str) -> String {
    let mut upper = true;
    let canonical = name.chars().map(|letter| {
        let letter = if upper { letter.to_ascii_uppercase() } else { letter };
        upper = letter == '-';
        letter
    });
    canonical.collect()
}
