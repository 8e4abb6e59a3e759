//! Answers: text, JSON and errors, all complete in memory.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, StatusCode};
use serde_json::Value;

/// Text for people; a line feed ends it.
pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Response {
    bytes(status, "text/plain; charset=utf-8", text.into().into_bytes())
}

/// JSON, indented: people read it with curl.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response {
    bytes(status, "application/json", format!("{value:#}\n").into_bytes())
}

/// An error: one sentence that says what to do next.
pub(crate) fn error(status: StatusCode, sentence: impl AsRef<str>) -> Response {
    text(status, format!("{}\n", sentence.as_ref()))
}

/// Any body. No answer is kept by a cache or taken for another type.
pub(crate) fn bytes(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let fixed =
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    fixed.into_iter().fold(response, |response, (name, value)| with(response, name, value))
}

/// The same answer with a header.
pub(crate) fn with(mut response: Response, name: HeaderName, value: &'static str) -> Response {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}
