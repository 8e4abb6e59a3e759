//! Who asked, and under which id: `X-Forwarded-*`, `Forwarded` (RFC 7239) and `X-Request-ID`.

use std::fmt::Write as _;
use std::net::IpAddr;

use bytes::BytesMut;
use clearway_model::ForwardedTrust;
use http::header::{FORWARDED, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::http::serve::Visit;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
/// Goes to the backend and back to the client: what joins the two sides for tools that watch the wire.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Bytes of values that are allocated at once.
const VALUES: usize = 4096;
/// Longest request id that is taken over from a client.
const LONGEST_ID: usize = 128;

/// Settles the request's id and forwarding headers before any room looks at them.
pub(crate) fn request_id(visit: &mut Visit, trust: ForwardedTrust) {
    let given = visit.entry.request.request_id.take().filter(|id| {
        trust == ForwardedTrust::Append
            && id.len() <= LONGEST_ID
            && id.as_bytes().iter().all(u8::is_ascii_graphic)
    });
    let id = given.or_else(|| {
        let worker = visit.entry.worker();
        own_value(&mut worker.values.borrow_mut(), &new_id(&mut worker.rng.borrow_mut()))
    });
    if let Some(id) = id {
        visit.parts.headers.insert(X_REQUEST_ID, id.clone());
        visit.entry.request.request_id = Some(id);
    }
    forward(visit, trust);
}

/// A random UUID, version 4 (RFC 9562 section 5.4).
fn new_id(rng: &mut fastrand::Rng) -> [u8; 36] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let random = (rng.u128(..) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let mut text = [b'-'; 36];
    let mut digits = random.to_be_bytes().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    for (at, slot) in text.iter_mut().enumerate() {
        if !matches!(at, 8 | 13 | 18 | 23)
            && let Some(digit) = digits.next()
        {
            *slot = HEX[usize::from(digit)];
        }
    }
    text
}

/// A value of ours that several heads and records will hold: cut from a buffer that many values share, so that neither
/// it nor its copies cost an allocation.
fn own_value(buffer: &mut BytesMut, text: &[u8]) -> Option<HeaderValue> {
    if buffer.capacity() < text.len() {
        buffer.reserve(VALUES);
    }
    buffer.extend_from_slice(text);
    HeaderValue::from_maybe_shared(buffer.split().freeze()).ok()
}

fn forward(visit: &mut Visit, trust: ForwardedTrust) {
    let conn = visit.entry.conn().clone();
    let proto = HeaderValue::from_static(if conn.tls { "https" } else { "http" });
    let host = visit.entry.request.host.clone();
    let peer = conn.peer_text();
    let headers = &mut visit.parts.headers;
    match trust {
        ForwardedTrust::Replace => {
            headers.remove(FORWARDED);
            headers.remove(X_FORWARDED_PORT);
            headers.insert(X_FORWARDED_FOR, peer);
            headers.insert(X_FORWARDED_PROTO, proto);
            if let Some(host) = host {
                headers.insert(X_FORWARDED_HOST, host);
            }
        }
        ForwardedTrust::Append => {
            visit.entry.request.client = first_hop(headers);
            append_list(headers, &X_FORWARDED_FOR, &peer);
            headers.entry(X_FORWARDED_PROTO).or_insert(proto);
            if let Some(host) = host {
                headers.entry(X_FORWARDED_HOST).or_insert(host);
            }
            if headers.contains_key(FORWARDED)
                && let Some(element) = forwarded_element(conn.peer.ip(), conn.tls, headers.get(HOST))
            {
                append_list(headers, &FORWARDED, &element);
            }
        }
    }
}

/// The client as the first trusted proxy saw it.
fn first_hop(headers: &HeaderMap) -> Option<HeaderValue> {
    let first = headers.get(X_FORWARDED_FOR)?.to_str().ok()?.split(',').next()?.trim();
    HeaderValue::from_str(first).ok().filter(|first| !first.is_empty())
}

fn append_list(headers: &mut HeaderMap, name: &HeaderName, last: &HeaderValue) {
    let mut joined = Vec::new();
    for value in headers.get_all(name).iter().chain([last]) {
        if !joined.is_empty() {
            joined.extend_from_slice(b", ");
        }
        joined.extend_from_slice(value.as_bytes());
    }
    if let Ok(value) = HeaderValue::from_bytes(&joined) {
        headers.insert(name, value);
    }
}

fn forwarded_element(peer: IpAddr, tls: bool, host: Option<&HeaderValue>) -> Option<HeaderValue> {
    let mut text = match peer {
        IpAddr::V4(ip) => format!("for={ip}"),
        IpAddr::V6(ip) => format!("for=\"[{ip}]\""),
    };
    text.push_str(if tls { ";proto=https" } else { ";proto=http" });
    if let Some(host) = host.and_then(|host| host.to_str().ok()) {
        write!(text, ";host=\"{host}\"").ok()?;
    }
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_four_uuids_and_differ() {
        let mut rng = fastrand::Rng::with_seed(1);
        let ids: Vec<String> =
            (0..100).map(|_| String::from_utf8(new_id(&mut rng).to_vec()).unwrap()).collect();
        for id in &ids {
            let groups: Vec<_> = id.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12], "{id}");
            assert_eq!(id.as_bytes()[14], b'4', "{id}");
            assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
        }
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 100);
    }

    #[test]
    fn lists_grow_by_this_hop() {
        let mut headers = HeaderMap::new();
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("192.0.2.1"));
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("192.0.2.2"));
        assert_eq!(first_hop(&headers).unwrap(), "192.0.2.1");
        append_list(&mut headers, &X_FORWARDED_FOR, &HeaderValue::from_static("192.0.2.3"));
        assert_eq!(headers[X_FORWARDED_FOR], "192.0.2.1, 192.0.2.2, 192.0.2.3");
        let element = forwarded_element(
            "2001:db8::1".parse().unwrap(),
            true,
            Some(&HeaderValue::from_static("a.example")),
        );
        assert_eq!(element.unwrap(), "for=\"[2001:db8::1]\";proto=https;host=\"a.example\"");
    }
}
