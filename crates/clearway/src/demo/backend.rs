//! The demo backend (`clearway demo-backend`): a friendly HTTP/1.1 and h2c server that says what reached it.
//!
//! Called by the binary's page. Always holds: it answers every request; what a path asks for is bounded, so that nobody can
//! make it sleep for a day or send a terabyte.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::json;
use tokio::net::TcpListener;

/// The longest `/delay/<ms>`, in milliseconds.
const MAX_DELAY: u64 = 60_000;
/// The largest `/bytes/<n>`.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// After the shutdown, exchanges have so long to finish.
const DRAIN: Duration = Duration::from_secs(5);

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Serves at `address` until `shutdown` resolves, then finishes what is under way within five seconds.
///
/// Paths: `/delay/<ms>` answers later, `/status/<code>` with that status, `/bytes/<n>` with that many bytes, every other one
/// with a JSON object: `backend`, `method`, `path`, `host`, `protocol`, `headers`.
///
/// # Errors
/// When the address cannot be bound; the message names it.
pub(crate) async fn serve(
    name: String,
    address: SocketAddr,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let why = format!("demo backend {name}: cannot listen on {address}: {error}; choose another address");
        io::Error::new(error.kind(), why)
    })?;
    serve_on(listener, name, shutdown).await;
    Ok(())
}

/// As [`serve`], on a listener that is bound already.
pub(crate) async fn serve_on(listener: TcpListener, name: String, shutdown: impl Future<Output = ()>) {
    let name: Arc<str> = name.into();
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.as_mut() => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: those under way will free some.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Small answers go out at once; where the option is refused they still go out.
        stream.set_nodelay(true).ok();
        let name = Arc::clone(&name);
        let service = service_fn(move |request| {
            let name = Arc::clone(&name);
            async move { Ok::<_, Infallible>(answer(&name, request).await) }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new());
        builder.http2().timer(TokioTimer::new());
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // How a client ends its connection is its own business.
            connection.await.ok();
        });
    }
    drop(listener);
    // What is not done by then is dropped with the process.
    tokio::time::timeout(DRAIN, graceful.shutdown()).await.ok();
}

async fn answer(name: &str, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path();
    let (first, rest) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    match first {
        "delay" => {
            let Ok(millis) = rest.parse::<u64>() else { return refuse(path, "milliseconds") };
            tokio::time::sleep(Duration::from_millis(millis.min(MAX_DELAY))).await;
            describe(name, &request, StatusCode::OK)
        }
        "status" => match rest.parse().ok().and_then(final_status) {
            Some(status) if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED => {
                with(status, Full::new(Bytes::new()).boxed_unsync())
            }
            Some(status) => describe(name, &request, status),
            None => refuse(path, "a status from 200 to 599"),
        },
        "bytes" => match rest.parse::<usize>() {
            Ok(count) => bytes(count.min(MAX_BYTES)),
            Err(_) => refuse(path, "a number of bytes"),
        },
        _ => describe(name, &request, StatusCode::OK),
    }
}

fn final_status(code: u16) -> Option<StatusCode> {
    StatusCode::from_u16(code).ok().filter(|_| (200..600).contains(&code))
}

fn describe(name: &str, request: &Request<Incoming>, status: StatusCode) -> Response<Body> {
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let answer = json!({
        "backend": name,
        "method": request.method().as_str(),
        "path": request.uri().path_and_query().map_or("/", |path| path.as_str()),
        "host": authority.or(host).unwrap_or_default(),
        "protocol": if request.version() == Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" },
        "headers": headers(request.headers()),
    });
    // Indented, because the reader is a person with curl.
    let text = format!("{answer:#}\n");
    let mut response = with(status, Full::new(Bytes::from(text)).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Every field by its name; several of one name in a list joined by commas (RFC 9110, 5.3).
fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let values = |name| headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    headers.keys().map(|name| (name.to_string(), values(name).collect::<Vec<_>>().join(", "))).collect()
}

fn bytes(count: usize) -> Response<Body> {
    const PIECE: usize = 64 * 1024;
    static FILL: [u8; PIECE] = [b'.'; PIECE];
    let whole = std::iter::repeat_n(PIECE, count / PIECE);
    let sizes = whole.chain(Some(count % PIECE).filter(|size| *size > 0));
    let frames = sizes.map(|size| Ok(Frame::data(Bytes::from_static(&FILL).slice(..size))));
    let mut response = with(StatusCode::OK, StreamBody::new(stream::iter(frames)).boxed_unsync());
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(count));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response
}

fn refuse(path: &str, wanted: &str) -> Response<Body> {
    let text = format!("{path}: after the second slash comes {wanted}\n");
    let mut response = with(StatusCode::BAD_REQUEST, Full::new(Bytes::from(text)).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn with(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use clearway_testkit::client::HttpClient;
    use clearway_testkit::within;
    use tokio::sync::oneshot;

    use super::*;

    /// Address, the way to end it, and its task.
    async fn started() -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve_on(listener, "demo-a".to_owned(), async {
            stopped.await.unwrap_or_default()
        }));
        (address, stop, task)
    }

    #[tokio::test]
    async fn it_says_what_reached_it_over_both_protocols() {
        let (address, _stop, _task) = started().await;
        for (mut client, protocol) in [
            (HttpClient::h1(address).await.unwrap(), "HTTP/1.1"),
            (HttpClient::h2c(address).await.unwrap(), "HTTP/2"),
        ] {
            let headers = [("host", "shop.example"), ("x-team", "a"), ("x-team", "b")];
            let answer = client.request(http::Method::GET, "/cart?id=1", &headers).await.json();
            assert_eq!(answer["backend"], "demo-a");
            assert_eq!(answer["path"], "/cart?id=1");
            assert_eq!(answer["host"], "shop.example");
            assert_eq!(answer["protocol"], protocol);
            assert_eq!(answer["headers"]["x-team"], "a, b");
        }
    }

    #[tokio::test]
    async fn paths_choose_status_and_size_and_refuse_nonsense() {
        let (address, _stop, _task) = started().await;
        let mut client = HttpClient::h1(address).await.unwrap();
        assert_eq!(client.get("/status/503").await.status, 503);
        assert_eq!(client.get("/status/204").await.body.len(), 0);
        assert_eq!(client.get("/delay/1").await.status, 200);
        for (path, size) in
            [("/bytes/0", 0), ("/bytes/5", 5), ("/bytes/65536", 65_536), ("/bytes/100000", 100_000)]
        {
            assert_eq!(client.get(path).await.body.len(), size, "{path}");
        }
        for path in ["/status/99", "/status/100", "/status/x", "/bytes/-1", "/delay/soon"] {
            assert_eq!(client.get(path).await.status, 400, "{path}");
        }
    }

    #[tokio::test]
    async fn it_ends_when_told_and_lets_go_of_idle_connections() {
        let (address, stop, task) = started().await;
        let mut client = HttpClient::h1(address).await.unwrap();
        client.get("/").await;
        stop.send(()).unwrap();
        within("the backend's end", task).await.unwrap();
        client.closed().await;
        assert!(HttpClient::h1(address).await.is_err());
    }

    #[tokio::test]
    async fn an_address_in_use_is_named() {
        let (address, _stop, _task) = started().await;
        let error = serve("demo-b".to_owned(), address, std::future::pending()).await.unwrap_err();
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}
