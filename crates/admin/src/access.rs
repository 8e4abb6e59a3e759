//! Who may ask what: open paths for anybody, the rest for clients of this machine or with the token.
//!
//! Trust in a client of this machine is where attacks aim, so it is given only to one that comes directly and on its own
//! account. A browser that a page leads here names the page's host in `Host` (DNS rebinding) or says so in `Origin` and
//! `Sec-Fetch-Site`; a proxy on this machine, the gateway itself included, says so in its headers. A valid token needs
//! none of this: no page and no proxy knows it.

use std::net::{IpAddr, SocketAddr};

use http::header::{AUTHORIZATION, FORWARDED, HOST, ORIGIN, VIA};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri};

use crate::options::Token;

/// Headers that only something between client and server writes.
const OF_PROXIES: [HeaderName; 6] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The rules of one server.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) open: Vec<String>,
    pub(crate) token: Option<Token>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 401: a token is needed, and none or another one was given.
    Token,
    /// 403: only clients of this machine may, and there is no token to show.
    NotLocal,
    /// 403: the client is of this machine, but the name it asked for is not.
    Host,
    /// 403: a page of another origin sent the browser.
    CrossSite,
    /// 403: a proxy passed the request on.
    Proxied,
}

impl Refusal {
    /// The sentence for the client: what is refused and what to do.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::Token => {
                "this path needs 'Authorization: Bearer <token>' with the admin token, or a client on this machine \
                 (kubectl port-forward counts as one)"
            }
            Self::NotLocal => {
                "this path answers only clients on this machine; use kubectl port-forward, or configure an admin token"
            }
            Self::Host => {
                "the Host header is neither localhost nor an IP address; ask for http://localhost or http://127.0.0.1, \
                 or show the admin token"
            }
            Self::CrossSite => "a page of another origin may not ask this path; ask it directly",
            Self::Proxied => {
                "the request came through a proxy, so its client is not known to be on this machine; ask directly, \
                 or show the admin token"
            }
        }
    }
}

impl Access {
    /// Whether the request may be answered.
    pub(crate) fn check(&self, peer: SocketAddr, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.open.iter().any(|path| path == uri.path()) {
            return Ok(());
        }
        if let Some(token) = &self.token
            && let Some(given) = bearer(headers)
        {
            // A wrong token is refused even from this machine: who shows one means to be judged by it.
            return if token.matches(given) { Ok(()) } else { Err(Refusal::Token) };
        }
        if !peer.ip().to_canonical().is_loopback() {
            return Err(if self.token.is_some() { Refusal::Token } else { Refusal::NotLocal });
        }
        directly(uri, headers)
    }
}

/// The credentials of the `Bearer` scheme; its name is case-insensitive (RFC 9110 section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, rest) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| rest.trim_ascii())
}

fn directly(uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    if OF_PROXIES.iter().any(|name| headers.contains_key(name)) {
        return Err(Refusal::Proxied);
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
        _ => None,
    };
    let host = host.filter(is_local_name).ok_or(Refusal::Host)?;
    if uri.authority().is_some_and(|authority| !is_local_name(authority)) {
        return Err(Refusal::Host);
    }
    let site = headers.get(SEC_FETCH_SITE).map(|value| value.as_bytes());
    let same_site = matches!(site, None | Some(b"none" | b"same-origin"));
    let same_origin = headers.get(ORIGIN).is_none_or(|origin| {
        let rest = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        rest.is_some_and(|authority| authority.eq_ignore_ascii_case(host.as_str()))
    });
    if same_site && same_origin { Ok(()) } else { Err(Refusal::CrossSite) }
}

/// A name that no other machine's DNS can make up: an IP address, or localhost.
fn is_local_name(authority: &Authority) -> bool {
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().is_ok() || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn check(token: bool, peer: &str, path: &str, headers: &[(&'static str, &str)]) -> Result<(), Refusal> {
        let token = token.then(|| Token::new(TOKEN).unwrap());
        let access = Access { open: vec!["/livez".to_owned()], token };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        access.check(peer.parse().unwrap(), &path.parse().unwrap(), &map)
    }

    const LOCAL: &str = "127.0.0.1:5000";
    const REMOTE: &str = "10.1.2.3:5000";

    #[test]
    fn open_paths_are_for_anybody_and_only_exactly() {
        assert_eq!(check(true, REMOTE, "/livez", &[]), Ok(()));
        assert_eq!(check(true, REMOTE, "/livez/", &[]), Err(Refusal::Token));
        assert_eq!(check(false, REMOTE, "/config", &[]), Err(Refusal::NotLocal));
    }

    #[test]
    fn the_token_opens_from_everywhere_and_a_wrong_one_closes_even_here() {
        let good = format!("bearer {TOKEN}");
        assert_eq!(check(true, REMOTE, "/config", &[("authorization", &good)]), Ok(()));
        assert_eq!(check(true, REMOTE, "/config", &[]), Err(Refusal::Token));
        let through_proxy = [("authorization", good.as_str()), ("via", "1.1 x"), ("host", "admin.example")];
        assert_eq!(check(true, REMOTE, "/config", &through_proxy), Ok(()));
        for wrong in ["Bearer 0123456789abcdeg", "Bearer ", "Bearer 0123456789abcdef0"] {
            let headers = [("host", "localhost"), ("authorization", wrong)];
            assert_eq!(check(true, LOCAL, "/config", &headers), Err(Refusal::Token), "{wrong}");
        }
    }

    #[test]
    fn a_client_of_this_machine_asks_for_this_machine() {
        for host in ["localhost", "LOCALHOST:19080", "127.0.0.1:19080", "[::1]:19080", "10.0.0.7"] {
            for peer in [LOCAL, "[::1]:5000", "[::ffff:127.0.0.1]:5000"] {
                assert_eq!(check(false, peer, "/config", &[("host", host)]), Ok(()), "{host} from {peer}");
            }
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "a@b@c", ""] {
            assert_eq!(check(false, LOCAL, "/config", &[("host", host)]), Err(Refusal::Host), "{host}");
        }
        assert_eq!(check(false, LOCAL, "/config", &[]), Err(Refusal::Host));
        let two = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(check(false, LOCAL, "/config", &two), Err(Refusal::Host));
        let absolute = check(false, LOCAL, "http://evil.example/config", &[("host", "localhost")]);
        assert_eq!(absolute, Err(Refusal::Host));
    }

    #[test]
    fn pages_and_proxies_are_not_clients_of_this_machine() {
        let with =
            |name, value| check(false, LOCAL, "/config", &[("host", "localhost:19080"), (name, value)]);
        assert_eq!(with("origin", "http://localhost:19080"), Ok(()));
        for origin in ["http://evil.example", "https://localhost:19080", "null", "http://localhost:3000"] {
            assert_eq!(with("origin", origin), Err(Refusal::CrossSite), "{origin}");
        }
        assert_eq!(with("sec-fetch-site", "none"), Ok(()));
        assert_eq!(with("sec-fetch-site", "cross-site"), Err(Refusal::CrossSite));
        for header in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
            assert_eq!(with(header, "10.1.2.3"), Err(Refusal::Proxied), "{header}");
        }
    }
}
