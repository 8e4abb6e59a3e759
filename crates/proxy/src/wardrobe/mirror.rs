//! Mirrors: copies that are sent and forgotten. A mirror never slows the original: it is given up when it falls behind.

use std::rc::Rc;
use std::time::Duration;

use clearway_telemetry::key::MirrorOutcome;
use clearway_telemetry::trace::new_span_id;
use http_body_util::BodyExt;

use super::request;
use crate::body::{UpBody, Upload};
use crate::bridge;
use crate::http::serve::Visit;
use crate::live::{CompiledFilters, CompiledMirror};
use crate::switchyard::{InFlight, WorkerBackend};
use crate::worker::Worker;

/// How long a copy may take, its answer included.
const LONGEST: Duration = Duration::from_secs(60);

/// Sends the copies that the filters ask for.
pub(crate) fn send_copies(visit: &Visit, filters: [&CompiledFilters; 2], upload: &Upload) {
    for mirror in filters.into_iter().flat_map(|filters| &filters.mirrors) {
        let worker = visit.entry.worker();
        if !is_drawn(mirror, &mut worker.rng.borrow_mut()) {
            continue;
        }
        let Some(backend) = mirror.backend.as_ref().ok().and_then(|index| visit.live.backends.get(*index))
        else {
            worker.ledger.mirrored(MirrorOutcome::Failed);
            continue;
        };
        if worker.mirrors.get() >= worker.options.limits.mirrors {
            worker.ledger.mirrored(MirrorOutcome::Dropped);
            continue;
        }
        let body = match upload {
            Upload::Shared(source) => {
                let mut source = source.borrow_mut();
                UpBody::Copy { tee: source.tee(), expected: source.size_hint().exact(), sent: 0 }
            }
            Upload::None | Upload::Direct(_) => UpBody::Empty,
        };
        launch(visit, worker, backend, body);
    }
}

fn is_drawn(mirror: &CompiledMirror, rng: &mut fastrand::Rng) -> bool {
    rng.u32(..mirror.fraction.denominator.max(1)) < mirror.fraction.numerator
}

fn launch(visit: &Visit, worker: &Rc<Worker>, backend: &Rc<WorkerBackend>, body: UpBody) {
    let http2 = backend.backend.protocol == clearway_model::BackendProtocol::Http2;
    let Ok(mut copy) = request::assemble_copy(visit, http2, body) else {
        return worker.ledger.mirrored(MirrorOutcome::Failed);
    };
    // The copy is part of the trace by a span id of its own that nobody records: it is not the request's try.
    let span = new_span_id(&mut worker.rng.borrow_mut());
    worker.ledger.propagation.inject(&visit.entry.trace, &span, copy.headers_mut());
    worker.mirrors.set(worker.mirrors.get() + 1);
    let (worker, backend) = (worker.clone(), backend.clone());
    tokio::task::spawn_local(async move {
        let sent = tokio::time::timeout(LONGEST, send_one(&worker, &backend, copy)).await;
        worker.ledger.mirrored(sent.unwrap_or(MirrorOutcome::Dropped));
        worker.mirrors.set(worker.mirrors.get().saturating_sub(1));
    });
}

async fn send_one(
    worker: &Rc<Worker>,
    backend: &Rc<WorkerBackend>,
    copy: http::Request<UpBody>,
) -> MirrorOutcome {
    let endpoint = backend.choose(&mut worker.rng.borrow_mut(), &[]).cloned();
    let Some(endpoint) = endpoint else { return MirrorOutcome::Failed };
    let _in_flight = InFlight::at(&endpoint);
    let Ok(mut lease) = bridge::checkout(worker, backend, &endpoint).await else {
        return MirrorOutcome::Failed;
    };
    let Ok(response) = bridge::send(&mut lease, copy).await else { return MirrorOutcome::Failed };
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return MirrorOutcome::Failed;
        }
    }
    lease.give_back();
    MirrorOutcome::Answered
}
