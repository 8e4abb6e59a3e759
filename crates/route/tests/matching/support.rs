//! Builders for routes, and a listener set that answers `route/rule` for a request line.

use std::sync::Arc;

use clearway_model::{
    GrpcMethodMatch, HeaderMatch, Hostname, ListenerRef, Match, ObjectRef, PathMatch, QueryMatch, RouteKind,
    RouteRef, Rule, RuleParent, RuleRef, TextMatch, Timeouts,
};
use clearway_route::{ListenerIndex, Request, Table};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

pub(crate) fn listener(name: &str) -> ListenerRef {
    ListenerRef::new(ObjectRef::new("infra", "gateway"), name)
}

pub(crate) fn exact(text: &str) -> TextMatch {
    TextMatch::Exact(text.into())
}

pub(crate) fn regex(text: &str) -> TextMatch {
    TextMatch::Regex(text.into())
}

/// A match under construction. Without a path it covers the prefix `/`.
#[derive(Clone)]
pub(crate) struct M {
    path: PathMatch,
    grpc: Option<Option<GrpcMethodMatch>>,
    headers: Vec<HeaderMatch>,
    query: Vec<QueryMatch>,
    method: Option<Arc<str>>,
}

pub(crate) fn any() -> M {
    M { path: PathMatch::Prefix("/".into()), grpc: None, headers: vec![], query: vec![], method: None }
}

pub(crate) fn prefix(path: &str) -> M {
    M { path: PathMatch::Prefix(path.into()), ..any() }
}

pub(crate) fn path(path: &str) -> M {
    M { path: PathMatch::Exact(path.into()), ..any() }
}

pub(crate) fn path_regex(source: &str) -> M {
    M { path: PathMatch::Regex(source.into()), ..any() }
}

/// A gRPC match; without both it covers every call.
pub(crate) fn call(service: Option<TextMatch>, method: Option<TextMatch>) -> M {
    let method = (service.is_some() || method.is_some()).then_some(GrpcMethodMatch { service, method });
    M { grpc: Some(method), ..any() }
}

impl M {
    pub(crate) fn method(mut self, method: &str) -> Self {
        self.method = Some(method.into());
        self
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        self.header_is(name, exact(value))
    }

    pub(crate) fn header_is(mut self, name: &str, value: TextMatch) -> Self {
        self.headers.push(HeaderMatch { name: name.into(), value });
        self
    }

    pub(crate) fn query(self, name: &str, value: &str) -> Self {
        self.query_is(name, exact(value))
    }

    pub(crate) fn query_is(mut self, name: &str, value: TextMatch) -> Self {
        self.query.push(QueryMatch { name: name.into(), value });
        self
    }

    pub(crate) fn build(self) -> Match {
        match self.grpc {
            Some(method) => Match::Grpc { method, headers: self.headers },
            None => {
                Match::Http { path: self.path, headers: self.headers, query: self.query, method: self.method }
            }
        }
    }
}

/// A route under construction, attached to the listener `main` for any host unless said otherwise.
#[derive(Clone)]
pub(crate) struct Route {
    name: String,
    created: i64,
    hosts: Vec<Hostname>,
    listeners: Vec<ListenerRef>,
    rules: Vec<Vec<M>>,
}

/// `name` or `namespace/name`.
pub(crate) fn route(name: &str) -> Route {
    Route {
        name: name.to_owned(),
        created: 0,
        hosts: vec![Hostname::Any],
        listeners: vec![listener("main")],
        rules: vec![],
    }
}

impl Route {
    pub(crate) fn created(mut self, created: i64) -> Self {
        self.created = created;
        self
    }

    pub(crate) fn hosts(mut self, hosts: &[&str]) -> Self {
        self.hosts = hosts.iter().map(|host| Hostname::parse(host)).collect();
        self
    }

    pub(crate) fn on(mut self, listeners: &[&str]) -> Self {
        self.listeners = listeners.iter().map(|name| listener(name)).collect();
        self
    }

    pub(crate) fn rule(mut self, matches: impl IntoIterator<Item = M>) -> Self {
        self.rules.push(matches.into_iter().collect());
        self
    }

