//! GatewayClasses: which are ours, and which of those are accepted.

use std::collections::BTreeMap;

use clearway_k8s::Condition;
use clearway_k8s::conditions::{reasons, types};
use clearway_k8s::gateway::GatewayClass;

use crate::Options;
use crate::features;
use crate::problem::{ObjectName, Problems, Refusal};
use crate::status::{ClassStatus, StatusPlan};
use crate::world::{InstalledApi, World};

/// The bundle of Gateway API CRDs that is tested.
const SUPPORTED_BUNDLE: &str = "v1.6";

/// Names of our classes, each with whether it is accepted.
pub(crate) type Classes<'w> = BTreeMap<&'w str, bool>;

pub(crate) fn accept<'w>(
    world: &'w World,
    options: &Options,
    status: &mut StatusPlan,
    problems: &mut Problems,
) -> Classes<'w> {
    let mut ours = Classes::new();
    for (name, class) in &world.classes {
        if class.spec.controller_name != options.controller_name {
            continue;
        }
        let refusal = refusal(class);
        if let Some(refusal) = &refusal {
            problems.error(&ObjectName::new("GatewayClass", "", name), refusal);
        }
        ours.insert(name, refusal.is_none());
        let generation = class.metadata.generation;
        let condition = match &refusal {
            None => {
                Condition::new(types::ACCEPTED, true, reasons::ACCEPTED, "Served by Clearway.", generation)
            }
            Some(refusal) => {
                Condition::new(types::ACCEPTED, false, refusal.reason, refusal.message.as_str(), generation)
            }
        };
        let supported_features = if refusal.is_none() {
            features::available(world.api.as_ref(), options.exposure)
        } else {
            Vec::new()
        };
        let mut conditions = vec![condition];
        conditions.extend(world.api.as_ref().map(|api| supported_version(api, generation)));
        status.classes.insert(name.clone(), ClassStatus { conditions, supported_features });
    }
    ours
}

/// Another version of the CRDs is served as well as it can be: fields that are not known are named, not guessed.
fn supported_version(api: &InstalledApi, generation: i64) -> Condition {
    let version = api.bundle_version.as_str();
    let holds =
        version.strip_prefix(SUPPORTED_BUNDLE).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let (reason, message) = if holds {
        (reasons::SUPPORTED_VERSION, format!("Gateway API CRDs {version} are installed."))
    } else {
        let shown = if version.is_empty() { "of an unknown version" } else { version };
        let message = format!(
            "Gateway API CRDs {shown} are installed and served as well as possible; {SUPPORTED_BUNDLE} is what is tested, \
             install it to be sure."
        );
        (reasons::UNSUPPORTED_VERSION, message)
    };
    Condition::new(types::SUPPORTED_VERSION, holds, reason, message, generation)
}

fn refusal(class: &GatewayClass) -> Option<Refusal> {
    let parameters = class.spec.parameters_ref.as_ref()?;
    let message = format!("{} {} is not known; remove parametersRef", parameters.kind, parameters.name);
    Some(Refusal::new(reasons::INVALID_PARAMETERS, "spec.parametersRef", message))
}
