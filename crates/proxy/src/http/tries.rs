//! Rooms seven and eight, round and round: choose an endpoint, get across, and decide whether to try again.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clearway_telemetry::families::AttemptTelemetry;
use clearway_telemetry::trace::new_span_id;
use clearway_telemetry::{Attempt, Held, Phase, ResponseFlag};
use http::header::HOST;
use http::{HeaderMap, Request, Response};
use hyper::body::{Body, Incoming};
use smallvec::SmallVec;

use super::exchange::Crossed;
use super::serve::Visit;
use crate::body::{Progress, Source, UpBody, Upload};
use crate::bridge::{self, Lease, SendFailure, Sender};
use crate::error::{ProxyError, Result};
use crate::live::{CompiledFilters, LiveRule};
use crate::switchyard::retry::{self, Tries};
use crate::switchyard::{InFlight, WorkerBackend, WorkerEndpoint};
use crate::wardrobe;
use crate::wardrobe::head_copy::HeadCopy;
use crate::worker::LocalRule;

/// What all tries of one exchange have in common.
struct Journey {
    rule: Rc<LocalRule>,
    backend: Rc<WorkerBackend>,
    series: Held<AttemptTelemetry>,
    upload: Upload,
    /// The request's body before the first try, when nobody shares it.
    direct: Option<Incoming>,
    tried: SmallVec<[SocketAddr; 2]>,
    head: Head,
}

/// Where the fields of the request's head are.
enum Head {
    /// With the visit.
    Here,
    /// Away with a try; they can be had again from the copy.
    Copied(HeadCopy),
    /// Away with a try, for good.
    Gone,
}

impl Journey {
    /// Whether the request can be sent once more, from its first byte.
    fn is_repeatable(&self) -> bool {
        let body = match &self.upload {
            Upload::None => true,
            Upload::Direct(_) => self.direct.is_some(),
            Upload::Shared(source) => source.borrow().is_repeatable(),
        };
        body && !matches!(self.head, Head::Gone)
    }
}

/// One try's result: a response with its connection.
pub(crate) struct Reached {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
    pub(crate) in_flight: InFlight,
}

/// Gets the request across to the backend of `choice`.
///
/// # Errors
/// The error of the last try, or `request_timeout`.
pub(crate) async fn cross(visit: &mut Visit, choice: usize) -> Result<Crossed> {
    let mut journey = prepare(visit, choice)?;
    let started = visit.entry.started;
    let mut deadline = journey
        .rule
        .rule
        .timeouts
        .request
        .map(|limit| Box::pin(tokio::time::sleep_until((started + limit).into())));
    let reached = match &mut deadline {
        None => attempts(visit, &mut journey).await,
        Some(sleep) => tokio::select! {
            biased;
            reached = attempts(visit, &mut journey) => reached,
            () = sleep.as_mut() => Err(timed_out(visit, ResponseFlag::RequestTimeout)),
        },
    }?;
    if let Head::Copied(copy) = journey.head {
        visit.entry.worker().heads.borrow_mut().take_back(copy);
    }
    let upload = journey.upload;
    Ok(Crossed { reached, upload, deadline, upgrade: None, cors: HeaderMap::new(), choice })
}

fn prepare(visit: &mut Visit, choice: usize) -> Result<Journey> {
    let broken =
        || ProxyError::refuse(ResponseFlag::Internal, "a backend that the configuration does not have");
    let spot = visit.spot.as_ref().ok_or_else(broken)?;
    let local = spot.rule.clone();
    let rule = &*local.rule;
    let chosen = rule.choices.get(choice).ok_or_else(broken)?;
    let index = chosen.backend.as_ref().map_err(|fault| {
        ProxyError::refuse(ResponseFlag::BackendInvalid, format!("{}: {}", fault.reason, fault.message))
    })?;
    let backend = visit.live.backends.get(*index).ok_or_else(broken)?.clone();
    let series = local.attempts.get(choice).cloned().flatten().ok_or_else(broken)?;
    let (upload, direct) = share_body(visit, rule, &chosen.filters);
    wardrobe::mirror::send_copies(visit, [&rule.filters, &chosen.filters], &upload);
    let tried = SmallVec::new();
    Ok(Journey { rule: local, backend, series, upload, direct, tried, head: Head::Here })
}

