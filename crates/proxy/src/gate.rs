//! The gate: is this request allowed in at all? Method, framing, host and size are looked at before anything is done.

use clearway_telemetry::{Protocol, ResponseFlag};
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Method};

use crate::error::{ProxyError, Result};
use crate::http::serve::Visit;
use crate::options::Limits;

/// Lets a request pass or refuses it.
///
/// # Errors
/// `connection_limit`, `method_refused` or `request_malformed`.
pub(crate) fn admit(visit: &Visit) -> Result<()> {
    let worker = visit.entry.worker();
    if visit.entry.conn().refused {
        return Err(ProxyError::refuse(
            ResponseFlag::ConnectionLimit,
            format!(
                "{} connections are open already; see --max-connections",
                worker.options.limits.connections
            ),
        ));
    }
    if visit.parts.method == Method::CONNECT {
        return Err(ProxyError::refuse(
            ResponseFlag::MethodRefused,
            "CONNECT is not served: this is no forward proxy",
        ));
    }
    framing(&visit.parts.headers)?;
    host(visit)
}

/// Measures the fields as the client sent them: called before the gateway adds its own.
///
/// # Errors
/// `request_headers_too_large`.
pub(crate) fn size(headers: &HeaderMap, limits: &Limits) -> Result<()> {
    let too_large = |what: String| Err(ProxyError::refuse(ResponseFlag::HeadersTooLarge, what));
    if headers.len() > limits.header_count {
        return too_large(format!("{} header fields; see --max-header-count", headers.len()));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > limits.header_bytes {
        return too_large(format!("{bytes} bytes of headers; see --max-header-bytes"));
    }
    Ok(())
}

/// Two ways to say where a request ends are one too many (RFC 9112 section 6.1).
fn framing(headers: &HeaderMap) -> Result<()> {
    let malformed = |what: &str| Err(ProxyError::refuse(ResponseFlag::RequestMalformed, what));
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return malformed("Transfer-Encoding and Content-Length in one request");
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    if let Some(first) = lengths.next()
        && lengths.any(|other| other != first)
    {
        return malformed("several Content-Length fields that differ");
    }
    Ok(())
}

/// A host is required, once, without user information (RFC 9112 section 3.2).
fn host(visit: &Visit) -> Result<()> {
    let malformed = |what: &str| Err(ProxyError::refuse(ResponseFlag::RequestMalformed, what));
    let headers = &visit.parts.headers;
    let mut hosts = headers.get_all(HOST).iter();
    let first = hosts.next();
    if hosts.next().is_some() {
        return malformed("more than one Host");
    }
    if let (Some(host), Some(authority)) = (first, visit.parts.uri.authority())
        && visit.entry.request.protocol == Protocol::Http2
        && !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes())
    {
        return malformed("Host and :authority differ");
    }
    match &visit.entry.request.host {
        None if visit.entry.request.protocol == Protocol::Http10 => Ok(()),
        None => malformed("no Host"),
        Some(host) => {
            let valid = host.to_str().is_ok_and(|text| {
                !text.bytes().any(|byte| matches!(byte, b'@' | b'/' | b'?' | b'#' | b' ' | b'\\' | b','))
            });
            if valid { Ok(()) } else { malformed("Host is not a host") }
        }
    }
}
