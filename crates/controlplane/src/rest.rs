//! Requests to the apiserver in raw JSON: what the leader writes with.
//!
//! Objects of any version pass through untouched, and `Retry-After` is seen: after it, this client sends nothing until
//! the time is over. The status writer, the infrastructure, the Lease and Events use it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, Request, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tokio::time::Instant;

/// Longest time for one request.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest `Retry-After` that is believed.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Pause after a refusal for load that names no time.
const PAUSE: Duration = Duration::from_secs(1);

/// The address of a resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// `group/version`, or `v1`.
    pub(crate) api_version: &'a str,
    /// Resource, such as `httproutes`.
    pub(crate) plural: &'a str,
    /// Empty for kinds that have none.
    pub(crate) namespace: &'a str,
}

impl Place<'_> {
    /// The collection.
    pub(crate) fn all(&self) -> String {
        let root = if self.api_version.contains('/') { "apis" } else { "api" };
        if self.namespace.is_empty() {
            format!("/{root}/{}/{}", self.api_version, self.plural)
        } else {
            format!("/{root}/{}/namespaces/{}/{}", self.api_version, self.namespace, self.plural)
        }
    }

    /// One object.
    pub(crate) fn one(&self, name: &str) -> String {
        format!("{}/{name}", self.all())
    }

    /// The status of one object.
    pub(crate) fn status(&self, name: &str) -> String {
        format!("{}/{name}/status", self.all())
    }
}

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Somebody changed the object first: read it again.
    Conflict,
    /// There is one of this name.
    Exists,
    /// There is none.
    NotFound,
    /// The apiserver is busy; ask again after this time.
    Throttled(Duration),
    /// The apiserver does not take this body, and will not take it again.
    Invalid(String),
    /// The role does not allow it.
    Forbidden(String),
    /// There was no answer.
    Timeout(Duration),
    /// Anything else: worth trying again.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("somebody else changed the object first"),
            Self::Exists => f.write_str("an object of this name exists"),
            Self::NotFound => f.write_str("the object does not exist"),
            Self::Throttled(wait) => write!(f, "the apiserver is busy; next try in {wait:?}"),
            Self::Invalid(why) => write!(f, "the apiserver does not take it: {why}"),
            Self::Forbidden(why) => write!(f, "the control plane's role does not allow it: {why}"),
            Self::Timeout(patience) => write!(f, "there was no answer within {patience:?}"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

/// A client for raw JSON; its clones keep quiet together when the apiserver asks for it.
#[derive(Clone)]
pub(crate) struct Rest {
    client: Client,
    quiet_until: Arc<Mutex<Option<Instant>>>,
}

impl Rest {
    /// Requests through `client`.
    pub(crate) fn new(client: Client) -> Self {
        Self { client, quiet_until: Arc::default() }
    }

    /// Reads an object.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::GET, path, None).await
    }

    /// Makes an object.
    pub(crate) async fn create(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::POST, path, Some(("application/json", body))).await
    }

    /// Puts an object, or its status, in the place of the one with the same `resourceVersion`.
    pub(crate) async fn replace(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::PUT, path, Some(("application/json", body))).await
    }

    /// Changes the fields that `patch` names (RFC 7396).
    pub(crate) async fn patch(&self, path: &str, patch: &Value) -> Result<Value, Failure> {
        self.send(Method::PATCH, path, Some(("application/merge-patch+json", patch))).await
    }

    /// Deletes an object under the preconditions in `options`, a `DeleteOptions`.
    pub(crate) async fn delete(&self, path: &str, options: &Value) -> Result<Value, Failure> {
        self.send(Method::DELETE, path, Some(("application/json", options))).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Result<Value, Failure> {
        self.quiet().await;
        let whole = async {
            let mut request =
                Request::builder().method(method).uri(path).header("accept", "application/json");
            let mut bytes = Vec::new();
            if let Some((kind, value)) = body {
                request = request.header("content-type", kind);
                bytes = serde_json::to_vec(value).map_err(other)?;
            }
            let request = request.body(Body::from(bytes)).map_err(other)?;
            let response = self.client.send(request).await.map_err(other)?;
            let (head, body) = response.into_parts();
            let bytes = body.collect_bytes().await.map_err(other)?;
            if head.status.is_success() {
                return serde_json::from_slice(&bytes).map_err(other);
            }
            let seconds = head.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            Err(failure(head.status, seconds.map(Duration::from_secs), &bytes))
        };
        let outcome = tokio::time::timeout(PATIENCE, whole).await;
        let outcome = outcome.unwrap_or(Err(Failure::Timeout(PATIENCE)));
        if let Err(Failure::Throttled(pause)) = &outcome {
            self.keep_quiet(*pause);
        }
        outcome
    }

    /// Waits while the apiserver wants to be left alone.
    async fn quiet(&self) {
        let until = *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }

    fn keep_quiet(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut quiet = self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        *quiet = Some(quiet.map_or(until, |before| before.max(until)));
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").finish_non_exhaustive()
    }
}