/// A body goes straight through unless another try or a mirror may need it too.
fn share_body(visit: &mut Visit, rule: &LiveRule, chosen: &CompiledFilters) -> (Upload, Option<Incoming>) {
    let Some(body) = visit.body.take().filter(|body| !body.is_end_stream()) else {
        return (Upload::None, None);
    };
    let mirrored = !rule.filters.mirrors.is_empty() || !chosen.mirrors.is_empty();
    let limit = if rule.retry.is_some() { visit.entry.worker().options.limits.retry_body_bytes } else { 0 };
    if !mirrored && limit == 0 {
        return (Upload::Direct(Rc::new(Progress::default())), Some(body));
    }
    (Upload::Shared(Source::new(body, limit)), None)
}

async fn attempts(visit: &mut Visit, journey: &mut Journey) -> Result<Box<Reached>> {
    let mut tries = Tries { made: 0, repeatable: true, reused: false, stale: 0 };
    loop {
        let tried = one_try(visit, journey).await;
        tries.made += 1;
        tries.repeatable = journey.is_repeatable();
        let policy = journey.rule.rule.retry.as_ref();
        match tried {
            Ok(reached) if retry::after_status(policy, tries, reached.response.status()) => {
                note_retried_status(visit);
                drop(reached);
            }
            Ok(reached) => return Ok(reached),
            Err(error) => {
                tries.reused = visit.entry.attempts.last().is_some_and(|attempt| attempt.reused);
                if !retry::after_error(policy, tries, &visit.parts.method, &error) {
                    return Err(error);
                }
                tries.stale += u32::from(tries.reused);
            }
        }
        visit.entry.enter(Phase::Queue);
        let wait = retry::wait(policy, tries.made, &mut visit.entry.worker().rng.borrow_mut());
        if tries.stale < tries.made && !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}

async fn one_try(visit: &mut Visit, journey: &mut Journey) -> Result<Box<Reached>> {
    let worker = visit.entry.worker().clone();
    let now = visit.entry.enter(Phase::Queue);
    let span_id = new_span_id(&mut worker.rng.borrow_mut());
    let endpoint = journey.backend.choose(&mut worker.rng.borrow_mut(), &journey.tried).cloned();
    visit.entry.attempts.push(Attempt {
        backend: journey.backend.telemetry.clone(),
        series: journey.series.clone(),
        endpoint: endpoint.as_ref().map(|endpoint| endpoint.address),
        local: None,
        scheme_tls: journey.backend.backend.tls.is_some(),
        target: None,
        host: None,
        span_id,
        started: now,
        connect: None,
        tls: None,
        first_byte: None,
        total: None,
        status: None,
        flag: ResponseFlag::None,
        reused: false,
    });
    let Some(endpoint) = endpoint else {
        let detail = format!("{} has no ready endpoint", journey.backend.backend.backend);
        return Err(end_attempt(visit, None, ProxyError::refuse(ResponseFlag::NoEndpoint, detail)));
    };
    journey.tried.push(endpoint.address);
    let limit = journey.rule.rule.timeouts.backend_request;
    let tried = match limit {
        None => reach(visit, journey, &endpoint).await,
        Some(limit) => match tokio::time::timeout(limit, reach(visit, journey, &endpoint)).await {
            Ok(tried) => tried,
            Err(_) => {
                Err(ProxyError::sent(ResponseFlag::BackendTimeout, format!("no response within {limit:?}")))
            }
        },
    };
    match tried {
        Ok(reached) => {
            settle(visit, &endpoint, &reached);
            Ok(reached)
        }
        Err(error) => Err(end_attempt(visit, Some((&journey.backend, &endpoint)), error)),
    }
}

/// One try at one endpoint: a connection, the request, the head of the response.
async fn reach(
    visit: &mut Visit,
    journey: &mut Journey,
    endpoint: &Rc<WorkerEndpoint>,
) -> Result<Box<Reached>> {
    let worker = visit.entry.worker().clone();
    let in_flight = InFlight::at(endpoint);
    let mut lease = bridge::checkout(&worker, &journey.backend, endpoint).await?;
    note_connection(visit, &lease);
    let http2 = matches!(lease.sender, Some(Sender::Http2(_)));
    if let Head::Copied(copy) = &journey.head {
        visit.parts.headers = copy.restore();
    }
    // A copy of the head is worth its cost only where it may be needed: for a policy, or on a connection that served
    // before, which the backend may be closing at this moment, however short it lay idle.
    let keep = http2 || journey.rule.rule.retry.is_some();
    let stale_prone = lease.reused && visit.parts.method.is_idempotent();
    journey.head = match (keep, stale_prone) {
        (true, _) => Head::Here,
        (false, true) => Head::Copied(worker.heads.borrow_mut().copy(&visit.parts.headers)),
        (false, false) => Head::Gone,
    };
    let mut request = wardrobe::request::assemble(visit, http2, keep, body_for_try(journey))?;
    let span = visit.entry.attempts.last().map(|attempt| attempt.span_id).unwrap_or_default();
    worker.ledger.propagation.inject(&visit.entry.trace, &span, request.headers_mut());
    if visit.entry.trace.sampled
        && let Some(attempt) = visit.entry.attempts.last_mut()
    {
        attempt.target = Some(request.uri().clone());
        attempt.host = request.headers().get(HOST).cloned();
    }
    match bridge::send(&mut lease, request).await {
        Ok(response) => Ok(Box::new(Reached { response, lease, in_flight })),
        Err(failure) => {
            let SendFailure { error, unsent } = *failure;
            if let Some(request) = unsent {
                take_back(visit, journey, request);
            }
            Err(error)
        }
    }
}

/// Not a byte was sent: head and body are as good as new.
fn take_back(visit: &mut Visit, journey: &mut Journey, request: Request<UpBody>) {
    let (parts, body) = request.into_parts();
    if !matches!(journey.head, Head::Here) {
        visit.parts.headers = parts.headers;
        journey.head = Head::Here;
    }
    if let UpBody::Direct { inner, .. } = body {
        journey.direct = Some(inner);
    }
}

fn body_for_try(journey: &mut Journey) -> UpBody {
    match &journey.upload {
        Upload::None => UpBody::Empty,
        Upload::Direct(progress) => match journey.direct.take() {
            Some(inner) => UpBody::Direct { inner, progress: progress.clone() },
            None => UpBody::Empty,
        },
        Upload::Shared(source) => shared(source),
    }
}

fn shared(source: &Rc<RefCell<Source>>) -> UpBody {
    let hint = source.borrow().size_hint();
    UpBody::Shared { source: source.clone(), at: 0, hint }
}

/// Where the time since the try began went: waiting, connecting, TLS.
fn note_connection(visit: &mut Visit, lease: &Lease) {
    let (connect, tls) = (lease.timing.connect, lease.timing.tls);
    let began = visit.entry.attempts.last().map(|attempt| attempt.started);
    // A connection that was at hand took no time worth reading the clock for.
    let now = began.filter(|_| lease.at_hand).unwrap_or_else(Instant::now);
    let spent = connect.unwrap_or(Duration::ZERO) + tls.unwrap_or(Duration::ZERO);
    if !spent.is_zero() {
        visit.entry.enter_at(Phase::Connect, now.checked_sub(spent).unwrap_or(now));
        if let Some(tls) = tls {
            visit.entry.enter_at(Phase::Tls, now.checked_sub(tls).unwrap_or(now));
        }
    }
    visit.entry.enter_at(Phase::Upstream, now);
    if let Some(attempt) = visit.entry.attempts.last_mut() {
        (attempt.connect, attempt.tls) = (connect, tls);
        (attempt.local, attempt.reused) = (lease.local, lease.reused);
    }
}

/// The head of a response came.
fn settle(visit: &mut Visit, endpoint: &WorkerEndpoint, reached: &Reached) {
    let now = visit.entry.enter(Phase::Policy);
    let status = reached.response.status();
    if let Some(attempt) = visit.entry.attempts.last_mut() {
        attempt.first_byte = Some(now.saturating_duration_since(attempt.started));
        attempt.status = Some(status.as_u16());
    }
    endpoint.health.succeeded();
}

fn note_retried_status(visit: &mut Visit) {
    if let Some(attempt) = visit.entry.attempts.last_mut() {
        attempt.flag = ResponseFlag::RetriedStatus;
        attempt.total = attempt.first_byte;
    }
}

/// Writes a failed try down and lets the endpoint's health know of it.
fn end_attempt(
    visit: &mut Visit,
    at: Option<(&Rc<WorkerBackend>, &Rc<WorkerEndpoint>)>,
    error: ProxyError,
) -> ProxyError {
    if let Some(attempt) = visit.entry.attempts.last_mut() {
        attempt.flag = error.flag;
        attempt.total = Some(attempt.started.elapsed());
    }
    let worker = visit.entry.worker();
    if let Some((backend, endpoint)) = at
        && error.side() == clearway_telemetry::Side::Upstream
        && endpoint.health.failed(&worker.options.outlier)
    {
        worker.ledger.ejected(&backend.telemetry);
    }
    error
}

fn timed_out(visit: &mut Visit, flag: ResponseFlag) -> ProxyError {
    let error = ProxyError::refuse(flag, "the rule's request timeout passed");
    if visit.entry.attempts.last().is_some_and(|attempt| attempt.total.is_none()) {
        return end_attempt(visit, None, error);
    }
    error
}
