//! What the plan cannot know: resources that a data plane refuses, and Gateways whose Service cannot be made. It is
//! written into the plan as `Programmed=False`. Pure.

use std::collections::{BTreeMap, BTreeSet};

use clearway_k8s::conditions::{reasons, types};
use clearway_model::{BackendRef, ListenerRef, ListenerTls, ObjectRef, Rule, Snapshot};
use clearway_xds::{ResourceFault, ResourceRef};
use serde_json::Value;

use super::conditions::set_false;
use super::merge::Shape;
use super::target::Target;
use crate::services::Refusals;

/// Something to say of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Note {
    /// The listener it is about; `None` is the whole object.
    pub(crate) listener: Option<String>,
    /// Reason of the condition.
    pub(crate) reason: String,
    /// What is wrong, and what to do.
    pub(crate) message: String,
}

/// Notes by object.
pub(crate) type Notes = BTreeMap<Target, Vec<Note>>;

/// Collects the notes of a moment.
pub(crate) fn collect<'f>(
    faults: impl Iterator<Item = &'f ResourceFault>,
    snapshot: &Snapshot,
    refusals: &Refusals,
) -> Notes {
    let mut notes = Notes::new();
    for (gateway, refusal) in refusals {
        add(&mut notes, Target::new("Gateway", gateway.clone()), None, refusal.reason, &refusal.message);
    }
    for fault in faults {
        let message = format!("A data plane does not take it: {}", fault.message);
        match fault.resource() {
            Some(ResourceRef::Listener(listener)) => of_listener(&mut notes, &listener, &message),
            Some(ResourceRef::Rule(rule)) => {
                let message = format!("A data plane does not take rule {}: {}", rule.label(), fault.message);
                add(&mut notes, Target::route(&rule.route), None, reasons::INVALID, &message);
            }
            Some(ResourceRef::Certificate(secret)) => {
                let message = format!(
                    "A data plane does not take the certificate in Secret {secret}: {}",
                    fault.message
                );
                let users =
                    snapshot.listeners.values().filter(|listener| uses(listener.tls.as_ref(), &secret));
                users.for_each(|listener| of_listener(&mut notes, &listener.listener, &message));
            }
            Some(ResourceRef::Backend(backend)) => {
                let message = format!("A data plane does not take {backend}: {}", fault.message);
                for rule in snapshot.rules.values().filter(|rule| leads_to(rule, &backend)) {
                    add(&mut notes, Target::route(&rule.rule.route), None, reasons::INVALID, &message);
                }
            }
            None => {
                tracing::warn!(resource = %fault.name, "A data plane refuses a resource that nobody sent.")
            }
        }
    }
    for list in notes.values_mut() {
        list.sort();
        list.dedup();
    }
    notes
}

/// Targets about which the notes of two moments differ.
pub(crate) fn changed(before: &Notes, now: &Notes) -> BTreeSet<Target> {
    let all = before.keys().chain(now.keys());
    all.filter(|target| before.get(target) != now.get(target)).cloned().collect()
}

/// Writes notes into what is planned for an object.
pub(crate) fn apply(planned: &mut Value, shape: Shape, notes: &[Note]) {
    for note in notes {
        match (shape, &note.listener) {
            (Shape::Whole, Some(name)) => {
                let listeners =
                    planned.get_mut("listeners").and_then(Value::as_array_mut).into_iter().flatten();
                let is_it = |one: &&mut Value| one.get("name").and_then(Value::as_str) == Some(name);
                listeners.filter(is_it).for_each(|listener| say(listener, note));
                let whole = Note { message: format!("Listener {name}: {}", note.message), ..note.clone() };
                say(planned, &whole);
            }
            (Shape::Whole, None) => say(planned, note),
            (Shape::Entries { list, .. }, _) => {
                let entries = planned.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
                entries.for_each(|entry| say(entry, note));
            }
        }
    }
}

fn say(holder: &mut Value, note: &Note) {
    if let Some(conditions) = holder.get_mut("conditions").and_then(Value::as_array_mut) {
        set_false(conditions, types::PROGRAMMED, &note.reason, &note.message);
    }
}

