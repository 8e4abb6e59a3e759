//! What is encoded is read back as it was: every type, every variant, many values by chance.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use clearway_model::{
    Backend, BackendFault, BackendProtocol, BackendRef, BackendTls, Certificate, ClientValidation,
    ClientValidationMode, Cors, CorsOrigin, Endpoint, EndpointAddress, Filter, ForwardedTrust, Fraction,
    GrpcMethodMatch, HeaderEdit, HeaderMatch, HeaderModifier, Hostname, Listener, ListenerProtocol,
    ListenerRef, ListenerTls, LogFilter, Match, Mirror, ObjectRef, Observability, PathMatch, PathRewrite,
    QueryMatch, Redirect, Retry, RouteKind, RouteRef, Rule, RuleParent, RuleRef, SubjectAltName, TextMatch,
    Timeouts, TraceTrust, TrustedRoots, UrlRewrite, WeightedBackend,
};
use fastrand::Rng;

use super::Resource;

/// Values of each type; with this many, each variant of the widest choice (7) is missed with a chance of 10^-134.
const VALUES: u64 = 2000;

/// Values by chance.
struct Gen(Rng);

impl Gen {
    fn flip(&mut self) -> bool {
        self.0.bool()
    }

    /// Empty, short, long, not ASCII.
    fn text(&mut self) -> Arc<str> {
        ["", "a", "shop-1", "Über/ß\u{0}\n", "x-long-name-of-a-thing-that-goes-on-and-on"][self.0.usize(..5)]
            .into()
    }

    fn label(&mut self) -> Arc<str> {
        format!("n{}", self.0.u16(..)).into()
    }

