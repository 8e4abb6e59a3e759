//! An apiserver in memory: it keeps what is written to it, streams lists and watches, and fails on command. For faults and
//! moments that a real one does not show when a test wants them; `status/live` has the real one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use clearway_testkit::Gate;
use futures_util::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::watch::script::{end_of_list, event, refusal};

/// Where an object is: resource, namespace, name.
type Key = (String, String, String);

/// What is done to requests of a method on paths that hold a word.
#[derive(Clone)]
pub(super) enum Fault {
    /// They wait until the gate opens.
    Wait(Gate),
    /// So many of them are refused with this code.
    Refuse(u16, u32),
}

#[derive(Default)]
struct State {
    objects: BTreeMap<Key, Value>,
    revision: u64,
    faults: Vec<(Method, &'static str, Fault)>,
}

/// The apiserver. Clones are the same.
#[derive(Clone)]
pub(super) struct ApiServer {
    state: Arc<Mutex<State>>,
    events: broadcast::Sender<(String, String)>,
}

/// The resources of the Gateway API that are installed; the others are missing.
const GATEWAY_API: [(&str, &str); 3] =
    [("gatewayclasses", "GatewayClass"), ("gateways", "Gateway"), ("httproutes", "HTTPRoute")];

impl ApiServer {
    pub(super) fn new() -> Self {
        Self { state: Arc::default(), events: broadcast::Sender::new(4096) }
    }

    pub(super) fn client(&self) -> kube::Client {
        kube::Client::new(self.clone(), "default")
    }

    /// Requests of this method on paths that hold `word` fail so from now on.
    pub(super) fn fail(&self, method: Method, word: &'static str, fault: Fault) {
        self.lock().faults.push((method, word, fault));
    }

    /// Puts an object in, as `kubectl apply` does.
    pub(super) fn apply(&self, plural: &str, mut object: Value) {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let key = (plural.to_owned(), text("/metadata/namespace"), text("/metadata/name"));
        let mut state = self.lock();
        if let Some(before) = state.objects.get(&key) {
            let generation = before.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(1);
            object["metadata"]["generation"] = (generation + 1).into();
            object["status"] = before.get("status").cloned().unwrap_or_default();
        }
        self.put(&mut state, key, object);
    }

    fn put(&self, state: &mut State, key: Key, mut object: Value) -> Value {
        state.revision += 1;
        let new = !state.objects.contains_key(&key);
        let metadata = &mut object["metadata"];
        metadata["resourceVersion"] = state.revision.to_string().into();
        if new {
            metadata["uid"] = format!("uid-{}", state.revision).into();
            metadata["generation"] = 1.into();
            metadata["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        let line = event(if new { "ADDED" } else { "MODIFIED" }, &object);
        state.objects.insert(key.clone(), object.clone());
        // Nobody has to watch.
        drop(self.events.send((key.0, line)));
        object
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, method: &Method, path: &str) -> Option<Fault> {
        let mut state = self.lock();
        let found = state.faults.iter().position(|(of, word, _)| of == method && path.contains(word))?;
        match &mut state.faults[found].2 {
            Fault::Wait(gate) => Some(Fault::Wait(gate.clone())),
            Fault::Refuse(code, left) => {
                let code = *code;
                *left -= 1;
                if *left == 0 {
                    state.faults.remove(found);
                }
                Some(Fault::Refuse(code, 0))
            }
        }
    }

    async fn answer(self, request: Request<Body>) -> Answer {
        let (head, body) = request.into_parts();
        let query = head.uri.query().unwrap_or_default().to_owned();
        let path = head.uri.path().to_owned();
        match self.fault(&head.method, &path) {
            Some(Fault::Wait(gate)) => gate.pass().await,
            Some(Fault::Refuse(code, _)) => return whole(code, &refusal(code, "as the test wants it")),
            None => {}
        }
        let body = body.collect_bytes().await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(found) = discovery(&path) {
            return whole(200, &found);
        }
        let Some((key, status)) = parse(&path) else { return missing() };
        match head.method {
            Method::GET if query.contains("watch=") => self.watch(&key.0, &query),
            Method::GET if key.2.is_empty() => self.list(&key),
            Method::GET => self.lock().objects.get(&key).map_or_else(missing, |found| whole(200, found)),
            Method::POST => self.create(key, body),
            Method::PUT | Method::PATCH => self.write(key, &body, status),
            _ => missing(),
        }
    }

    fn list(&self, (plural, namespace, _): &Key) -> Answer {
        let state = self.lock();
        let all = state.objects.iter().filter(|((of, ..), _)| of == plural);
        let here = all.filter(|((_, of, _), _)| namespace.is_empty() || of == namespace);
        let items: Vec<&Value> = here.map(|(_, object)| object).collect();
        let metadata = json!({"resourceVersion": state.revision.to_string()});
        whole(200, &json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items}))
    }

