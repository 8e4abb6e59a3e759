//! GatewayClasses: which are ours, and which of those are accepted.

use std::collections::BTreeMap;

use clearway_k8s::Condition;
use clearway_k8s::conditions::{reasons, types};
use clearway_k8s::gateway::GatewayClass;

use crate::Options;
use crate::features::SUPPORTED_FEATURES;
use crate::problem::{ObjectName, Problems, Refusal};
use crate::status::{ClassStatus, StatusPlan};
use crate::world::World;

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
        let supported_features = if refusal.is_none() { SUPPORTED_FEATURES.to_vec() } else { Vec::new() };
        status.classes.insert(name.clone(), ClassStatus { conditions: vec![condition], supported_features });
    }
    ours
}

fn refusal(class: &GatewayClass) -> Option<Refusal> {
    let parameters = class.spec.parameters_ref.as_ref()?;
    let message = format!("{} {} is not known; remove parametersRef", parameters.kind, parameters.name);
    Some(Refusal::new(reasons::INVALID_PARAMETERS, "spec.parametersRef", message))
}
