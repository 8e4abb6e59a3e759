//! The codec: model to wire and back.
//!
//! `Resources` encodes, the client's store decodes. What always holds: encoding takes every model type apart field by
//! field, so that a new field does not compile until it travels; decoding takes every message apart the same way,
//! checks what the model promises, and names the field that is wrong; decode(encode(x)) = x.

mod backend;
mod filter;
mod listener;
mod observability;
mod refs;
#[cfg(test)]
mod round_trip;
mod rule;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use clearway_model::{
    Backend, BackendRef, Certificate, Listener, ListenerRef, ObjectRef, Rule, RuleRef, Snapshot,
};
use prost::Message;

use crate::kind::Kind;
use crate::name::{self, ResourceRef};

/// What is wrong with a message, and in which field: `matches[2].path is missing`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    path: String,
    reason: String,
}

impl Wrong {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { path: String::new(), reason: reason.into() }
    }

    /// The same, seen from the message that holds it in this field.
    pub(crate) fn of(mut self, field: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{field}{dot}{}", self.path);
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, reason } = self;
        if path.is_empty() { f.write_str(reason) } else { write!(f, "{path} {reason}") }
    }
}

/// A resource that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {name} cannot be read: {wrong}; the planes may be of different versions")]
pub(crate) struct DecodeError {
    kind: Kind,
    name: String,
    wrong: Wrong,
}

/// A model type that travels.
trait Wire: Sized {
    /// What it is on the wire.
    type Message;
    fn to_wire(&self) -> Self::Message;
    fn from_wire(message: Self::Message) -> Result<Self, Wrong>;
}

fn all<T: Wire>(items: &[T]) -> Vec<T::Message> {
    items.iter().map(T::to_wire).collect()
}

fn each<T: Wire>(field: &str, messages: Vec<T::Message>) -> Result<Vec<T>, Wrong> {
    let read =
        |(at, message)| T::from_wire(message).map_err(|wrong: Wrong| wrong.of(&format!("[{at}]")).of(field));
    messages.into_iter().enumerate().map(read).collect()
}

fn required<T: Wire>(field: &str, message: Option<T::Message>) -> Result<T, Wrong> {
    one_of(field, message).and_then(|message| T::from_wire(message).map_err(|wrong| wrong.of(field)))
}

fn optional<T: Wire>(field: &str, message: Option<T::Message>) -> Result<Option<T>, Wrong> {
    message.map(|message| T::from_wire(message).map_err(|wrong| wrong.of(field))).transpose()
}

/// The choice that was made in a `oneof`; a choice that is not known here reads as none.
fn one_of<T>(field: &str, choice: Option<T>) -> Result<T, Wrong> {
    choice.ok_or_else(|| Wrong::new("is missing, or of a kind that is not known here").of(field))
}

/// A number of an enumeration; zero and unknown numbers are refused.
fn enumerated<E: TryFrom<i32>>(field: &str, number: i32) -> Result<E, Wrong> {
    E::try_from(number).map_err(|_| unknown(field, number))
}

fn unknown(field: &str, number: i32) -> Wrong {
    Wrong::new(format!("is {number}, which is not known here")).of(field)
}

fn u16_of(field: &str, number: u32) -> Result<u16, Wrong> {
    u16::try_from(number).map_err(|_| Wrong::new(format!("is {number}, more than 65535")).of(field))
}

fn full<T>(field: &str, items: Vec<T>) -> Result<Vec<T>, Wrong> {
    if items.is_empty() { Err(Wrong::new("is empty").of(field)) } else { Ok(items) }
}

fn text(text: &Arc<str>) -> String {
    text.as_ref().to_owned()
}

fn texts(texts: &[Arc<str>]) -> Vec<String> {
    texts.iter().map(text).collect()
}

fn shared(texts: Vec<String>) -> Vec<Arc<str>> {
    texts.into_iter().map(Arc::from).collect()
}

/// A model type that is a resource of its own.
#[expect(private_bounds, reason = "the messages stay within the codec")]
pub(crate) trait Resource: Wire<Message: Message + Default> + PartialEq {
    /// Its key in the snapshot.
    type Key: Ord;
    const KIND: Kind;
    fn key(&self) -> Self::Key;
    fn name(key: &Self::Key) -> String;
    fn parse(name: &str) -> Option<Self::Key>;
    fn of(snapshot: &Snapshot) -> &BTreeMap<Self::Key, Arc<Self>>;
    fn of_mut(snapshot: &mut Snapshot) -> &mut BTreeMap<Self::Key, Arc<Self>>;

    /// The bytes on the wire: the same for equal values, on every machine.
    fn encode(&self) -> Bytes {
        self.to_wire().encode_to_vec().into()
    }

    /// Reads one that came under this name.
    fn decode(name: &str, bytes: Bytes) -> Result<Self, DecodeError> {
        let error = |wrong| DecodeError { kind: Self::KIND, name: name.to_owned(), wrong };
        let message = Self::Message::decode(bytes).map_err(|broken| error(Wrong::new(broken.to_string())))?;
        let value = Self::from_wire(message).map_err(error)?;
        let own = Self::name(&value.key());
        if own == name { Ok(value) } else { Err(error(Wrong::new(format!("it names itself {own}")))) }
    }
}

macro_rules! resource {
    ($type:ident, $key:ty, $field:ident, $map:ident, $name:path) => {
        impl Resource for $type {
            type Key = $key;
            const KIND: Kind = Kind::$type;
            fn key(&self) -> $key {
                self.$field.clone()
            }
            fn name(key: &$key) -> String {
                $name(key)
            }
            fn parse(name: &str) -> Option<$key> {
                match ResourceRef::parse(Kind::$type, name)? {
                    ResourceRef::$type(key) => Some(key),
                    _ => None,
                }
            }
            fn of(snapshot: &Snapshot) -> &BTreeMap<$key, Arc<Self>> {
                &snapshot.$map
            }
            fn of_mut(snapshot: &mut Snapshot) -> &mut BTreeMap<$key, Arc<Self>> {
                &mut snapshot.$map
            }
        }
    };
}

resource!(Certificate, ObjectRef, secret, certificates, name::object);
resource!(Backend, BackendRef, backend, backends, name::backend_name);
resource!(Listener, ListenerRef, listener, listeners, name::listener_name);
resource!(Rule, RuleRef, rule, rules, name::rule_name);
