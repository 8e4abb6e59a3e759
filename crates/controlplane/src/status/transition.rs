//! Which change of a status is worth an Event: a refusal that is new, and the end of one. Pure.
//!
//! The stored status is the memory, so a new leader repeats nothing.

use clearway_k8s::conditions::{reasons, types};
use serde_json::Value;

use super::conditions::{find, kind, text};
use super::merge::{Scene, our_conditions};

/// A change that people should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transition {
    /// Whether something is refused; otherwise it is well again.
    pub(crate) refused: bool,
    /// The condition's reason.
    pub(crate) reason: String,
    /// What happened, in a sentence.
    pub(crate) note: String,
}

/// Conditions that are bad news when they hold.
const BAD_NEWS: &[&str] =
    &[types::CONFLICTED, types::PARTIALLY_INVALID, types::INSECURE_FRONTEND_VALIDATION_MODE];
/// Reasons of what has not happened yet: no news while nothing was well before.
const NOT_YET: &[&str] = &[reasons::PENDING, reasons::ADDRESS_NOT_ASSIGNED];

/// Compares what stood there with what is written.
pub(crate) fn transitions(before: &Value, after: &Value, scene: Scene<'_>) -> Vec<Transition> {
    let stood = our_conditions(before, scene);
    let mut found = Vec::new();
    for (about, list) in our_conditions(after, scene) {
        let old = stood.iter().find(|(name, _)| *name == about).map_or(&[][..], |(_, list)| list);
        let news = list.iter().filter_map(|now| compare(find(old, kind(now)), now, &about));
        found.extend(news);
        let gone = old.iter().filter(|old| is_bad(old) && BAD_NEWS.contains(&kind(old)));
        let gone = gone.filter(|old| find(list, kind(old)).is_none());
        found.extend(gone.map(|old| Transition {
            refused: false,
            reason: format!("Not{}", kind(old)),
            note: sentence(&about, &format!("{} is over.", kind(old))),
        }));
    }
    found
}

fn compare(old: Option<&Value>, now: &Value, about: &str) -> Option<Transition> {
    let was_bad = old.is_some_and(is_bad);
    let news = |refused: bool, words: String| Transition {
        refused,
        reason: text(now, "reason").to_owned(),
        note: sentence(about, &words),
    };
    if is_bad(now) {
        let known = was_bad && old.is_some_and(|old| text(old, "reason") == text(now, "reason"));
        let was_well = old.is_some_and(|old| text(old, "status") == "True");
        let not_yet = NOT_YET.contains(&text(now, "reason")) && !was_well;
        return (!known && !not_yet).then(|| news(true, text(now, "message").to_owned()));
    }
    was_bad.then(|| {
        news(false, format!("{} is {} again. {}", kind(now), text(now, "status"), text(now, "message")))
    })
}

fn is_bad(condition: &Value) -> bool {
    let bad = if BAD_NEWS.contains(&kind(condition)) { "True" } else { "False" };
    text(condition, "status") == bad
}

fn sentence(about: &str, words: &str) -> String {
    if about.is_empty() { words.trim().to_owned() } else { format!("{about}: {}", words.trim()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::merge::{PARENTS, Shape};
    use serde_json::json;

    fn gateway(conditions: &[(&str, &str, &str)]) -> Value {
        let list: Vec<Value> = conditions
            .iter()
            .map(|(kind, status, reason)| json!({"type": kind, "status": status, "reason": reason, "message": "Why."}))
            .collect();
        json!({ "conditions": list })
    }

    fn told(before: &[(&str, &str, &str)], after: &[(&str, &str, &str)]) -> Vec<(bool, String)> {
        let scene = Scene { shape: Shape::Whole, controller: "c", namespace: "n", now: "" };
        let found = transitions(&gateway(before), &gateway(after), scene);
        found.into_iter().map(|one| (one.refused, one.reason)).collect()
    }

    #[test]
    fn only_new_refusals_and_recoveries_are_told() {
        let well = ("Accepted", "True", "Accepted");
        let bad = ("Accepted", "False", "Invalid");
        let worse = ("Accepted", "False", "InvalidParameters");
        let unknown = ("Accepted", "Unknown", "Pending");
        let refused = |reason: &str| vec![(true, reason.to_owned())];
        let fine = |reason: &str| vec![(false, reason.to_owned())];
        assert_eq!(told(&[], &[well]), []);
        assert_eq!(told(&[unknown], &[well]), []);
        assert_eq!(told(&[], &[bad]), refused("Invalid"));
        assert_eq!(told(&[well], &[bad]), refused("Invalid"));
        assert_eq!(told(&[bad], &[bad]), []);
        assert_eq!(told(&[bad], &[worse]), refused("InvalidParameters"));
        assert_eq!(told(&[bad], &[well]), fine("Accepted"));
        let waiting = ("Programmed", "False", "AddressNotAssigned");
        assert_eq!(told(&[], &[waiting]), [], "it has only just been made");
        assert_eq!(told(&[("Programmed", "True", "Programmed")], &[waiting]), refused("AddressNotAssigned"));
        let partly = ("PartiallyInvalid", "True", "UnsupportedValue");
        assert_eq!(told(&[], &[partly]), refused("UnsupportedValue"));
        assert_eq!(told(&[partly], &[]), fine("NotPartiallyInvalid"));
        assert_eq!(
            told(&[("Conflicted", "True", "HostnameConflict")], &[("Conflicted", "False", "NoConflicts")]),
            fine("NoConflicts")
        );
    }

    #[test]
    fn the_sentence_says_what_it_is_about() {
        let scene = Scene { shape: PARENTS, controller: "c", namespace: "n", now: "" };
        let entry = |status: &str| {
            json!({"parents": [{"controllerName": "c", "parentRef": {"name": "web"},
                "conditions": [{"type": "ResolvedRefs", "status": status, "reason": "BackendNotFound", "message": "Make it."}]}]})
        };
        let found = transitions(&entry("True"), &entry("False"), scene);
        assert_eq!(found[0].note, "Gateway n/web: Make it.");
        let found = transitions(&entry("False"), &entry("True"), scene);
        assert_eq!(found[0].note, "Gateway n/web: ResolvedRefs is True again. Make it.");
    }
}
