//! Redirects (`HTTPRequestRedirectFilter`).

use clearway_telemetry::ResponseFlag;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::path;
use crate::error::{ProxyError, Result};
use crate::http::serve::Visit;
use crate::live::CompiledRedirect;
use crate::signpost::{self, Spot};

/// The status and headers of the answer.
///
/// # Errors
/// `internal_error` when no `Location` can be made of the request.
pub(crate) fn answer(
    visit: &Visit,
    redirect: &CompiledRedirect,
    spot: &Spot,
) -> Result<(StatusCode, HeaderMap)> {
    let location = location(visit, redirect, spot);
    let value = HeaderValue::from_str(&location).map_err(|_| {
        ProxyError::refuse(
            ResponseFlag::Internal,
            "the redirect's Location is no header value; check its filter",
        )
    })?;
    let mut headers = HeaderMap::with_capacity(1);
    headers.insert(LOCATION, value);
    Ok((redirect.status, headers))
}

fn location(visit: &Visit, compiled: &CompiledRedirect, spot: &Spot) -> String {
    let redirect = &compiled.redirect;
    let uri = &visit.parts.uri;
    let request_scheme = if visit.entry.request.tls { "https" } else { "http" };
    let scheme = redirect.scheme.as_deref().unwrap_or(request_scheme);
    let host = match &redirect.hostname {
        Some(hostname) => hostname.to_string(),
        None => signpost::host_name(&visit.entry.request).into_owned(),
    };
    // A scheme without a port means the scheme's own port; neither means the listener's.
    let port = redirect
        .port
        .or_else(|| if redirect.scheme.is_some() { well_known(scheme) } else { Some(spot.port) });
    let path = match &redirect.path {
        Some(rewrite) => path::rewrite(uri.path(), spot.prefix_len, rewrite),
        None => uri.path().to_owned(),
    };
    let mut text = format!("{scheme}://{host}");
    if let Some(port) = port.filter(|port| well_known(scheme) != Some(*port)) {
        text.push_str(&format!(":{port}"));
    }
    text.push_str(&path);
    if let Some(query) = uri.query() {
        text.push('?');
        text.push_str(query);
    }
    text
}

fn well_known(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}