fn of_listener(notes: &mut Notes, listener: &ListenerRef, message: &str) {
    let target = match &listener.set {
        Some(set) => Target::new("ListenerSet", set.clone()),
        None => Target::new("Gateway", listener.gateway.clone()),
    };
    add(notes, target, Some(&listener.name), reasons::INVALID, message);
}

fn add(notes: &mut Notes, target: Option<Target>, listener: Option<&str>, reason: &str, message: &str) {
    let note = Note {
        listener: listener.map(str::to_owned),
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    if let Some(target) = target {
        notes.entry(target).or_default().push(note);
    }
}

fn uses(tls: Option<&ListenerTls>, secret: &ObjectRef) -> bool {
    tls.is_some_and(|tls| tls.certificates.contains(secret))
}

fn leads_to(rule: &Rule, backend: &BackendRef) -> bool {
    rule.backends.iter().any(|entry| entry.target.as_ref().is_ok_and(|target| target == backend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::Refusal;
    use crate::status::merge::PARENTS;
    use serde_json::json;

    fn fault(resource: &ResourceRef) -> ResourceFault {
        ResourceFault::new(resource, "no such cipher")
    }

    #[test]
    fn a_refused_listener_is_not_programmed_and_neither_is_its_gateway() {
        let listener = ListenerRef::new(ObjectRef::new("n", "edge"), "web");
        let notes =
            collect([fault(&ResourceRef::Listener(listener))].iter(), &Snapshot::default(), &Refusals::new());
        let target = Target::new("Gateway", ObjectRef::new("n", "edge")).unwrap();
        let programmed = json!([{"type": "Programmed", "status": "True", "reason": "Programmed", "observedGeneration": 3}]);
        let mut planned = json!({"conditions": programmed, "listeners": [{"name": "web", "conditions": programmed}, {"name": "other", "conditions": programmed}]});
        apply(&mut planned, target.shape(), &notes[&target]);
        let status =
            |path: &str| planned.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert_eq!(status("/conditions/0/status"), "False");
        assert_eq!(status("/listeners/0/conditions/0/reason"), "Invalid");
        assert_eq!(status("/listeners/1/conditions/0/status"), "True");
        assert!(
            status("/conditions/0/message")
                .contains("Listener web: A data plane does not take it: no such cipher")
        );
        assert_eq!(planned["conditions"][0]["observedGeneration"], 3);
    }

    #[test]
    fn a_listener_of_a_set_is_said_at_the_set() {
        let mut listener = ListenerRef::new(ObjectRef::new("n", "edge"), "web");
        listener.set = Some(ObjectRef::new("m", "more"));
        let notes =
            collect([fault(&ResourceRef::Listener(listener))].iter(), &Snapshot::default(), &Refusals::new());
        assert_eq!(notes.keys().map(ToString::to_string).collect::<Vec<_>>(), ["ListenerSet m/more"]);
    }

    #[test]
    fn a_refused_rule_is_said_at_every_parent_of_its_route() {
        let resource = ResourceRef::parse(clearway_xds::Kind::Rule, "HTTPRoute/n/r/2").unwrap();
        let notes = collect([fault(&resource)].iter(), &Snapshot::default(), &Refusals::new());
        let (target, list) = notes.first_key_value().unwrap();
        let mut planned = json!({"parents": [{"conditions": []}, {"conditions": []}]});
        apply(&mut planned, PARENTS, list);
        assert_eq!(target.to_string(), "HTTPRoute n/r");
        for parent in planned["parents"].as_array().unwrap() {
            assert_eq!(parent["conditions"][0]["type"], "Programmed");
            assert!(parent["conditions"][0]["message"].as_str().unwrap().contains("rule 2"));
        }
    }

    #[test]
    fn a_service_that_cannot_be_made_is_said_and_its_end_is_a_change() {
        let refusal = Refusal { reason: "NoResources", message: "Delete Service x.".to_owned() };
        let refusals = Refusals::from([(ObjectRef::new("n", "edge"), refusal)]);
        let notes = collect([].iter(), &Snapshot::default(), &refusals);
        assert_eq!(notes.len(), 1);
        assert_eq!(changed(&notes, &notes).len(), 0);
        assert_eq!(changed(&notes, &Notes::new()).len(), 1);
        assert_eq!(changed(&Notes::new(), &notes).len(), 1);
    }
}
