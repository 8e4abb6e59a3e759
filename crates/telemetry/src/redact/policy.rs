//! The compiled policy.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::query::SecretKeys;
use super::{AddressMode, FORBIDDEN_HEADERS, QueryMode, RecordOptions, host};
use crate::exchange::RequestFacts;

/// Headers that were kept: index in the allow-list, value.
pub type Captured = Vec<(u8, HeaderValue)>;

/// Headers that one allow-list may name.
const MAX_HEADERS: usize = 64;

/// A header to write.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) name: HeaderName,
    /// `"name":`, ready for a line.
    pub(crate) json_key: Box<[u8]>,
}

/// What to write of requests, compiled.
#[derive(Debug)]
pub struct RecordPolicy {
    request_headers: Vec<Header>,
    response_headers: Vec<Header>,
    /// Request headers that every request is asked for; what follows was added for some.
    own_request_headers: usize,
    addresses: AddressMode,
    query: QueryMode,
    secrets: Arc<SecretKeys>,
}

/// As [`RecordOptions`] are by default.
impl Default for RecordPolicy {
    fn default() -> Self {
        let RecordOptions { addresses, query, secret_query_keys, .. } = RecordOptions::default();
        Self {
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            own_request_headers: 0,
            addresses,
            query,
            secrets: Arc::new(SecretKeys::new(&secret_query_keys)),
        }
    }
}

/// Why options are refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PolicyError {
    /// Carries credentials.
    #[error("{list}: header {name:?} carries credentials and is never written; remove it from the list")]
    Forbidden {
        /// The list.
        list: &'static str,
        /// The header.
        name: String,
    },
    /// No header name.
    #[error("{list}: {name:?} is no header name (RFC 9110 section 5.1); write a name like \"x-tenant\"")]
    Invalid {
        /// The list.
        list: &'static str,
        /// What stands there.
        name: String,
    },
    /// Twice.
    #[error("{list}: header {name:?} is named twice; remove one")]
    Duplicate {
        /// The list.
        list: &'static str,
        /// The header.
        name: String,
    },
    /// Too many.
    #[error("{list}: {count} headers are named, at most {MAX_HEADERS} can be written; shorten the list")]
    TooMany {
        /// The list.
        list: &'static str,
        /// How many.
        count: usize,
    },
}

impl RecordPolicy {
    /// Compiles options.
    ///
    /// # Errors
    /// A header that carries credentials, is no header name, stands twice, or is one too many.
    pub fn new(options: &RecordOptions) -> Result<Arc<Self>, PolicyError> {
        let request_headers = headers("request_headers", &options.request_headers)?;
        Ok(Arc::new(Self {
            own_request_headers: request_headers.len(),
            request_headers,
            response_headers: headers("response_headers", &options.response_headers)?,
            addresses: options.addresses,
            query: options.query,
            secrets: Arc::new(SecretKeys::new(&options.secret_query_keys)),
        }))
    }

    /// The same with more headers to write. What it hides it goes on hiding: names that are none, that carry credentials or
    /// that are there already are left out, and what is more than a list may name.
    #[must_use]
    pub fn with_headers(&self, request: &[Arc<str>], response: &[Arc<str>]) -> Self {
        Self {
            request_headers: longer(&self.request_headers, request),
            response_headers: longer(&self.response_headers, response),
            own_request_headers: self.own_request_headers,
            addresses: self.addresses,
            query: self.query,
            secrets: self.secrets.clone(),
        }
    }

    /// Keeps the request headers of the allow-list, for [`RequestFacts::captured`]. Values of a header that came
    /// several times are joined by a comma.
    pub fn capture_request(&self, headers: &HeaderMap) -> Captured {
        capture(&self.request_headers, headers)
    }

    /// Keeps the request headers that [`RecordPolicy::with_headers`] added, behind those that every request is asked for. What
    /// another policy has added before goes.
    pub fn capture_more(&self, headers: &HeaderMap, captured: &mut Captured) {
        let own = self.own_request_headers;
        captured.retain(|(index, _)| usize::from(*index) < own);
        let more = capture(self.request_headers.get(own..).unwrap_or_default(), headers).into_iter();
        let place = |index: u8| u8::try_from(own).unwrap_or(u8::MAX).saturating_add(index);
        captured.extend(more.map(|(index, value)| (place(index), value)));
    }

