//! Behaviour that a client asks for itself, by header fields or by the path: for curl, h2load and gateways under load.

use std::str::FromStr;
use std::time::Duration;

use http::HeaderMap;

use super::recorded::Recorded;
use super::reply::{Fault, Reply};

/// Bytes of a body before a fault or a pause in its middle, when the client has not said.
const SOME: usize = 1024;

impl Reply {
    /// What the request asks for.
    ///
    /// Paths: `/status/<code>`, `/bytes/<n>`, `/delay/<ms>`, `/mirror`. Header fields, which go with every path:
    /// - `x-status: <code>`; `x-body-bytes: <n>`; `x-set-header: <name>: <value>`, repeatable;
    /// - `x-delay-ms: <n>` before the head; `x-body-delay-ms: <n>` in the middle of the body;
    /// - `x-fault: close | reset | abort` before the head, `close-body | reset-body | abort-body` in the middle of the body;
    /// - `x-framing: chunked`; `x-trailer: <name>: <value>`, repeatable;
    /// - `x-keep-alive: close` ends the connection after the response and says so, `silent` does not say so;
    /// - `x-read-body: no` answers before the request's body is read.
    ///
    /// A value that is not understood is answered with 400.
    pub fn directed(request: &Recorded) -> Self {
        match directed(request) {
            Ok(reply) => reply,
            Err(wrong) => Self::text(format!("{wrong}\n")).with_status(400),
        }
    }
}

fn directed(request: &Recorded) -> Result<Reply, String> {
    let headers = &request.headers;
    let mut reply = by_path(request.uri.path())?;
    let size = number(headers, "x-body-bytes")?;
    if let Some(size) = size {
        reply = Reply { content: Reply::bytes(size).content, ..reply };
    }
    if let Some(status) = number::<u16>(headers, "x-status")? {
        reply.status = status_code(status)?;
    }
    if let Some(delay) = number(headers, "x-delay-ms")? {
        reply = reply.delay(Duration::from_millis(delay));
    }
    for (name, value) in pairs(headers, "x-set-header")? {
        reply = reply.header(&name, &value);
    }
    reply = in_body(reply, headers, size.unwrap_or(SOME))?;
    reply = match text(headers, "x-framing") {
        None | Some("content-length") => reply,
        Some("chunked") => reply.chunked(),
        Some(other) => return Err(unknown("x-framing", other)),
    };
    reply = match text(headers, "x-keep-alive") {
        None => reply,
        Some("close") => reply.close_after(),
        Some("silent") => reply.close_after_silently(),
        Some(other) => return Err(unknown("x-keep-alive", other)),
    };
    match text(headers, "x-read-body") {
        None | Some("yes") => Ok(reply),
        Some("no") => Ok(reply.early()),
        Some(other) => Err(unknown("x-read-body", other)),
    }
}

fn by_path(path: &str) -> Result<Reply, String> {
    let mut segments = path.trim_start_matches('/').splitn(2, '/');
    let (first, rest) = (segments.next().unwrap_or_default(), segments.next());
    let parsed =
        |value: &str| value.parse::<usize>().map_err(|_| format!("not a number in the path: {value}"));
    Ok(match (first, rest) {
        ("mirror", None) => Reply::mirror(),
        ("status", Some(code)) => {
            let code = code.parse().map_err(|_| format!("not a status in the path: {code}"))?;
            Reply { status: status_code(code)?, ..Reply::status(200) }
        }
        ("bytes", Some(count)) => Reply::bytes(parsed(count)?),
        ("delay", Some(millis)) => Reply::echo().delay(Duration::from_millis(parsed(millis)? as u64)),
        _ => Reply::echo(),
    })
}

/// What is to happen before the head or in the middle of a body of `size` bytes.
fn in_body(mut reply: Reply, headers: &HeaderMap, size: usize) -> Result<Reply, String> {
    let fault = match text(headers, "x-fault") {
        None => None,
        Some("close") => return Ok(Reply { fault: Some(Fault::Close), ..reply }),
        Some("reset") => return Ok(Reply { fault: Some(Fault::Reset), ..reply }),
        Some("abort") => return Ok(Reply { fault: Some(Fault::Abort), ..reply }),
        Some("close-body") => Some(Fault::Close),
        Some("reset-body") => Some(Fault::Reset),
        Some("abort-body") => Some(Fault::Abort),
        Some(other) => return Err(unknown("x-fault", other)),
    };
    let delay = number(headers, "x-body-delay-ms")?.map(Duration::from_millis);
    if fault.is_some() || delay.is_some() {
        let (first, second) = (size / 2, size - size / 2);
        let half = |count: usize| vec![b'x'; count];
        reply = Reply { content: Reply::status(200).content, ..reply }.then(half(first));
        if let Some(delay) = delay {
            reply = reply.then_delay(delay);
        }
        if let Some(fault) = fault {
            reply = reply.then_fault(fault);
        }
        // After a fault these bytes are never sent, but they count in the Content-Length: the client sees a broken body.
        reply = reply.then(half(second));
    }
    let trailers = pairs(headers, "x-trailer")?;
    if !trailers.is_empty() {
        let trailers: Vec<_> = trailers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        reply = reply.then_trailers(&trailers);
    }
    Ok(reply)
}

fn status_code(status: u16) -> Result<http::StatusCode, String> {
    let code = http::StatusCode::from_u16(status).ok().filter(|code| code.as_u16() >= 200);
    code.ok_or_else(|| format!("not a final status: {status}"))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("(not text)"))
}

fn number<T: FromStr>(headers: &HeaderMap, name: &str) -> Result<Option<T>, String> {
    let Some(value) = text(headers, name) else { return Ok(None) };
    value.parse().map(Some).map_err(|_| unknown(name, value))
}

fn pairs(headers: &HeaderMap, name: &str) -> Result<Vec<(String, String)>, String> {
    let all = headers.get_all(name).iter().map(|value| {
        let value = value.to_str().unwrap_or_default();
        let (key, rest) = value.split_once(':').ok_or_else(|| unknown(name, value))?;
        let (key, rest) = (key.trim().to_owned(), rest.trim().to_owned());
        let good = key.parse::<http::HeaderName>().is_ok() && rest.parse::<http::HeaderValue>().is_ok();
        if good { Ok((key, rest)) } else { Err(unknown(name, value)) }
    });
    all.collect()
}

fn unknown(name: &str, value: &str) -> String {
    format!("the backend does not understand {name}: {value}")
}