    fn some<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flip().then(|| make(self))
    }

    fn list<T>(&mut self, least: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.0.usize(least..least + 3)).map(|_| make(self)).collect()
    }

    fn bytes(&mut self, least: usize) -> Arc<[u8]> {
        self.list(least, |it| it.0.u8(..)).into()
    }

    fn object(&mut self) -> ObjectRef {
        ObjectRef::new(self.label(), self.label())
    }

    fn listener_ref(&mut self) -> ListenerRef {
        ListenerRef { gateway: self.object(), set: self.some(Self::object), name: self.label() }
    }

    fn rule_ref(&mut self) -> RuleRef {
        let kinds = [RouteKind::Http, RouteKind::Grpc, RouteKind::Tls, RouteKind::Tcp, RouteKind::Udp];
        let kind = kinds[self.0.usize(..kinds.len())];
        let route = RouteRef { kind, object: self.object() };
        RuleRef { route, index: self.0.u32(..), name: self.some(Self::label) }
    }

    fn backend_ref(&mut self) -> BackendRef {
        BackendRef { kind: self.label(), object: self.object(), port: self.0.u16(..) }
    }

    fn target(&mut self) -> Result<BackendRef, BackendFault> {
        if self.flip() {
            Ok(self.backend_ref())
        } else {
            Err(BackendFault { reason: self.text(), message: self.text() })
        }
    }

    fn hostname(&mut self) -> Hostname {
        match self.0.u8(..3) {
            0 => Hostname::Any,
            1 => Hostname::Wildcard(self.label()),
            _ => Hostname::Exact(self.label()),
        }
    }

    fn ip(&mut self) -> IpAddr {
        if self.flip() {
            Ipv4Addr::from_bits(self.0.u32(..)).into()
        } else {
            Ipv6Addr::from_bits(self.0.u128(..)).into()
        }
    }

    fn duration(&mut self) -> Duration {
        Duration::new(self.0.u64(..1 << 40), self.0.u32(..1_000_000_000))
    }

    fn choose<T, const N: usize>(&mut self, from: [T; N]) -> T {
        let at = self.0.usize(..N);
        from.into_iter().nth(at).unwrap()
    }

    fn certificate(&mut self) -> Certificate {
        Certificate { secret: self.object(), chain_pem: self.bytes(0), key_pem: self.bytes(0) }
    }

    fn listener(&mut self) -> Listener {
        let protocol = self.choose([ListenerProtocol::Http, ListenerProtocol::Https]);
        let tls = (protocol == ListenerProtocol::Https)
            .then(|| ListenerTls { certificates: self.list(0, Self::object) });
        Listener {
            listener: self.listener_ref(),
            address: self.some(Self::ip),
            port: self.0.u16(..),
            binds: self.list(0, |it| it.0.u16(..)),
            protocol,
            hostname: self.hostname(),
            tls,
            client_validation: self.some(|it| ClientValidation {
                roots: it.bytes(1),
                mode: it
                    .choose([ClientValidationMode::Required, ClientValidationMode::AllowInsecureFallback]),
            }),
            backend_certificate: self.some(Self::object),
            forwarded: self.choose([ForwardedTrust::Replace, ForwardedTrust::Append]),
            trace: self.trust(),
            observability: self.some(Self::observability).map(Arc::new),
        }
    }

    fn trust(&mut self) -> TraceTrust {
        self.choose([TraceTrust::Accept, TraceTrust::Link, TraceTrust::Ignore])
    }

    fn fraction(&mut self) -> Fraction {
        Fraction { numerator: self.0.u32(..), denominator: self.0.u32(1..) }
    }

    fn observability(&mut self) -> Observability {
        Observability {
            sampling: self.some(Self::fraction),
            trust: self.some(Self::trust),
            log_filter: self.some(|it| LogFilter {
                classes: it.list(0, |it| it.0.u8(1..=5)),
                slower_than: it.some(Self::duration),
                ratio: it.fraction(),
            }),
            request_headers: self.some(|it| it.list(0, Self::text)),
            response_headers: self.some(|it| it.list(0, Self::text)),
            status_code_metrics: self.some(Self::flip),
            bandwidth_metrics: self.some(Self::flip),
            latency_metrics: self.some(Self::flip),
        }
    }

    fn backend(&mut self) -> Backend {
        Backend {
            backend: self.backend_ref(),
            protocol: self.choose([BackendProtocol::Http1, BackendProtocol::Http2]),
            tls: self.some(Self::backend_tls),
            endpoints: self.list(0, |it| Endpoint {
                address: if it.flip() {
                    EndpointAddress::Ip(it.ip())
                } else {
                    EndpointAddress::Host(it.text())
                },
                port: it.0.u16(..),
            }),
        }
    }

    fn backend_tls(&mut self) -> BackendTls {
        BackendTls {
            hostname: self.text(),
            subject_alt_names: self.list(0, |it| {
                if it.flip() { SubjectAltName::Dns(it.text()) } else { SubjectAltName::Uri(it.text()) }
            }),
            roots: match self.0.u8(..3) {
                0 => TrustedRoots::System,
                1 => TrustedRoots::Pem(self.bytes(0)),
                _ => TrustedRoots::Broken(self.text()),
            },
        }
    }

    fn rule(&mut self) -> Rule {
        Rule {
            rule: self.rule_ref(),
            created: self.0.i64(..),
            parents: self.list(0, |it| RuleParent {
                listener: it.listener_ref(),
                hostnames: it.list(1, Self::hostname),
            }),
            matches: self.list(1, Self::one_match),
            filters: self.list(0, Self::filter),
            backends: self.list(0, |it| WeightedBackend {
                target: it.target(),
                weight: it.0.u32(..),
                filters: it.list(0, Self::filter),
            }),
            timeouts: Timeouts {
                request: self.some(Self::duration),
                backend_request: self.some(Self::duration),
            },
            retry: self.some(|it| Retry {
                attempts: it.0.u32(..),
                codes: it.list(0, |it| it.0.u16(..)),
                backoff: it.some(Self::duration),
            }),
            observability: self.some(Self::observability).map(Arc::new),
        }
    }

    fn one_match(&mut self) -> Match {
        let headers = self.list(0, |it| HeaderMatch { name: it.text(), value: it.text_match() });
        if self.flip() {
            let service = self.some(Self::text_match);
            let method =
                if service.is_none() { Some(self.text_match()) } else { self.some(Self::text_match) };
            return Match::Grpc { method: self.some(|_| GrpcMethodMatch { service, method }), headers };
        }
        let path = match self.0.u8(..3) {
            0 => PathMatch::Exact(self.text()),
            1 => PathMatch::Prefix(self.text()),
            _ => PathMatch::Regex(self.text()),
        };
        let query = self.list(0, |it| QueryMatch { name: it.text(), value: it.text_match() });
        Match::Http { path, headers, query, method: self.some(Self::text) }
    }

    fn text_match(&mut self) -> TextMatch {
        if self.flip() { TextMatch::Exact(self.text()) } else { TextMatch::Regex(self.text()) }
    }

    fn filter(&mut self) -> Filter {
        match self.0.u8(..7) {
            0 => Filter::RequestHeaders(self.edits()),
            1 => Filter::ResponseHeaders(self.edits()),
            2 => Filter::Redirect(Redirect {
                scheme: self.some(Self::text),
                hostname: self.some(Self::text),
                path: self.some(Self::path_rewrite),
                port: self.some(|it| it.0.u16(..)),
                status: self.0.u16(..),
            }),
            3 => Filter::Rewrite(UrlRewrite {
                hostname: self.some(Self::text),
                path: self.some(Self::path_rewrite),
            }),
            4 => Filter::Mirror(Mirror { target: self.target(), fraction: self.fraction() }),
            5 => Filter::Cors(self.cors()),
            _ => Filter::Unsupported { kind: self.text() },
        }
    }

    fn edits(&mut self) -> HeaderModifier {
        let edit = |it: &mut Self| HeaderEdit { name: it.text(), value: it.text() };
        HeaderModifier { set: self.list(0, edit), add: self.list(0, edit), remove: self.list(0, Self::text) }
    }

    fn path_rewrite(&mut self) -> PathRewrite {
        if self.flip() { PathRewrite::Full(self.text()) } else { PathRewrite::Prefix(self.text()) }
    }

    fn cors(&mut self) -> Cors {
        Cors {
            allow_origins: self.list(0, |it| match it.0.u8(..3) {
                0 => CorsOrigin::Any,
                1 => CorsOrigin::Exact(it.text()),
                _ => CorsOrigin::Wildcard { scheme: it.text(), suffix: it.text() },
            }),
            allow_credentials: self.flip(),
            allow_methods: self.list(0, Self::text),
            allow_headers: self.list(0, Self::text),
            expose_headers: self.list(0, Self::text),
            max_age_seconds: self.0.u32(..),
        }
    }
}

