//! What must be said of an object, written as a short line.

use serde_json::Value;

/// Where in a status a condition stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `status.conditions`.
    Object,
    /// `status.listeners[]` of this name.
    Listener(String),
    /// `status.parents[]` or `status.ancestors[]` of ours, by position.
    Entry(usize),
}

/// What must be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A condition whose message holds `about`.
    Condition {
        /// Where.
        place: Place,
        /// Its type.
        kind: String,
        /// `True` or `False`.
        status: String,
        /// Its reason.
        reason: String,
    },
    /// A problem in `/config`; its field and message hold `about`.
    Problem {
        /// Its reason.
        reason: String,
    },
    /// It is none of our business: no status of ours.
    Nothing,
}

/// What must be told of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Kind.
    pub kind: String,
    /// Namespace; empty for kinds that have none.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// What.
    pub told: Told,
    /// Words that must stand there: a field, most often.
    pub about: String,
}

impl Expected {
    /// Reads a line about an object: `[place] Type=Status/Reason ~ words`, `problem Reason ~ words` or `nothing`. The place is a
    /// listener's name or the number of an entry; without one a route's or policy's first entry is meant, else the object.
    pub(super) fn of(object: &Value, line: &str) -> Self {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (head, about) = line.split_once(" ~ ").unwrap_or((line, ""));
        let kind = text("/kind");
        let told = match head.split_once(' ') {
            None if head == "nothing" => Told::Nothing,
            Some(("problem", reason)) => Told::Problem { reason: reason.to_owned() },
            _ => condition(&kind, head),
        };
        Self {
            kind,
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
            told,
            about: about.to_owned(),
        }
    }
}

fn condition(object_kind: &str, head: &str) -> Told {
    let (place, rest) = match head.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((place, rest)) => {
            let entry = place.parse().map_or_else(|_| Place::Listener(place.to_owned()), Place::Entry);
            (entry, rest)
        }
        None if object_kind.ends_with("Route") || object_kind.ends_with("Policy") => (Place::Entry(0), head),
        None => (Place::Object, head),
    };
    let parts = rest.split_once('=').and_then(|(kind, rest)| Some((kind, rest.split_once('/')?)));
    let Some((kind, (status, reason))) = parts else { panic!("`{head}` is no line about a condition") };
    Told::Condition { place, kind: kind.to_owned(), status: status.to_owned(), reason: reason.to_owned() }
}
