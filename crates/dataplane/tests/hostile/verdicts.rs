//! What is said of an object, compared with what must be said.

use clearway_k8s::Condition;
use clearway_model::{ObjectRef, RouteKind, RouteRef};
use clearway_testkit::hostile::{Case, Expected, Place, Told};
use clearway_translate::Translation;

/// Everything that is not said of a case as it must be.
pub(crate) fn wrong(case: &Case, translation: &Translation) -> Vec<String> {
    let judge = |expected: &Expected| {
        let seen = judge(expected, translation).err()?;
        let Expected { kind, namespace, name, told, about } = expected;
        let name: String = name.chars().take(80).collect();
        Some(format!(
            "{} ({}): {kind} {namespace}/{name} must say {told:?} about `{about}`: {seen}",
            shown(&case.name),
            case.family
        ))
    };
    case.expected.iter().filter_map(judge).collect()
}

fn shown(name: &str) -> String {
    name.chars().take(80).collect()
}

fn judge(expected: &Expected, translation: &Translation) -> Result<(), String> {
    match &expected.told {
        Told::Nothing => match entries(expected, translation) {
            None => Ok(()),
            Some(entries) if entries.iter().all(Vec::is_empty) => Ok(()),
            Some(entries) => Err(format!("it has a status: {entries:?}")),
        },
        Told::Problem { reason } => {
            let mine: Vec<String> = translation
                .problems
                .iter()
                .filter(|problem| {
                    problem.object.kind == expected.kind
                        && problem.object.namespace == expected.namespace
                        && problem.object.name == expected.name
                })
                .map(|problem| format!("{} {}: {}", problem.reason, problem.field, problem.message))
                .collect();
            let told = |text: &String| {
                text.split_once(' ')
                    .is_some_and(|(found, rest)| found == reason && rest.contains(&expected.about))
            };
            if mine.iter().any(told) { Ok(()) } else { Err(format!("problems are {mine:?}")) }
        }
        Told::Condition { place, kind, status, reason } => {
            let conditions = conditions(expected, place, translation).ok_or("there is no such status")?;
            let found = conditions.iter().find(|condition| condition.kind == *kind);
            let found = found.ok_or_else(|| format!("there is no such condition: {}", line(&conditions)))?;
            let same = format!("{:?}", found.status) == *status && found.reason == *reason;
            let fits = same && found.message.contains(&expected.about) && found.observed_generation == 1;
            if fits { Ok(()) } else { Err(line(&conditions)) }
        }
    }
}

fn line(conditions: &[Condition]) -> String {
    let each = conditions.iter().map(|condition| {
        let message: String = condition.message.chars().take(200).collect();
        format!("{}={:?}/{} ({message})", condition.kind, condition.status, condition.reason)
    });
    each.collect::<Vec<_>>().join("; ")
}

fn conditions(expected: &Expected, place: &Place, translation: &Translation) -> Option<Vec<Condition>> {
    let plan = &translation.status;
    let key = ObjectRef::new(expected.namespace.as_str(), expected.name.as_str());
    match (place, expected.kind.as_str()) {
        (Place::Entry(index), _) => entries(expected, translation)?.get(*index).cloned(),
        (Place::Object, "GatewayClass") => {
            plan.classes.get(&expected.name).map(|class| class.conditions.clone())
        }
        (Place::Object, "Gateway") => plan.gateways.get(&key).map(|gateway| gateway.conditions.clone()),
        (Place::Object, "ListenerSet") => plan.listener_sets.get(&key).map(|set| set.conditions.clone()),
        (Place::Listener(name), kind) => {
            let listeners = match kind {
                "Gateway" => &plan.gateways.get(&key)?.listeners,
                _ => &plan.listener_sets.get(&key)?.listeners,
            };
            let found = listeners.iter().find(|listener| listener.name == *name);
            found.map(|listener| listener.conditions.clone())
        }
        (Place::Object, _) => None,
    }
}

/// Lists of conditions that are said of an object as a whole, or of its parents or ancestors.
fn entries(expected: &Expected, translation: &Translation) -> Option<Vec<Vec<Condition>>> {
    let plan = &translation.status;
    let key = ObjectRef::new(expected.namespace.as_str(), expected.name.as_str());
    let routes = [RouteKind::Http, RouteKind::Grpc, RouteKind::Tls, RouteKind::Tcp, RouteKind::Udp];
    match expected.kind.as_str() {
        "GatewayClass" | "Gateway" | "ListenerSet" => {
            Some(vec![conditions(expected, &Place::Object, translation)?])
        }
        "BackendTLSPolicy" => {
            let ancestors = &plan.tls_policies.get(&key)?.ancestors;
            Some(ancestors.iter().map(|ancestor| ancestor.conditions.clone()).collect())
        }
        "ObservabilityPolicy" => {
            let ancestors = &plan.observability_policies.get(&key)?.ancestors;
            Some(ancestors.iter().map(|ancestor| ancestor.conditions.clone()).collect())
        }
        kind => {
            let kind = routes.into_iter().find(|route| route.as_str() == kind)?;
            let parents = &plan.routes.get(&RouteRef { kind, object: key })?.parents;
            Some(parents.iter().map(|parent| parent.conditions.clone()).collect())
        }
    }
}
