//! What is wrong, in the words of a person who can mend it.

use std::collections::BTreeMap;
use std::fmt;

use clearway_k8s::{FieldError, Severity, shortened};
use serde::Serialize;

/// An object by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectName {
    /// Kind.
    pub kind: String,
    /// Namespace; empty for kinds that have none.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectName {
    /// A name from its parts.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// Something that is wrong with one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The object to mend.
    pub object: ObjectName,
    /// Its field, such as `spec.rules[0].backendRefs[1]`; empty for the object as a whole.
    pub field: String,
    /// Reason of the condition that says the same.
    pub reason: String,
    /// What is wrong, and what to do.
    pub message: String,
    /// How bad it is.
    pub severity: Severity,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{word}: {}", self.object)?;
        if !self.field.is_empty() {
            write!(f, ", {}", self.field)?;
        }
        write!(f, ": {} ({})", self.message, self.reason)
    }
}

/// Why something is not done: a reason for the condition and the sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refusal {
    pub(crate) reason: &'static str,
    pub(crate) field: String,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(reason: &'static str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason, field: field.into(), message: shortened(message.into()) }
    }
}

/// Collects problems.
#[derive(Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn error(&mut self, object: &ObjectName, refusal: &Refusal) {
        self.push(object, refusal, Severity::Error);
    }

    pub(crate) fn warning(&mut self, object: &ObjectName, refusal: &Refusal) {
        self.push(object, refusal, Severity::Warning);
    }

    /// Problems of fields that were found when objects came.
    pub(crate) fn fields(&mut self, findings: &BTreeMap<ObjectName, Vec<FieldError>>) {
        for (object, errors) in findings {
            for error in errors {
                let refusal = Refusal::new(error.reason, error.path.as_str(), error.message.as_str());
                self.push(object, &refusal, error.severity);
            }
        }
    }

    fn push(&mut self, object: &ObjectName, refusal: &Refusal, severity: Severity) {
        self.0.push(Problem {
            object: object.clone(),
            field: refusal.field.clone(),
            reason: refusal.reason.to_owned(),
            message: refusal.message.clone(),
            severity,
        });
    }

    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort();
        self.0.dedup();
        self.0
    }
}