    fn build(self) -> Vec<Rule> {
        let grpc = self.rules.iter().flatten().any(|one| one.grpc.is_some());
        let kind = if grpc { RouteKind::Grpc } else { RouteKind::Http };
        let (namespace, name) = self.name.split_once('/').unwrap_or(("default", &self.name));
        let route = RouteRef { kind, object: ObjectRef::new(namespace, name) };
        let parents: Vec<RuleParent> = self
            .listeners
            .iter()
            .map(|listener| RuleParent { listener: listener.clone(), hostnames: self.hosts.clone() })
            .collect();
        let rule = |(index, matches): (u32, Vec<M>)| Rule {
            rule: RuleRef { route: route.clone(), index, name: None },
            created: self.created,
            parents: parents.clone(),
            matches: matches.into_iter().map(M::build).collect(),
            filters: vec![],
            backends: vec![],
            timeouts: Timeouts::default(),
            retry: None,
            observability: None,
        };
        (0_u32..).zip(self.rules).map(rule).collect()
    }
}

pub(crate) fn rules(routes: impl IntoIterator<Item = Route>) -> Vec<Rule> {
    routes.into_iter().flat_map(Route::build).collect()
}

/// A request line such as `GET example.com/path?query`, with headers.
pub(crate) struct Ask {
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
}

impl Ask {
    pub(crate) fn new(line: &str, headers: &[(&str, &str)]) -> Self {
        let (method, target) = line.split_once(' ').expect("method and target");
        let (target, query) = match target.split_once('?') {
            Some((target, query)) => (target, Some(query.to_owned())),
            None => (target, None),
        };
        let (host, path) = target.split_at(target.find('/').unwrap_or(target.len()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            map.append(name, HeaderValue::from_str(value).expect("a header value"));
        }
        let method = method.parse().expect("a method");
        Self { host: host.into(), path: path.into(), query, method, headers: map }
    }

    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            host: &self.host,
            path: &self.path,
            query: self.query.as_deref(),
            method: &self.method,
            headers: &self.headers,
        }
    }
}

/// Request line, headers, and `route/rule/match` or `none`.
pub(crate) type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// Several listeners of one port with the routes attached to them, hostnames intersected as `translate` does it.
pub(crate) struct Port {
    rules: Vec<Rule>,
    index: ListenerIndex,
    tables: Vec<Table>,
}

impl Port {
    pub(crate) fn new(listeners: &[(&str, &str)], routes: impl IntoIterator<Item = Route>) -> Self {
        let mut rules = rules(routes);
        let parsed: Vec<(ListenerRef, Hostname)> =
            listeners.iter().map(|(name, host)| (listener(name), Hostname::parse(host))).collect();
        for parent in rules.iter_mut().flat_map(|rule| &mut rule.parents) {
            let (_, own) = parsed.iter().find(|(name, _)| *name == parent.listener).expect("a listener");
            parent.hostnames = parent.hostnames.iter().filter_map(|host| own.intersect(host)).collect();
        }
        let borrowed: Vec<&Rule> = rules.iter().collect();
        let tables =
            parsed.iter().map(|(name, _)| Table::compile(name, &borrowed).expect("good rules")).collect();
        let hostnames: Vec<(usize, &Hostname)> = parsed.iter().map(|(_, host)| host).enumerate().collect();
        let index = ListenerIndex::compile(&hostnames);
        Self { rules, index, tables }
    }

    /// One listener for any host.
    pub(crate) fn open(routes: impl IntoIterator<Item = Route>) -> Self {
        Self::new(&[("main", "*")], routes)
    }

    /// `route/rule index/match index` of what a request takes, or `none`.
    pub(crate) fn take(&self, line: &str, headers: &[(&str, &str)]) -> String {
        let ask = Ask::new(line, headers);
        let found = self.index.find(&ask.host).and_then(|number| self.tables[number].find(&ask.request()));
        found.map_or_else(
            || "none".to_owned(),
            |found| {
                let rule = &self.rules[found.rule].rule;
                format!("{}/{}/{}", rule.route.object.name, rule.index, found.match_index)
            },
        )
    }

    /// Asserts what each request takes.
    pub(crate) fn check(&self, cases: &[Case<'_>]) {
        for (line, headers, want) in cases {
            assert_eq!(self.take(line, headers), *want, "{line} {headers:?}");
        }
    }
}
