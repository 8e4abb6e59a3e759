//! The request as the backend will see it: hop-by-hop fields off, filters on, target in the form of its protocol.

use clearway_telemetry::{Protocol, ResponseFlag};
use http::header::{CONNECTION, COOKIE, EXPECT, HOST, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderValue, Request, Version};

use super::{edit, hop_by_hop, path};
use crate::body::UpBody;
use crate::error::{ProxyError, Result};
use crate::http::serve::Visit;
use crate::live::{CompiledFilters, CompiledRewrite};
use crate::signpost::Spot;

/// Dresses the head of a request for all tries: filters of the rule, then those of the chosen backend.
///
/// # Errors
/// `internal_error` when a rewrite makes no valid target.
pub(crate) fn dress(
    visit: &mut Visit,
    spot: &Spot,
    filters: [&CompiledFilters; 2],
    upgrading: bool,
) -> Result<()> {
    let headers = &mut visit.parts.headers;
    let upgrade = if upgrading { headers.get(UPGRADE).cloned() } else { None };
    hop_by_hop::strip(headers);
    if let Some(upgrade) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, upgrade);
    }
    // hyper says 100 Continue as soon as the body is asked for; the backend need not say it again.
    headers.remove(EXPECT);
    if let (false, Some(host)) = (headers.contains_key(HOST), &visit.entry.request.host) {
        headers.insert(HOST, host.clone());
    }
    for filters in filters {
        edit(&mut visit.parts.headers, &filters.request);
        if let Some(rewrite) = &filters.rewrite {
            apply_rewrite(visit, spot, rewrite)?;
        }
    }
    Ok(())
}

fn apply_rewrite(visit: &mut Visit, spot: &Spot, rewrite: &CompiledRewrite) -> Result<()> {
    if let Some(hostname) = &rewrite.hostname {
        visit.parts.headers.insert(HOST, hostname.clone());
    }
    let Some(new_path) = &rewrite.path else { return Ok(()) };
    let uri = &visit.parts.uri;
    let mut target = path::rewrite(uri.path(), spot.prefix_len, new_path);
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    visit.parts.uri = target.parse().map_err(|_| {
        ProxyError::refuse(
            ResponseFlag::Internal,
            "the rewritten path is no request target; check the URLRewrite filter",
        )
    })?;
    Ok(())
}

/// Makes the request of one try. With `keep` the fields stay with the visit too, so that another can be made.
///
/// # Errors
/// `request_malformed` when the host cannot be an `:authority`.
pub(crate) fn assemble(visit: &mut Visit, http2: bool, keep: bool, body: UpBody) -> Result<Request<UpBody>> {
    let headers = if keep { visit.parts.headers.clone() } else { std::mem::take(&mut visit.parts.headers) };
    assemble_with(visit, http2, headers, body)
}

/// As [`assemble`], for a copy of the request.
///
/// # Errors
/// As [`assemble`].
pub(crate) fn assemble_copy(visit: &Visit, http2: bool, body: UpBody) -> Result<Request<UpBody>> {
    assemble_with(visit, http2, visit.parts.headers.clone(), body)
}

fn assemble_with(visit: &Visit, http2: bool, headers: HeaderMap, body: UpBody) -> Result<Request<UpBody>> {
    let mut request = Request::new(body);
    *request.method_mut() = visit.parts.method.clone();
    *request.headers_mut() = headers;
    let uri = &visit.parts.uri;
    if http2 {
        *request.version_mut() = Version::HTTP_2;
        let host = request.headers_mut().remove(HOST);
        *request.uri_mut() = absolute(uri, host.as_ref(), visit.entry.request.tls)?;
    } else {
        *request.uri_mut() = origin_form(uri);
        if visit.entry.request.protocol == Protocol::Http2 {
            join_cookies(request.headers_mut());
        }
    }
    Ok(request)
}

/// HTTP/2 clients may cut the cookies into several fields; HTTP/1 allows one (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let all: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

fn origin_form(uri: &Uri) -> Uri {
    if uri.authority().is_none() && uri.scheme().is_none() {
        return uri.clone();
    }
    let target = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    Uri::from(target)
}

fn absolute(uri: &Uri, host: Option<&HeaderValue>, tls: bool) -> Result<Uri> {
    let malformed =
        || ProxyError::refuse(ResponseFlag::RequestMalformed, "the host cannot be sent as :authority");
    let authority = Authority::try_from(host.ok_or_else(malformed)?.as_bytes()).map_err(|_| malformed())?;
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if tls { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(authority);
    parts.path_and_query =
        Some(uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
    Uri::from_parts(parts).map_err(|_| malformed())
}