fn survives<R: Resource + std::fmt::Debug>(make: impl Fn(&mut Gen) -> R) {
    for seed in 0..VALUES {
        let value = make(&mut Gen(Rng::with_seed(seed)));
        let name = R::name(&value.key());
        assert!(R::parse(&name).is_some_and(|key| R::name(&key) == name), "{name}");
        let bytes = value.encode();
        assert_eq!(bytes, value.encode(), "seed {seed}");
        match R::decode(&name, bytes) {
            Ok(read) => assert_eq!(read, value, "seed {seed}"),
            Err(error) => panic!("seed {seed}: {error}\n{value:#?}"),
        }
    }
}

#[test]
fn certificates_listeners_and_backends_survive_the_wire() {
    survives(Gen::certificate);
    survives(Gen::listener);
    survives(Gen::backend);
}

#[test]
fn rules_survive_the_wire() {
    survives(Gen::rule);
}

#[test]
fn bytes_by_chance_are_an_error_and_no_panic() {
    let mut it = Gen(Rng::with_seed(1));
    for _ in 0..VALUES {
        let mut bytes = it.rule().encode().to_vec();
        let at = it.0.usize(..bytes.len());
        bytes[at] ^= 1 << it.0.u8(..8);
        bytes.truncate(it.0.usize(..=bytes.len()));
        let name = "HTTPRoute/a/b/0";
        if let Ok(rule) = Rule::decode(name, bytes.into()) {
            assert_eq!(Rule::name(&rule.rule), name);
        }
    }
}

#[test]
fn an_error_names_the_resource_and_the_field() {
    use super::Wire as _;
    use prost::Message as _;
    let mut rule = Gen(Rng::with_seed(3)).rule();
    rule.backends = vec![WeightedBackend { target: rule_target(), weight: 1, filters: Vec::new() }; 2];
    let name = Rule::name(&rule.rule);
    let mut message = rule.to_wire();
    message.backends[1].target = None;
    let error = Rule::decode(&name, message.encode_to_vec().into()).unwrap_err();
    assert!(
        error.to_string().contains(&format!("Rule {name} cannot be read: backends[1].target is missing"))
    );
    let error = Rule::decode("HTTPRoute/x/y/0", rule.encode()).unwrap_err();
    assert!(error.to_string().contains(&format!("it names itself {name}")), "{error}");
}

fn rule_target() -> Result<BackendRef, BackendFault> {
    Ok(BackendRef { kind: "Service".into(), object: ObjectRef::new("a", "b"), port: 80 })
}