    /// Keeps the response headers of the allow-list, for [`crate::ResponseFacts::captured`].
    pub fn capture_response(&self, headers: &HeaderMap) -> Captured {
        capture(&self.response_headers, headers)
    }

    pub(crate) fn request_header(&self, index: u8) -> Option<&Header> {
        self.request_headers.get(usize::from(index))
    }

    pub(crate) fn response_header(&self, index: u8) -> Option<&Header> {
        self.response_headers.get(usize::from(index))
    }

    /// A query as it may be written; `None` for not at all.
    pub(crate) fn query<'a>(&self, query: Option<&'a str>) -> Option<Cow<'a, str>> {
        match self.query {
            QueryMode::Off => None,
            QueryMode::Keep => query.map(Cow::Borrowed),
            QueryMode::Redacted => query.map(|query| self.secrets.redacted(query)),
        }
    }

    /// A captured header value as it may be written. Bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn header_value<'a>(&self, value: &'a HeaderValue) -> Cow<'a, str> {
        match String::from_utf8_lossy(value.as_bytes()) {
            text if self.query == QueryMode::Keep => text,
            Cow::Borrowed(text) => self.secrets.redacted_value(text),
            Cow::Owned(text) => Cow::Owned(self.secrets.redacted_value(&text).into_owned()),
        }
    }

    /// The client: as forwarded when that is trusted, else the peer of the connection.
    pub(crate) fn client<'a>(&self, request: &'a RequestFacts) -> Option<Client<'a>> {
        let Some(named) = &request.client else {
            return self.addresses.apply(request.peer.ip()).map(Client::Address);
        };
        match self.addresses {
            AddressMode::Full => Some(Client::Named(host(named.as_bytes()))),
            AddressMode::Truncated => {
                address(named).and_then(|ip| self.addresses.apply(ip)).map(Client::Address)
            }
            AddressMode::Off => None,
        }
    }

    /// The peer of the connection: with its port only when addresses are written in full.
    pub(crate) fn peer(&self, peer: SocketAddr) -> Option<(IpAddr, Option<u16>)> {
        let port = (self.addresses == AddressMode::Full).then_some(peer.port());
        self.addresses.apply(peer.ip()).map(|ip| (ip, port))
    }
}

/// A client's address as it may be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Client<'a> {
    Address(IpAddr),
    Named(&'a [u8]),
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(value: &HeaderValue) -> Option<IpAddr> {
    let text = value.to_str().ok()?.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

fn headers(list: &'static str, names: &[String]) -> Result<Vec<Header>, PolicyError> {
    if names.len() > MAX_HEADERS {
        return Err(PolicyError::TooMany { list, count: names.len() });
    }
    let mut headers: Vec<Header> = Vec::with_capacity(names.len());
    for text in names {
        let Ok(name) = HeaderName::from_bytes(text.trim().as_bytes()) else {
            return Err(PolicyError::Invalid { list, name: text.clone() });
        };
        if FORBIDDEN_HEADERS.contains(&name.as_str()) {
            return Err(PolicyError::Forbidden { list, name: name.to_string() });
        }
        if headers.iter().any(|header| header.name == name) {
            return Err(PolicyError::Duplicate { list, name: name.to_string() });
        }
        headers.push(Header::new(name));
    }
    Ok(headers)
}

impl Header {
    fn new(name: HeaderName) -> Self {
        let json_key = format!("{}:", crate::json::quoted(name.as_str())).into_bytes().into();
        Self { name, json_key }
    }
}

fn longer(list: &[Header], names: &[Arc<str>]) -> Vec<Header> {
    let mut all = list.to_vec();
    for name in names.iter().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok()) {
        let known = all.iter().any(|header| header.name == name);
        if !known && !FORBIDDEN_HEADERS.contains(&name.as_str()) && all.len() < list.len() + MAX_HEADERS {
            all.push(Header::new(name));
        }
    }
    all
}

fn capture(list: &[Header], headers: &HeaderMap) -> Captured {
    let mut kept = Captured::new();
    for (index, header) in (0..).zip(list) {
        let mut values = headers.get_all(&header.name).iter();
        let Some(first) = values.next() else { continue };
        let value = values.fold(first.clone(), |joined, next| {
            let both = [joined.as_bytes(), b", ", next.as_bytes()].concat();
            HeaderValue::from_bytes(&both).unwrap_or(joined)
        });
        kept.push((index, value));
    }
    kept
}
