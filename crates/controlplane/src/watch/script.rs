//! A scripted apiserver for tests of faults that a real one does not show on demand: it answers request after request as
//! the script says and notes what was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use serde_json::{Value, json};

/// What the apiserver answers.
pub(crate) enum Reply {
    /// JSON at once.
    Json(u16, Value),
    /// Lines of a watch; then it ends.
    Lines(Vec<String>),
    /// Lines of a watch; then it stays open.
    Open(Vec<String>),
    /// Nothing, ever.
    Silence,
}

/// The script and what was asked.
#[derive(Clone, Default)]
pub(crate) struct Script {
    replies: Arc<Mutex<VecDeque<(&'static str, Reply)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Script {
    /// Answers requests whose path ends in these words, in this order for each path.
    pub(crate) fn new(replies: impl IntoIterator<Item = (&'static str, Reply)>) -> Self {
        Self { replies: Arc::new(Mutex::new(replies.into_iter().collect())), asked: Arc::default() }
    }

    /// A client of it.
    pub(crate) fn client(&self) -> kube::Client {
        kube::Client::new(self.clone(), "default")
    }

    /// Paths and queries that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn answer(&self, request: &Request<Body>) -> Reply {
        self.asked.lock().unwrap().push(request.uri().to_string());
        let mut replies = self.replies.lock().unwrap();
        let at = replies.iter().position(|(path, _)| request.uri().path().ends_with(path));
        at.and_then(|at| replies.remove(at)).map_or(Reply::Silence, |(_, reply)| reply)
    }
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

impl tower_service::Service<Request<Body>> for Script {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let reply = self.answer(&request);
        Box::pin(async move {
            let frames = |lines: Vec<String>| {
                stream::iter(lines.into_iter().map(|line| Ok(Frame::data(Bytes::from(line + "\n")))))
            };
            let (status, body) = match reply {
                Reply::Json(status, value) => (status, Full::from(value.to_string()).boxed()),
                Reply::Lines(lines) => (200, BodyExt::boxed(StreamBody::new(frames(lines)))),
                Reply::Open(lines) => {
                    use futures_util::StreamExt;
                    (200, BodyExt::boxed(StreamBody::new(frames(lines).chain(stream::pending()))))
                }
                Reply::Silence => std::future::pending().await,
            };
            let mut response = Response::new(body);
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            Ok(response)
        })
    }
}

/// A line of a watch.
pub(crate) fn event(kind: &str, object: &Value) -> String {
    json!({"type": kind, "object": object}).to_string()
}

/// The bookmark that ends a streamed list.
pub(crate) fn end_of_list(version: &str) -> String {
    event(
        "BOOKMARK",
        &json!({
            "apiVersion": "v1", "kind": "Any",
            "metadata": {"resourceVersion": version, "annotations": {"k8s.io/initial-events-end": "true"}},
        }),
    )
}

/// A refusal.
pub(crate) fn refusal(code: u16, message: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "message": message, "reason": "x", "code": code,
    })
}
