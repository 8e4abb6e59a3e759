//! Names of things on the wire (`refs.proto`).

use std::time::Duration;

use clearway_model::{
    BackendFault, BackendRef, Hostname, ListenerRef, ObjectRef, RouteKind, RouteRef, RuleRef,
};

use super::{Wire, Wrong, enumerated, one_of, optional, required, text, u16_of, unknown};
use crate::wire::{config as pb, protobuf};

impl Wire for ObjectRef {
    type Message = pb::ObjectRef;

    fn to_wire(&self) -> pb::ObjectRef {
        let Self { namespace, name } = self;
        pb::ObjectRef { namespace: text(namespace), name: text(name) }
    }

    fn from_wire(message: pb::ObjectRef) -> Result<Self, Wrong> {
        let pb::ObjectRef { namespace, name } = message;
        Ok(Self { namespace: namespace.into(), name: name.into() })
    }
}

impl Wire for ListenerRef {
    type Message = pb::ListenerRef;

    fn to_wire(&self) -> pb::ListenerRef {
        let Self { gateway, set, name } = self;
        pb::ListenerRef {
            gateway: Some(gateway.to_wire()),
            set: set.as_ref().map(Wire::to_wire),
            name: text(name),
        }
    }

    fn from_wire(message: pb::ListenerRef) -> Result<Self, Wrong> {
        let pb::ListenerRef { gateway, set, name } = message;
        Ok(Self { gateway: required("gateway", gateway)?, set: optional("set", set)?, name: name.into() })
    }
}

impl Wire for RouteRef {
    type Message = pb::RouteRef;

    fn to_wire(&self) -> pb::RouteRef {
        let Self { kind, object } = self;
        let kind = match kind {
            RouteKind::Http => pb::RouteKind::Http,
            RouteKind::Grpc => pb::RouteKind::Grpc,
            RouteKind::Tls => pb::RouteKind::Tls,
            RouteKind::Tcp => pb::RouteKind::Tcp,
            RouteKind::Udp => pb::RouteKind::Udp,
        };
        pb::RouteRef { kind: kind.into(), object: Some(object.to_wire()) }
    }

    fn from_wire(message: pb::RouteRef) -> Result<Self, Wrong> {
        let pb::RouteRef { kind, object } = message;
        let kind = match enumerated("kind", kind)? {
            pb::RouteKind::Unspecified => return Err(unknown("kind", kind)),
            pb::RouteKind::Http => RouteKind::Http,
            pb::RouteKind::Grpc => RouteKind::Grpc,
            pb::RouteKind::Tls => RouteKind::Tls,
            pb::RouteKind::Tcp => RouteKind::Tcp,
            pb::RouteKind::Udp => RouteKind::Udp,
        };
        Ok(Self { kind, object: required("object", object)? })
    }
}

impl Wire for RuleRef {
    type Message = pb::RuleRef;

    fn to_wire(&self) -> pb::RuleRef {
        let Self { route, index, name } = self;
        pb::RuleRef { route: Some(route.to_wire()), index: *index, name: name.as_ref().map(text) }
    }

    fn from_wire(message: pb::RuleRef) -> Result<Self, Wrong> {
        let pb::RuleRef { route, index, name } = message;
        Ok(Self { route: required("route", route)?, index, name: name.map(Into::into) })
    }
}

impl Wire for BackendRef {
    type Message = pb::BackendRef;

    fn to_wire(&self) -> pb::BackendRef {
        let Self { kind, object, port } = self;
        pb::BackendRef { kind: text(kind), object: Some(object.to_wire()), port: (*port).into() }
    }

    fn from_wire(message: pb::BackendRef) -> Result<Self, Wrong> {
        let pb::BackendRef { kind, object, port } = message;
        Ok(Self { kind: kind.into(), object: required("object", object)?, port: u16_of("port", port)? })
    }
}

/// A backend, or why there is none.
impl Wire for Result<BackendRef, BackendFault> {
    type Message = pb::BackendTarget;

    fn to_wire(&self) -> pb::BackendTarget {
        let target = match self {
            Ok(backend) => pb::backend_target::Target::Backend(backend.to_wire()),
            Err(BackendFault { reason, message }) => pb::backend_target::Target::Fault(pb::BackendFault {
                reason: text(reason),
                message: text(message),
            }),
        };
        pb::BackendTarget { target: Some(target) }
    }

    fn from_wire(message: pb::BackendTarget) -> Result<Self, Wrong> {
        let pb::BackendTarget { target } = message;
        match one_of("target", target)? {
            pb::backend_target::Target::Backend(backend) => {
                BackendRef::from_wire(backend).map(Ok).map_err(|wrong| wrong.of("backend"))
            }
            pb::backend_target::Target::Fault(pb::BackendFault { reason, message }) => {
                Ok(Err(BackendFault { reason: reason.into(), message: message.into() }))
            }
        }
    }
}

impl Wire for Hostname {
    type Message = String;

    fn to_wire(&self) -> String {
        self.to_string()
    }

    fn from_wire(message: String) -> Result<Self, Wrong> {
        let hostname = Self::parse(&message);
        if hostname.to_string() == message {
            return Ok(hostname);
        }
        Err(Wrong::new(format!(
            "is {message:?}, where {:?} is the proper way to write it",
            hostname.to_string()
        )))
    }
}

impl Wire for Duration {
    type Message = protobuf::Duration;

    fn to_wire(&self) -> protobuf::Duration {
        // Longer than 292 billion years is as good as that.
        let seconds = i64::try_from(self.as_secs()).unwrap_or(i64::MAX);
        protobuf::Duration { seconds, nanos: self.subsec_nanos().cast_signed() }
    }

    fn from_wire(message: protobuf::Duration) -> Result<Self, Wrong> {
        let protobuf::Duration { seconds, nanos } = message;
        match (u64::try_from(seconds), u32::try_from(nanos)) {
            (Ok(seconds), Ok(nanos @ 0..1_000_000_000)) => Ok(Self::new(seconds, nanos)),
            _ => Err(Wrong::new(format!("is {seconds} s and {nanos} ns, which is no length of time"))),
        }
    }
}