#[allow(clippy::needless_pass_by_value)]
fn other(error: impl fmt::Display) -> Failure {
    Failure::Other(error.to_string())
}

/// Reads an answer that is not a success. The body is a `Status`, or the words of a proxy.
fn failure(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Failure {
    let details: Value = serde_json::from_slice(body).unwrap_or_default();
    let reason = details.get("reason").and_then(Value::as_str).unwrap_or_default();
    let message = match details.get("message").and_then(Value::as_str) {
        Some(message) => message.to_owned(),
        None => String::from_utf8_lossy(body).chars().take(500).collect(),
    };
    let told = details.pointer("/details/retryAfterSeconds").and_then(Value::as_u64).map(Duration::from_secs);
    let pause = retry_after.or(told);
    match status {
        StatusCode::CONFLICT if reason == "AlreadyExists" => Failure::Exists,
        StatusCode::CONFLICT => Failure::Conflict,
        StatusCode::NOT_FOUND => Failure::NotFound,
        StatusCode::TOO_MANY_REQUESTS => Failure::Throttled(pause.unwrap_or(PAUSE).min(LONGEST_PAUSE)),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::INTERNAL_SERVER_ERROR if pause.is_some() => {
            Failure::Throttled(pause.unwrap_or(PAUSE).min(LONGEST_PAUSE))
        }
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => {
            Failure::Invalid(message)
        }
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Failure::Forbidden(message),
        _ => Failure::Other(format!("{status}: {message}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::script::{Reply, Script};

    #[test]
    fn paths_follow_group_and_namespace() {
        let place = |api_version, plural, namespace| Place { api_version, plural, namespace };
        assert_eq!(place("v1", "services", "n").one("a"), "/api/v1/namespaces/n/services/a");
        assert_eq!(
            place("gateway.networking.k8s.io/v1", "gatewayclasses", "").status("c"),
            "/apis/gateway.networking.k8s.io/v1/gatewayclasses/c/status"
        );
        assert_eq!(
            place("events.k8s.io/v1", "events", "n").all(),
            "/apis/events.k8s.io/v1/namespaces/n/events"
        );
    }

    #[test]
    fn every_answer_has_its_meaning() {
        let second = Duration::from_secs(1);
        let cases = [
            (409, None, r#"{"reason":"AlreadyExists"}"#, Failure::Exists),
            (409, None, r#"{"reason":"Conflict"}"#, Failure::Conflict),
            (404, None, "", Failure::NotFound),
            (429, Some(7), "Too many requests, please try again later.", Failure::Throttled(7 * second)),
            (429, None, r#"{"details":{"retryAfterSeconds":3}}"#, Failure::Throttled(3 * second)),
            (429, None, "", Failure::Throttled(second)),
            (429, Some(86_400), "", Failure::Throttled(60 * second)),
            (503, Some(2), "", Failure::Throttled(2 * second)),
            (503, None, "gone", Failure::Other("503 Service Unavailable: gone".into())),
            (422, None, r#"{"message":"no"}"#, Failure::Invalid("no".into())),
            (403, None, r#"{"message":"no"}"#, Failure::Forbidden("no".into())),
        ];
        for (status, retry, body, want) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(
                failure(status, retry.map(Duration::from_secs), body.as_bytes()),
                want,
                "{status} {body}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_while_the_apiserver_wants_to_be_left_alone() {
        let busy = serde_json::json!({"details": {"retryAfterSeconds": 5}});
        let script =
            Script::new([("/a", Reply::Json(429, busy)), ("/b", Reply::Json(200, serde_json::json!({})))]);
        let rest = Rest::new(script.client());
        assert_eq!(rest.get("/api/a").await, Err(Failure::Throttled(Duration::from_secs(5))));
        let before = Instant::now();
        assert_eq!(rest.clone().get("/api/b").await, Ok(serde_json::json!({})));
        assert!(before.elapsed() >= Duration::from_secs(5), "clones keep quiet together");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_never_comes_is_given_up() {
        let rest = Rest::new(Script::new([("/a", Reply::Silence)]).client());
        assert_eq!(rest.get("/api/a").await, Err(Failure::Timeout(PATIENCE)));
    }
}
