//! From what stands in a status and what is wanted there to what is written: pure, and nothing when both say the same.
//!
//! The status writer calls [`merge`] with the status of a watch or of a fresh read. What always holds: entries and
//! conditions of others stay, stale ones of ours go, and comparison is blind to order and time.

use serde_json::{Map, Value};

use super::conditions;

/// What a kind's status looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Conditions and other fields of its own: GatewayClass, Gateway, ListenerSet. They have one controller.
    Whole,
    /// A list with one entry for each controller and reference: routes and policies.
    Entries {
        /// The list.
        list: &'static str,
        /// The reference in each entry.
        reference: &'static str,
        /// Most entries that the API takes.
        most: usize,
    },
}

/// Routes.
pub(crate) const PARENTS: Shape = Shape::Entries { list: "parents", reference: "parentRef", most: 32 };
/// Policies.
pub(crate) const ANCESTORS: Shape = Shape::Entries { list: "ancestors", reference: "ancestorRef", most: 16 };

/// What `merge` needs besides the two statuses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    /// What the status looks like.
    pub(crate) shape: Shape,
    /// Our name.
    pub(crate) controller: &'a str,
    /// Namespace of the object: references may leave it out.
    pub(crate) namespace: &'a str,
    /// The time, as conditions hold it.
    pub(crate) now: &'a str,
}

/// The status to write; `None` when nothing is to be written. `wanted` is `None` when nothing of ours should be there.
pub(crate) fn merge(current: &Value, wanted: Option<&Value>, scene: Scene<'_>) -> Option<Value> {
    match scene.shape {
        Shape::Whole => whole(current, wanted?, scene.now),
        Shape::Entries { .. } => entries(current, wanted, scene),
    }
}

/// Whether the plan is older than what stands there already: another leader has seen a newer spec than this plan has.
/// A generation that the object itself has not reached is nobody's, and is overwritten.
pub(crate) fn is_behind(current: &Value, wanted: &Value, object_generation: i64, scene: Scene<'_>) -> bool {
    let of = |status: &Value| match scene.shape {
        Shape::Whole => conditions::generation(array(status, "conditions")),
        Shape::Entries { list, .. } => {
            let ours = array(status, list).iter().filter(|entry| is_ours(entry, scene.controller));
            ours.filter_map(|entry| conditions::generation(array(entry, "conditions"))).max()
        }
    };
    match (of(current), of(wanted)) {
        (Some(stands), Some(planned)) => planned < stands && stands <= object_generation,
        _ => false,
    }
}

/// Lists of conditions in a status that are ours, each with what they are about: for Events and gauges.
pub(crate) fn our_conditions<'v>(status: &'v Value, scene: Scene<'_>) -> Vec<(String, &'v [Value])> {
    match scene.shape {
        Shape::Whole => {
            let own = (String::new(), array(status, "conditions"));
            let listeners = array(status, "listeners").iter().map(|listener| {
                (format!("listener {}", conditions::text(listener, "name")), array(listener, "conditions"))
            });
            std::iter::once(own).chain(listeners).collect()
        }
        Shape::Entries { list, reference, .. } => array(status, list)
            .iter()
            .filter(|entry| is_ours(entry, scene.controller))
            .map(|entry| (about(&entry[reference], scene.namespace), array(entry, "conditions")))
            .collect(),
    }
}

/// A list of a map; empty when it is absent.
pub(crate) fn array<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn whole(current: &Value, wanted: &Value, now: &str) -> Option<Value> {
    let mut status = current.as_object().cloned().unwrap_or_default();
    let mut changed = false;
    for (key, value) in wanted.as_object().into_iter().flatten() {
        let (next, same) = match key.as_str() {
            "conditions" => merged_conditions(current, wanted, now),
            "listeners" => listeners(array(current, key), array(wanted, key), now),
            _ => (value.clone(), same_field(current.get(key), value)),
        };
        if !same {
            status.insert(key.clone(), next);
            changed = true;
        } else {
            // What is as good as absent is no reason to write, and stands there when something else is one.
            status.entry(key.clone()).or_insert(next);
        }
    }
    changed.then_some(Value::Object(status))
}

