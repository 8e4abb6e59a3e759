//! One request to a collector, by gRPC or by HTTP, and what its answer means (OTLP 1.x specification).

use std::path::Path;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, TE, USER_AGENT};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{OtlpError, OtlpOptions, OtlpProtocol, without_userinfo};

/// Bytes of an answer that are read at most.
const MAX_ANSWER: usize = 1 << 20;

/// The paths of a signal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paths {
    /// Of the gRPC method.
    pub(crate) grpc: &'static str,
    /// Of the HTTP endpoint, when none is configured.
    pub(crate) http: &'static str,
}

pub(super) struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
    protocol: OtlpProtocol,
    shown: String,
}

/// Why an attempt failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) reason: String,
    pub(super) retry: Retry,
}

/// Whether another attempt makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    Never,
    Later,
    /// The collector says when.
    After(Duration),
}

impl Client {
    /// A client that has not connected yet. Must be used on one runtime.
    pub(super) fn new(options: &OtlpOptions, paths: Paths) -> Result<Self, OtlpError> {
        let uri = uri(options, paths)?;
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls(&uri, options.ca_file.as_deref())?)
            .https_or_http();
        let grpc = options.protocol == OtlpProtocol::Grpc;
        let connector =
            if grpc { connector.enable_http2().build() } else { connector.enable_http1().build() };
        let pool = Pool::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .http2_only(grpc)
            .build(connector);
        Ok(Self {
            pool,
            uri,
            headers: headers(options)?,
            protocol: options.protocol,
            shown: without_userinfo(&options.endpoint),
        })
    }

    /// What the transport asks for around a message.
    pub(super) fn frame(&self, message: Vec<u8>) -> Bytes {
        if self.protocol == OtlpProtocol::HttpProtobuf {
            return message.into();
        }
        let mut framed = BytesMut::with_capacity(message.len() + 5);
        framed.put_u8(0);
        framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
        framed.extend_from_slice(&message);
        framed.freeze()
    }

    /// Sends a framed message; returns the message of the answer.
    pub(super) async fn send(&self, body: Bytes) -> Result<Bytes, Failed> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let response = self.pool.request(request).await;
        let response = response.map_err(|error| self.failed(&chain(&error), Retry::Later))?;
        match self.protocol {
            OtlpProtocol::HttpProtobuf => self.http_answer(response).await,
            OtlpProtocol::Grpc => self.grpc_answer(response).await,
        }
    }

    pub(super) fn failed(&self, reason: &str, retry: Retry) -> Failed {
        Failed { reason: format!("OTLP to {}: {reason}", self.shown), retry }
    }

    async fn http_answer(&self, response: Response<Incoming>) -> Result<Bytes, Failed> {
        let (head, body) = response.into_parts();
        if !head.status.is_success() {
            return Err(
                self.failed(&format!("status {}", head.status), http_retry(head.status, &head.headers))
            );
        }
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        // The collector took the batch; an answer that cannot be read rejects nothing.
        Ok(body.map(http_body_util::Collected::to_bytes).unwrap_or_default())
    }

    async fn grpc_answer(&self, response: Response<Incoming>) -> Result<Bytes, Failed> {
        let (head, body) = response.into_parts();
        if head.status != StatusCode::OK {
            return Err(
                self.failed(&format!("status {}", head.status), http_retry(head.status, &head.headers))
            );
        }
        let collected = Limited::new(body, MAX_ANSWER).collect().await;
        let collected = collected.map_err(|error| self.failed(&error.to_string(), Retry::Later))?;
        let status = |map: &HeaderMap| {
            map.get("grpc-status").and_then(|value| value.to_str().ok()?.parse::<u8>().ok())
        };
        match collected.trailers().and_then(status).or_else(|| status(&head.headers)) {
            Some(0) => {
                let body = collected.to_bytes();
                Ok(body.slice(body.len().min(5)..))
            }
            Some(code) => {
                let name = crate::access_log::grpc_name(code);
                Err(self.failed(&format!("gRPC status {code} {name}"), grpc_retry(code)))
            }
            None => Err(self.failed("the answer has no gRPC status", Retry::Later)),
        }
    }
}

/// 429, 502, 503 and 504 may be sent again; nothing else (OTLP/HTTP, "Failures").
fn http_retry(status: StatusCode, headers: &HeaderMap) -> Retry {
    if !matches!(status.as_u16(), 429 | 502 | 503 | 504) {
        return Retry::Never;
    }
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    seconds.map_or(Retry::Later, |seconds| Retry::After(Duration::from_secs(seconds)))
}

/// CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, OUT_OF_RANGE, UNAVAILABLE and DATA_LOSS may be sent again
/// (OTLP/gRPC, "Failures").
fn grpc_retry(code: u8) -> Retry {
    if matches!(code, 1 | 4 | 8 | 10 | 11 | 14 | 15) { Retry::Later } else { Retry::Never }
}

fn uri(options: &OtlpOptions, paths: Paths) -> Result<Uri, OtlpError> {
    let wrong = |reason: &str| OtlpError::Endpoint {
        endpoint: without_userinfo(&options.endpoint),
        reason: reason.to_owned(),
    };
    let given: Uri =
        options.endpoint.parse().map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
    let mut parts = given.into_parts();
    if parts.scheme != Some(Scheme::HTTP) && parts.scheme != Some(Scheme::HTTPS) {
        return Err(wrong("the scheme is neither http nor https"));
    }
    if parts.authority.as_ref().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(wrong("user and password in the URL are not sent; use a header"));
    }
    let has_path = options.endpoint.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?']));
    match options.protocol {
        OtlpProtocol::Grpc => parts.path_and_query = Some(PathAndQuery::from_static(paths.grpc)),
        OtlpProtocol::HttpProtobuf if !has_path => {
            parts.path_and_query = Some(PathAndQuery::from_static(paths.http));
        }
        OtlpProtocol::HttpProtobuf => {}
    }
    Uri::from_parts(parts).map_err(|error| wrong(&error.to_string()))
}

fn headers(options: &OtlpOptions) -> Result<HeaderMap, OtlpError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &options.headers {
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
        let (key, mut value) = parsed.ok_or_else(|| OtlpError::Header { name: name.clone() })?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("clearway/", env!("CARGO_PKG_VERSION"))));
    let content_type = match options.protocol {
        OtlpProtocol::Grpc => "application/grpc",
        OtlpProtocol::HttpProtobuf => "application/x-protobuf",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if options.protocol == OtlpProtocol::Grpc {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    Ok(headers)
}

/// TLS towards the collector. The system's authorities are read only when they are needed.
fn tls(uri: &Uri, ca_file: Option<&Path>) -> Result<ClientConfig, OtlpError> {
    let wrong = |reason: String| OtlpError::Authorities { reason };
    let provider = std::sync::Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let named = |reason: &str| wrong(format!("{}: {reason}", path.display()));
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(|error| named(&error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| named(&error.to_string()))?;
                roots.add(certificate).map_err(|error| named(&error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(named("no certificate"));
            }
        }
        None if uri.scheme() == Some(&Scheme::HTTPS) => {
            let builder = builder.with_native_roots().map_err(|error| wrong(error.to_string()))?;
            return Ok(builder.with_no_client_auth());
        }
        None => {}
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
