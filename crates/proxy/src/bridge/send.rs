//! One try: the request goes out, the head of a response comes back, or it is said why not and what was seen of it.

use clearway_telemetry::ResponseFlag;
use http::{Request, Response};
use hyper::body::Incoming;

use super::pool::{Lease, Sender};
use crate::body::UpBody;
use crate::error::ProxyError;

/// A try that brought no response.
pub(crate) struct SendFailure {
    pub(crate) error: ProxyError,
    /// The request, when not a byte of it was sent.
    pub(crate) unsent: Option<Request<UpBody>>,
}

/// Sends a request and waits for the head of the response.
pub(crate) async fn send(
    lease: &mut Lease,
    request: Request<UpBody>,
) -> Result<Response<Incoming>, Box<SendFailure>> {
    let sent = match &mut lease.sender {
        Some(Sender::Http1(sender)) => sender.try_send_request(request).await,
        Some(Sender::Http2(shared)) => shared.sender.try_send_request(request).await,
        None => {
            let error = ProxyError::unsent(ResponseFlag::Internal, "a lease without a connection");
            return Err(Box::new(SendFailure { error, unsent: Some(request) }));
        }
    };
    sent.map_err(|mut failed| {
        let unsent = failed.take_message();
        let error = failed.into_error();
        let detail = describe(&error);
        let flag = classify(&error, &detail);
        let error =
            if unsent.is_some() { ProxyError::unsent(flag, detail) } else { ProxyError::sent(flag, detail) };
        Box::new(SendFailure { error, unsent })
    })
}

fn classify(error: &hyper::Error, detail: &str) -> ResponseFlag {
    // A backend that wants another certificate from us says so when TLS 1.3 is set up on our side already. HTTP/2 keeps
    // of the cause no more than its words.
    if detail.contains("received fatal alert") {
        ResponseFlag::UpstreamTls
    } else if error.is_parse() {
        ResponseFlag::UpstreamMalformed
    } else if error.is_user() {
        // The only user here is the request's body, which fails when the client's side of it does.
        ResponseFlag::ClientGone
    } else {
        ResponseFlag::UpstreamReset
    }
}

/// The error with its causes: hyper keeps the telling part in the source.
fn describe(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
