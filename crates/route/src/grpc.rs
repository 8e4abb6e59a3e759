//! gRPC lookup within one hostname: by service, then by method.
//!
//! Always holds: only gRPC calls get here (POST, content type `application/grpc...`, path `/Service/Method`; gRPC
//! over HTTP/2, section "Requests"), and what is tried first takes precedence over what is tried later.

use std::sync::Arc;

use http::Method;
use http::header::CONTENT_TYPE;

use crate::candidate::{Candidate, Target};
use crate::choices::Choices;
use crate::text::Text;
use crate::{Map, Request};

/// A gRPC call, read from a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) service: &'a [u8],
    pub(crate) method: &'a [u8],
}

impl<'a> Call<'a> {
    /// The call that a request makes; `None` when it is no gRPC request. The method is what follows the last `/`, as
    /// gRPC servers read it.
    pub(crate) fn of(request: &Request<'a>) -> Option<Self> {
        const GRPC: &[u8] = b"application/grpc";
        let content_type = request.headers.get(CONTENT_TYPE)?.as_bytes();
        let is_grpc = content_type.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC));
        if request.method != Method::POST || !is_grpc {
            return None;
        }
        let (service, method) = request.path.strip_prefix('/')?.rsplit_once('/')?;
        let call = Self { service: service.as_bytes(), method: method.as_bytes() };
        (!service.is_empty() && !method.is_empty()).then_some(call)
    }
}

/// Candidates of GRPCRoutes.
#[derive(Debug, Default)]
pub(crate) struct Services {
    exact: Map<Box<[u8]>, Methods>,
    /// Candidates with a regular expression for the service.
    regex: Vec<u32>,
    any: Methods,
}

/// Candidates of one service, or of any.
#[derive(Debug, Default)]
struct Methods {
    exact: Map<Box<[u8]>, Choices>,
    /// Candidates with a regular expression for the method.
    regex: Vec<u32>,
    any: Choices,
}

impl Services {
    /// Adds a candidate; numbers must come in ascending order.
    pub(crate) fn push(&mut self, service: Option<&Text>, method: Option<&Text>, number: u32) {
        let methods = match service {
            Some(Text::Exact(name)) => self.exact.entry(name.as_bytes().into()).or_default(),
            Some(Text::Regex(_)) => return self.regex.push(number),
            None => &mut self.any,
        };
        match method {
            Some(Text::Exact(name)) => {
                methods.exact.entry(name.as_bytes().into()).or_default().push(number);
            }
            Some(Text::Regex(_)) => methods.regex.push(number),
            None => methods.any.push(number),
        }
    }

    pub(crate) fn finish(&mut self, candidates: &[Arc<Candidate>]) {
        for methods in self.exact.values_mut().chain([&mut self.any]) {
            for choices in methods.exact.values_mut().chain([&mut methods.any]) {
                choices.finish(candidates);
            }
        }
    }

    pub(crate) fn find(
        &self,
        candidates: &[Arc<Candidate>],
        request: &Request<'_>,
        call: Call<'_>,
    ) -> Option<u32> {
        self.exact
            .get(call.service)
            .and_then(|methods| methods.find(candidates, request, call))
            .or_else(|| first(&self.regex, candidates, request, call))
            .or_else(|| self.any.find(candidates, request, call))
    }
}

impl Methods {
    fn find(&self, candidates: &[Arc<Candidate>], request: &Request<'_>, call: Call<'_>) -> Option<u32> {
        self.exact
            .get(call.method)
            .and_then(|choices| choices.find(candidates, request))
            .or_else(|| first(&self.regex, candidates, request, call))
            .or_else(|| self.any.find(candidates, request))
    }
}

/// The first of a list that holds, its regular expressions included.
fn first(
    numbers: &[u32],
    candidates: &[Arc<Candidate>],
    request: &Request<'_>,
    call: Call<'_>,
) -> Option<u32> {
    numbers.iter().copied().find(|number| {
        candidates.get(*number as usize).is_some_and(|candidate| {
            matches!(candidate.target, Target::Grpc { .. })
                && candidate.target.covers(request.path, Some(call))
                && candidate.rest_holds(request)
        })
    })
}
