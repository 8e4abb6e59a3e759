//! The corridor: the rooms in their order. Early answers leave it at once; what reaches the switchyard comes back with a
//! backend's response or with the error of the last try.

use clearway_telemetry::{Phase, ResponseFlag};
use http::{HeaderMap, Response, StatusCode};

use super::serve::Visit;
use super::{respond, tries, upgrade};
use crate::body::{DownBody, Upload};
use crate::error::{ProxyError, Result};
use crate::live::CompiledFilters;
use crate::{gate, signpost, switchyard, wardrobe};

/// How the corridor was left.
pub(crate) enum Answer {
    /// The gateway's own answer, without a backend.
    Own { status: StatusCode, headers: HeaderMap, flag: ResponseFlag },
    /// A backend's.
    Upstream(Box<Crossed>),
}

/// A response from the other side, with the connection that it comes over.
pub(crate) struct Crossed {
    pub(crate) reached: Box<tries::Reached>,
    pub(crate) upload: Upload,
    pub(crate) deadline: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
    pub(crate) upgrade: Option<hyper::upgrade::OnUpgrade>,
    /// Values that CORS adds to the response.
    pub(crate) cors: HeaderMap,
    /// Index of the chosen backend among the rule's.
    pub(crate) choice: usize,
}

/// Leads a request through the rooms.
///
/// # Errors
/// Whatever ends it without a backend's response; [`respond::refusal`] makes the answer of it.
pub(crate) async fn corridor(visit: &mut Visit) -> Result<Answer> {
    gate::admit(visit)?;
    let spot = signpost::find(visit)?;
    visit.entry.enter(Phase::Policy);
    let local = spot.rule.clone();
    let rule = &*local.rule;
    supported(&rule.filters)?;
    let cors = match wardrobe::cors::apply(visit, &rule.filters) {
        wardrobe::cors::Outcome::Answer(headers) => {
            return Ok(Answer::Own {
                status: StatusCode::NO_CONTENT,
                headers,
                flag: ResponseFlag::CorsPreflight,
            });
        }
        wardrobe::cors::Outcome::Continue(headers) => headers,
    };
    if let Some(redirect) = &rule.filters.redirect {
        let (status, headers) = wardrobe::redirect::answer(visit, redirect, &spot)?;
        return Ok(Answer::Own { status, headers, flag: ResponseFlag::Redirect });
    }
    let choice = switchyard::draw(rule, &mut visit.entry.worker().rng.borrow_mut())?;
    let upgrade = upgrade::take(visit);
    let chosen = rule
        .choices
        .get(choice)
        .ok_or_else(|| ProxyError::refuse(ResponseFlag::Internal, "a choice that the rule does not have"))?;
    supported(&chosen.filters)?;
    wardrobe::request::dress(visit, &spot, [&rule.filters, &chosen.filters], upgrade.is_some())?;
    visit.spot = Some(spot);
    let mut crossed = tries::cross(visit, choice).await?;
    crossed.upgrade = upgrade;
    crossed.cors = cors;
    Ok(Answer::Upstream(Box::new(crossed)))
}

/// A filter that cannot be applied refuses the request: it must not pass unfiltered.
fn supported(filters: &CompiledFilters) -> Result<()> {
    match &filters.unsupported {
        None => Ok(()),
        Some(kind) => Err(ProxyError::refuse(
            ResponseFlag::FilterUnsupported,
            format!("filter {kind} cannot be applied; see `clearway check`"),
        )),
    }
}

impl Answer {
    /// The response to the client; the exchange goes on in its body.
    pub(crate) fn into_response(self, visit: Visit) -> Response<DownBody> {
        match self {
            Self::Own { status, headers, flag } => respond::own(visit, status, headers, flag),
            Self::Upstream(crossed) => respond::upstream(visit, *crossed),
        }
    }
}