    fn watch(&self, plural: &str, query: &str) -> Answer {
        let receiver = self.events.subscribe();
        let mut lines = Vec::new();
        if query.contains("sendInitialEvents=true") {
            let state = self.lock();
            let here = state.objects.iter().filter(|((of, ..), _)| of == plural);
            lines.extend(here.map(|(_, object)| event("ADDED", object)));
            lines.push(end_of_list(&state.revision.to_string()));
        }
        let plural = plural.to_owned();
        let later = stream::unfold(receiver, move |mut receiver| {
            let plural = plural.clone();
            async move {
                loop {
                    let (of, line) = receiver.recv().await.ok()?;
                    if of == plural {
                        return Some((line, receiver));
                    }
                }
            }
        });
        let lines = stream::iter(lines).chain(later).map(|line| Ok(Frame::data(Bytes::from(line + "\n"))));
        Response::new(BodyExt::boxed(StreamBody::new(lines)))
    }

    fn create(&self, (plural, namespace, _): Key, object: Value) -> Answer {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut state = self.lock();
        let made = self.put(&mut state, (plural, namespace, name), object);
        whole(201, &made)
    }

    /// PUT of a status, or a merge patch.
    fn write(&self, key: Key, body: &Value, status: bool) -> Answer {
        let mut state = self.lock();
        let Some(mut object) = state.objects.get(&key).cloned() else { return missing() };
        if status {
            object["status"] = body["status"].clone();
        } else {
            merge(&mut object, body);
        }
        let written = self.put(&mut state, key, object);
        whole(200, &written)
    }
}

/// RFC 7396.
fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else { return *object = patch.clone() };
    if !object.is_object() {
        *object = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut object[name], value);
        }
    }
}

/// Resource, namespace and name of a path, and whether it is the status.
fn parse(path: &str) -> Option<(Key, bool)> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let rest = match parts.as_slice() {
        ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        rest => ("", rest),
    };
    let (plural, rest) = rest.split_first()?;
    let name = rest.first().copied().unwrap_or_default();
    Some(((plural.to_string(), namespace.to_owned(), name.to_owned()), rest.last() == Some(&"status")))
}

fn discovery(path: &str) -> Option<Value> {
    let group = "gateway.networking.k8s.io";
    let version = json!({"groupVersion": format!("{group}/v1"), "version": "v1"});
    match path {
        "/apis" => Some(json!({
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": [{"name": group, "versions": [version], "preferredVersion": version}],
        })),
        "/apis/gateway.networking.k8s.io/v1" => Some(json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("{group}/v1"),
            "resources": GATEWAY_API.map(|(plural, kind)| json!({
                "name": plural, "singularName": "", "namespaced": plural != "gatewayclasses", "kind": kind,
                "verbs": ["get", "list", "watch"],
            })),
        })),
        _ => None,
    }
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

fn whole(code: u16, value: &Value) -> Answer {
    let mut response = Response::new(Full::from(value.to_string()).boxed());
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

fn missing() -> Answer {
    whole(404, &refusal(404, "not found"))
}

impl tower_service::Service<Request<Body>> for ApiServer {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move { Ok(server.answer(request).await) })
    }
}
