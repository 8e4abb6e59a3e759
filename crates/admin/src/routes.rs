//! The router: one handler for each path of [`crate::surface::PATHS`].
//!
//! The server puts the peer's address beside each request; the guard looks at it before any handler runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use http::header::{ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, HeaderName, VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use crate::access::{Access, Refusal};
use crate::answer;
use crate::options::AdminOptions;
use crate::parts::Parts;
use crate::profile::{self, Turn};
use crate::query::Query;
use crate::readiness;
use crate::surface::{CONFIG, CPU_PROFILE, HEAP_PROFILE, LIVEZ, LOG_LEVEL, METRICS, PATHS, READYZ};

/// The longest body that is read: directives of a log level.
const BODY_BYTES: usize = 4096;

/// The client's address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

struct Shared {
    parts: Parts,
    access: Access,
    turn: Turn,
    /// One large answer is made at a time: a herd of scrapers must not take the cores from the traffic.
    making: Mutex<()>,
    read_timeout: Duration,
}

type Site = State<Arc<Shared>>;

/// All paths behind the guard.
pub(crate) fn router(options: &AdminOptions, parts: Parts) -> Router {
    let access = Access { open: options.open.clone(), token: options.token.clone() };
    let shared = Arc::new(Shared {
        parts,
        access,
        turn: Turn::default(),
        making: Mutex::new(()),
        read_timeout: options.read_timeout,
    });
    let router = Router::new()
        .route(METRICS, only_get(metrics))
        .route(LIVEZ, only_get(livez))
        .route(READYZ, only_get(readyz))
        .route(CONFIG, only_get(config))
        .route(LOG_LEVEL, get(show_level).put(set_level).post(set_level).fallback(other_method_of_level))
        .route(CPU_PROFILE, only_get(cpu_profile))
        .route(HEAP_PROFILE, only_get(heap_profile))
        .route("/", only_get(index))
        .fallback(unknown);
    router.layer(from_fn_with_state(Arc::clone(&shared), guard)).with_state(shared)
}

fn only_get<H, T>(handler: H) -> axum::routing::MethodRouter<Arc<Shared>>
where
    H: Handler<T, Arc<Shared>>,
    T: 'static,
{
    get(handler).fallback(other_method)
}

/// Index and unknown paths name paths only and are for anybody; everything else is judged.
async fn guard(
    State(shared): Site,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    if PATHS.iter().any(|known| known.path == request.uri().path())
        && let Err(refusal) = shared.access.check(peer, request.uri(), request.headers())
    {
        let sentence = refusal.sentence();
        return match refusal {
            Refusal::Token => {
                let response = answer::error(StatusCode::UNAUTHORIZED, sentence);
                answer::with(response, WWW_AUTHENTICATE, "Bearer realm=\"clearway admin\"")
            }
            _ => answer::error(StatusCode::FORBIDDEN, sentence),
        };
    }
    next.run(request).await
}

async fn metrics(State(shared): Site, headers: HeaderMap) -> Response {
    let (accept, encoding) = (joined(&headers, ACCEPT), joined(&headers, ACCEPT_ENCODING));
    let source = Arc::clone(&shared.parts.metrics);
    let rendered = make(&shared, move || source(accept.as_deref(), encoding.as_deref())).await;
    let rendered = match rendered {
        Ok(rendered) => rendered,
        Err(failed) => return failed,
    };
    let response = answer::bytes(StatusCode::OK, rendered.content_type, rendered.body);
    let response = answer::with(response, VARY, "accept, accept-encoding");
    match rendered.content_encoding {
        Some(encoding) => answer::with(response, CONTENT_ENCODING, encoding),
        None => response,
    }
}

