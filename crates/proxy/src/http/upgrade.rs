//! Upgrades (RFC 9110 section 7.8): WebSocket and whatever else client and backend agree on. After 101 the bytes go
//! through untouched; the exchange lasts as long as the tunnel.

use clearway_telemetry::{AnsweredBy, Phase};
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::exchange::Crossed;
use super::serve::Visit;
use crate::body::DownBody;
use crate::ledger::Entry;
use crate::wardrobe::{self, hop_by_hop};

/// The client's end of an upgrade, when the request asks for one.
pub(crate) fn take(visit: &mut Visit) -> Option<OnUpgrade> {
    let headers = &visit.parts.headers;
    // HTTP/2 in clear text begins by prior knowledge here; its upgrade is obsolete (RFC 9113 section 3.1) and would be
    // a tunnel past every rule, so the request is served as it is.
    let h2c = headers
        .get_all(UPGRADE)
        .iter()
        .any(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"h2c"));
    let asks = headers.contains_key(UPGRADE) && names_upgrade(headers) && !h2c;
    if asks { visit.parts.extensions.remove::<OnUpgrade>() } else { None }
}

fn names_upgrade(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|list| hop_by_hop::tokens(list).any(|token| token.eq_ignore_ascii_case("upgrade")))
}

/// Passes a 101 on and joins the two connections behind it.
pub(crate) fn switch(mut visit: Visit, mut crossed: Crossed) -> Response<DownBody> {
    let Some(client) = crossed.upgrade.take() else {
        // A backend that switches unasked has broken the protocol.
        let error = crate::error::ProxyError::sent(
            clearway_telemetry::ResponseFlag::UpstreamMalformed,
            "101 without an upgrade in the request",
        );
        return super::respond::refusal(visit, &error);
    };
    let backend = hyper::upgrade::on(&mut crossed.reached.response);
    let super::tries::Reached { response, lease, in_flight } = *crossed.reached;
    let (mut parts, _) = response.into_parts();
    let agreed = parts.headers.get(UPGRADE).cloned();
    let id = visit.entry.request.request_id.clone();
    if let Some(spot) = &visit.spot {
        let cors = std::mem::take(&mut crossed.cors);
        wardrobe::response::dress(&mut parts.headers, &spot.rule.rule, crossed.choice, cors, id);
    }
    parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(agreed) = agreed {
        parts.headers.insert(UPGRADE, agreed);
    }
    let response = &mut visit.entry.response;
    (response.status, response.answered_by) =
        (StatusCode::SWITCHING_PROTOCOLS.as_u16(), AnsweredBy::Upstream);
    response.upgraded = true;
    let mut answer = Response::new(DownBody::nothing());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = parts.headers;
    tokio::task::spawn_local(async move {
        tunnel(visit.entry, client, backend).await;
        drop((lease, in_flight));
    });
    answer
}

async fn tunnel(mut entry: Entry, client: OnUpgrade, backend: OnUpgrade) {
    entry.enter(Phase::Body);
    let worker = entry.worker().clone();
    worker.tunnels.set(worker.tunnels.get() + 1);
    let joined = async {
        let (client, backend) = tokio::try_join!(client, backend).ok()?;
        let (mut client, mut backend) = (TokioIo::new(client), TokioIo::new(backend));
        tokio::io::copy_bidirectional(&mut client, &mut backend).await.ok()
    };
    let copied = tokio::select! {
        copied = joined => copied,
        // Tunnels have no end that could be waited for: a drain cuts them off at its deadline.
        () = worker.clone().cut_off() => None,
    };
    worker.tunnels.set(worker.tunnels.get().saturating_sub(1));
    if worker.cut_off.get() {
        // Dropped unfinished, it is written as drained.
        return;
    }
    if let Some((up, down)) = copied {
        (entry.bytes_received, entry.bytes_sent) = (up, down);
    }
    if let Some(attempt) = entry.attempts.last_mut() {
        attempt.total = Some(attempt.started.elapsed());
    }
    entry.finish();
}