fn merged_conditions(current: &Value, wanted: &Value, now: &str) -> (Value, bool) {
    let stands = array(current, "conditions");
    let merged = conditions::merge(stands, array(wanted, "conditions"), now);
    let same = conditions::same(stands, &merged);
    (merged.into(), same)
}

/// Listeners have one controller, so the list is ours; conditions of others in it stay.
fn listeners(current: &[Value], wanted: &[Value], now: &str) -> (Value, bool) {
    let mut same = current.len() == wanted.len();
    let merged = wanted.iter().map(|listener| {
        let name = conditions::text(listener, "name");
        let before = current.iter().find(|one| conditions::text(one, "name") == name).unwrap_or(&Value::Null);
        match whole(before, listener, now) {
            Some(next) => {
                same = false;
                next
            }
            None => before.clone(),
        }
    });
    let merged: Vec<Value> = merged.collect();
    (merged.into(), same)
}

/// Equal; an empty list is as good as none, and lists have no order.
fn same_field(current: Option<&Value>, wanted: &Value) -> bool {
    match (current, wanted) {
        (None, Value::Null) => true,
        (None, Value::Array(items)) => items.is_empty(),
        (None, Value::Number(number)) => number.as_i64() == Some(0),
        (Some(Value::Array(a)), Value::Array(b)) => {
            a.len() == b.len() && a.iter().all(|one| b.contains(one)) && b.iter().all(|one| a.contains(one))
        }
        (current, wanted) => current == Some(wanted),
    }
}

fn entries(current: &Value, wanted: Option<&Value>, scene: Scene<'_>) -> Option<Value> {
    let Shape::Entries { list, reference, most } = scene.shape else { return None };
    let stands = array(current, list);
    let foreign = stands.iter().filter(|entry| !is_ours(entry, scene.controller)).count();
    let planned = wanted.map_or(&[][..], |wanted| array(wanted, list));
    let mut left: Vec<&Value> = planned.iter().take(most.saturating_sub(foreign)).collect();
    let mut changed = false;
    let mut merged = Vec::new();
    for entry in stands {
        if !is_ours(entry, scene.controller) {
            merged.push(entry.clone());
            continue;
        }
        let key = key(&entry[reference], scene.namespace);
        let Some(at) = left.iter().position(|one| self::key(&one[reference], scene.namespace) == key) else {
            changed = true;
            continue;
        };
        let (next, same) = entry_of(entry, left.remove(at), scene.now);
        changed |= !same;
        merged.push(next);
    }
    changed |= !left.is_empty();
    merged.extend(left.into_iter().map(|entry| entry_of(&Value::Null, entry, scene.now).0));
    if !changed {
        return None;
    }
    let mut status: Map<String, Value> = current.as_object().cloned().unwrap_or_default();
    status.insert(list.to_owned(), merged.into());
    Some(Value::Object(status))
}

fn entry_of(current: &Value, wanted: &Value, now: &str) -> (Value, bool) {
    let (conditions, same) = merged_conditions(current, wanted, now);
    let mut next = wanted.clone();
    next["conditions"] = conditions;
    (if same { current.clone() } else { next }, same)
}

fn is_ours(entry: &Value, controller: &str) -> bool {
    conditions::text(entry, "controllerName") == controller
}

/// A reference with the defaults of the API filled in: the apiserver may have done the same.
fn key<'v>(reference: &'v Value, namespace: &'v str) -> (&'v str, &'v str, &'v str, &'v str, &'v str, i64) {
    let text = |key: &str, default: &'v str| reference.get(key).and_then(Value::as_str).unwrap_or(default);
    (
        text("group", clearway_k8s::GATEWAY_GROUP),
        text("kind", "Gateway"),
        text("namespace", namespace),
        text("name", ""),
        text("sectionName", ""),
        reference.get("port").and_then(Value::as_i64).unwrap_or_default(),
    )
}

fn about(reference: &Value, namespace: &str) -> String {
    let (_, kind, namespace, name, section, port) = key(reference, namespace);
    let mut text = format!("{kind} {namespace}/{name}");
    if !section.is_empty() {
        text.push_str(&format!(", listener {section}"));
    }
    if port > 0 {
        text.push_str(&format!(", port {port}"));
    }
    text
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