/// All fields of a name as one list (RFC 9110 section 5.3).
fn joined(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// Runs what may take long on a thread that may block, one at a time.
async fn make<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Response> {
    let turn: MutexGuard<'_, ()> = shared.making.lock().await;
    let made = tokio::task::spawn_blocking(work).await;
    drop(turn);
    made.map_err(|error| {
        answer::error(StatusCode::INTERNAL_SERVER_ERROR, format!("the answer failed: {error}"))
    })
}

async fn livez() -> Response {
    answer::text(StatusCode::OK, "ok\n")
}

async fn readyz(State(shared): Site, request: Request) -> Response {
    let checks = shared.parts.readiness.checks();
    let ready = readiness::all_ready(&checks);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let verbose = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
        .any(|(name, value)| name == "verbose" && value != "false" && value != "0");
    let accept = joined(request.headers(), ACCEPT).unwrap_or_default();
    let response = if wants_json(&accept) {
        answer::json(status, &readiness::json(&checks))
    } else {
        answer::text(status, readiness::text(&checks, verbose))
    };
    answer::with(response, VARY, "accept")
}

/// Whether `Accept` names JSON and does not refuse it.
fn wants_json(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let json = parts.next().is_some_and(|range| range.eq_ignore_ascii_case("application/json"));
        let refused = |part: &str| {
            part.strip_prefix("q=")
                .is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight == 0.0))
        };
        json && !parts.any(refused)
    })
}

async fn config(State(shared): Site) -> Response {
    let source = Arc::clone(&shared.parts.config);
    match make(&shared, move || answer::json(StatusCode::OK, &source().to_json(SystemTime::now()))).await {
        Ok(response) | Err(response) => response,
    }
}

async fn show_level(State(shared): Site) -> Response {
    answer::json(StatusCode::OK, &json!(shared.parts.log_level.report()))
}

async fn set_level(State(shared): Site, request: Request) -> Response {
    match change_level(&shared, request).await {
        Ok(response) => response,
        Err(sentence) => answer::error(StatusCode::BAD_REQUEST, sentence),
    }
}

async fn change_level(shared: &Shared, request: Request) -> Result<Response, String> {
    let query = Query::parse(request.uri().query(), &["level", "for"])?;
    let during = query.duration("for")?;
    let body = read_body(request.into_body(), shared.read_timeout).await?;
    let directives = match (query.get("level"), body.trim()) {
        (Some(level), "") => level,
        (None, body) if !body.is_empty() => body,
        (Some(_), _) => return Err("the level stands both in the query and in the body; give one".to_owned()),
        (None, _) => {
            return Err("no level is given; ask for ?level=debug&for=10m, or send it as the body".to_owned());
        }
    };
    let report = shared.parts.log_level.set(directives, during).map_err(|error| error.to_string())?;
    Ok(answer::json(StatusCode::OK, &json!(report)))
}

async fn read_body(body: Body, limit: Duration) -> Result<String, String> {
    let bytes = timeout(limit, to_bytes(body, BODY_BYTES))
        .await
        .map_err(|_| format!("the body did not arrive within {} s", limit.as_secs_f64()))?
        .map_err(|error| format!("the body could not be read, at most {BODY_BYTES} bytes are: {error}"))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| "the body is no UTF-8 text".to_owned())
}

async fn cpu_profile(State(shared): Site, request: Request) -> Response {
    profile::cpu_profile(&shared.turn, request.uri().query()).await.unwrap_or_else(Response::from)
}

async fn heap_profile(State(shared): Site, request: Request) -> Response {
    profile::heap_profile(&shared.turn, request.uri().query()).await.unwrap_or_else(Response::from)
}

async fn index() -> Response {
    answer::text(StatusCode::OK, format!("Clearway admin\n\n{}", paths()))
}

async fn unknown() -> Response {
    answer::text(StatusCode::NOT_FOUND, format!("There is no such path. These are:\n\n{}", paths()))
}

fn paths() -> String {
    PATHS.iter().map(|known| format!("{:<22}{}\n", known.path, known.help)).collect()
}

async fn other_method() -> Response {
    let response = answer::error(StatusCode::METHOD_NOT_ALLOWED, "this path takes GET");
    answer::with(response, ALLOW, "GET, HEAD")
}

async fn other_method_of_level() -> Response {
    let response = answer::error(StatusCode::METHOD_NOT_ALLOWED, "this path takes GET, PUT and POST");
    answer::with(response, ALLOW, "GET, HEAD, PUT, POST")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_for_those_who_name_it() {
        for accept in ["application/json", "text/html, Application/JSON;q=0.5"] {
            assert!(wants_json(accept), "{accept}");
        }
        for accept in ["", "*/*", "text/plain", "application/json;q=0", "application/jsonp"] {
            assert!(!wants_json(accept), "{accept}");
        }
    }
}
