//! Filters made ready: names and values parsed once, when the configuration is compiled.

use std::sync::Arc;

use clearway_model::{BackendFault, Cors, Filter, Fraction, HeaderModifier, PathRewrite, Redirect};
use http::{HeaderName, HeaderValue, StatusCode};

use super::index::Reach;

/// All filters of a rule or of a backend reference, by what they touch.
#[derive(Debug, Default)]
pub(crate) struct CompiledFilters {
    pub(crate) request: Vec<CompiledEdits>,
    pub(crate) response: Vec<CompiledEdits>,
    pub(crate) redirect: Option<CompiledRedirect>,
    pub(crate) rewrite: Option<CompiledRewrite>,
    pub(crate) mirrors: Vec<CompiledMirror>,
    pub(crate) cors: Option<CompiledCors>,
    /// The first filter that cannot be applied: requests are refused rather than served without it.
    pub(crate) unsupported: Option<Arc<str>>,
}

/// Header edits in the order of the specification.
#[derive(Debug, Default)]
pub(crate) struct CompiledEdits {
    pub(crate) set: Vec<(HeaderName, HeaderValue)>,
    pub(crate) add: Vec<(HeaderName, HeaderValue)>,
    pub(crate) remove: Vec<HeaderName>,
}

/// A redirect.
#[derive(Debug)]
pub(crate) struct CompiledRedirect {
    pub(crate) redirect: Redirect,
    pub(crate) status: StatusCode,
}

/// A rewrite of host or path.
#[derive(Debug)]
pub(crate) struct CompiledRewrite {
    pub(crate) hostname: Option<HeaderValue>,
    pub(crate) path: Option<PathRewrite>,
}

/// A copy of requests.
#[derive(Debug)]
pub(crate) struct CompiledMirror {
    pub(crate) backend: Result<usize, BackendFault>,
    pub(crate) fraction: Fraction,
}

/// CORS with its constant header values.
#[derive(Debug)]
pub(crate) struct CompiledCors {
    pub(crate) cors: Cors,
    pub(crate) methods: Option<HeaderValue>,
    pub(crate) headers: Option<HeaderValue>,
    pub(crate) expose: Option<HeaderValue>,
    pub(crate) max_age: HeaderValue,
}

impl CompiledFilters {
    /// Makes filters ready. What cannot be parsed makes the whole unsupported: nothing is served half-filtered.
    pub(crate) fn compile(filters: &[Filter], backends: Reach<'_>) -> Self {
        let mut all = Self::default();
        for filter in filters {
            let fits = match filter {
                Filter::RequestHeaders(edits) => push(&mut all.request, edits),
                Filter::ResponseHeaders(edits) => push(&mut all.response, edits),
                Filter::Redirect(redirect) => all.set_redirect(redirect),
                Filter::Rewrite(rewrite) => {
                    let hostname = rewrite.hostname.as_deref().map(HeaderValue::from_str).transpose();
                    hostname.is_ok_and(|hostname| {
                        all.rewrite = Some(CompiledRewrite { hostname, path: rewrite.path.clone() });
                        true
                    })
                }
                Filter::Mirror(mirror) => {
                    let backend = mirror.target.clone().and_then(|target| backends.find(&target));
                    all.mirrors.push(CompiledMirror { backend, fraction: mirror.fraction });
                    true
                }
                Filter::Cors(cors) => all.set_cors(cors),
                Filter::Unsupported { .. } => false,
            };
            if !fits && all.unsupported.is_none() {
                all.unsupported = Some(name_of(filter));
            }
        }
        all
    }

    /// Makes filters of a backend reference ready. Redirects and CORS answer before a backend is chosen, so there they
    /// mean nothing that could be done.
    pub(crate) fn compile_for_backend(filters: &[Filter], backends: Reach<'_>) -> Self {
        let mut all = Self::compile(filters, backends);
        let misplaced = filters.iter().find(|f| matches!(f, Filter::Redirect(_) | Filter::Cors(_)));
        if let (Some(filter), None) = (misplaced, &all.unsupported) {
            all.unsupported = Some(name_of(filter));
        }
        all
    }

    fn set_redirect(&mut self, redirect: &Redirect) -> bool {
        let status = StatusCode::from_u16(redirect.status).ok();
        self.redirect = status.map(|status| CompiledRedirect { redirect: redirect.clone(), status });
        self.redirect.is_some()
    }

    fn set_cors(&mut self, cors: &Cors) -> bool {
        let list = |items: &[Arc<str>]| {
            if items.is_empty() || items.iter().any(|item| **item == *"*") {
                return Ok(None);
            }
            HeaderValue::from_str(&items.iter().map(|item| &**item).collect::<Vec<_>>().join(", ")).map(Some)
        };
        let (methods, headers) = (list(&cors.allow_methods), list(&cors.allow_headers));
        let expose = if cors.expose_headers.iter().any(|item| **item == *"*") && !cors.allow_credentials {
            Ok(Some(HeaderValue::from_static("*")))
        } else {
            list(&cors.expose_headers)
        };
        let (Ok(methods), Ok(headers), Ok(expose)) = (methods, headers, expose) else { return false };
        let max_age = HeaderValue::from(cors.max_age_seconds);
        self.cors = Some(CompiledCors { cors: cors.clone(), methods, headers, expose, max_age });
        true
    }
}

fn push(list: &mut Vec<CompiledEdits>, modifier: &HeaderModifier) -> bool {
    let mut edits = CompiledEdits::default();
    for (from, to) in [(&modifier.set, &mut edits.set), (&modifier.add, &mut edits.add)] {
        for edit in from {
            let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(edit.name.as_bytes()),
                HeaderValue::from_bytes(edit.value.as_bytes()),
            ) else {
                return false;
            };
            to.push((name, value));
        }
    }
    for name in &modifier.remove {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return false };
        edits.remove.push(name);
    }
    list.push(edits);
    true
}

fn name_of(filter: &Filter) -> Arc<str> {
    match filter {
        Filter::RequestHeaders(_) => "RequestHeaderModifier".into(),
        Filter::ResponseHeaders(_) => "ResponseHeaderModifier".into(),
        Filter::Redirect(_) => "RequestRedirect".into(),
        Filter::Rewrite(_) => "URLRewrite".into(),
        Filter::Mirror(_) => "RequestMirror".into(),
        Filter::Cors(_) => "CORS".into(),
        Filter::Unsupported { kind } => kind.clone(),
    }
}
