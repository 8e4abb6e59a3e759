//! Backends on the wire (`backend.proto`).

use bytes::Bytes;
use clearway_model::{
    Backend, BackendProtocol, BackendTls, Endpoint, EndpointAddress, SubjectAltName, TrustedRoots,
};

use super::{Wire, Wrong, all, each, enumerated, one_of, optional, required, text, u16_of, unknown};
use crate::wire::config as pb;

impl Wire for Backend {
    type Message = pb::Backend;

    fn to_wire(&self) -> pb::Backend {
        let Self { backend, protocol, tls, endpoints } = self;
        let protocol = match protocol {
            BackendProtocol::Http1 => pb::BackendProtocol::Http1,
            BackendProtocol::Http2 => pb::BackendProtocol::Http2,
        };
        pb::Backend {
            backend: Some(backend.to_wire()),
            protocol: protocol.into(),
            tls: tls.as_ref().map(Wire::to_wire),
            endpoints: all(endpoints),
        }
    }

    fn from_wire(message: pb::Backend) -> Result<Self, Wrong> {
        let pb::Backend { backend, protocol, tls, endpoints } = message;
        let protocol = match enumerated("protocol", protocol)? {
            pb::BackendProtocol::Unspecified => return Err(unknown("protocol", protocol)),
            pb::BackendProtocol::Http1 => BackendProtocol::Http1,
            pb::BackendProtocol::Http2 => BackendProtocol::Http2,
        };
        Ok(Self {
            backend: required("backend", backend)?,
            protocol,
            tls: optional("tls", tls)?,
            endpoints: each("endpoints", endpoints)?,
        })
    }
}

impl Wire for Endpoint {
    type Message = pb::Endpoint;

    fn to_wire(&self) -> pb::Endpoint {
        let Self { address, port } = self;
        let address = match address {
            EndpointAddress::Ip(ip) => pb::endpoint::Address::Ip(ip.to_string()),
            EndpointAddress::Host(host) => pb::endpoint::Address::Host(text(host)),
        };
        pb::Endpoint { address: Some(address), port: (*port).into() }
    }

    fn from_wire(message: pb::Endpoint) -> Result<Self, Wrong> {
        let pb::Endpoint { address, port } = message;
        let address = match one_of("address", address)? {
            pb::endpoint::Address::Ip(ip) => EndpointAddress::Ip(
                ip.parse().map_err(|_| Wrong::new(format!("is {ip:?}, which is no IP address")).of("ip"))?,
            ),
            pb::endpoint::Address::Host(host) => EndpointAddress::Host(host.into()),
        };
        Ok(Self { address, port: u16_of("port", port)? })
    }
}

impl Wire for BackendTls {
    type Message = pb::BackendTls;

    fn to_wire(&self) -> pb::BackendTls {
        let Self { hostname, subject_alt_names, roots } = self;
        pb::BackendTls {
            hostname: text(hostname),
            subject_alt_names: all(subject_alt_names),
            roots: Some(roots.to_wire()),
        }
    }

    fn from_wire(message: pb::BackendTls) -> Result<Self, Wrong> {
        let pb::BackendTls { hostname, subject_alt_names, roots } = message;
        Ok(Self {
            hostname: hostname.into(),
            subject_alt_names: each("subject_alt_names", subject_alt_names)?,
            roots: required("roots", roots)?,
        })
    }
}

impl Wire for SubjectAltName {
    type Message = pb::SubjectAltName;

    fn to_wire(&self) -> pb::SubjectAltName {
        let name = match self {
            Self::Dns(name) => pb::subject_alt_name::Name::Dns(text(name)),
            Self::Uri(name) => pb::subject_alt_name::Name::Uri(text(name)),
        };
        pb::SubjectAltName { name: Some(name) }
    }

    fn from_wire(message: pb::SubjectAltName) -> Result<Self, Wrong> {
        let pb::SubjectAltName { name } = message;
        Ok(match one_of("name", name)? {
            pb::subject_alt_name::Name::Dns(name) => Self::Dns(name.into()),
            pb::subject_alt_name::Name::Uri(name) => Self::Uri(name.into()),
        })
    }
}

impl Wire for TrustedRoots {
    type Message = pb::TrustedRoots;

    fn to_wire(&self) -> pb::TrustedRoots {
        let roots = match self {
            Self::System => pb::trusted_roots::Roots::System(pb::SystemRoots {}),
            Self::Pem(pem) => pb::trusted_roots::Roots::Pem(Bytes::copy_from_slice(pem)),
            Self::Broken(reason) => pb::trusted_roots::Roots::Broken(text(reason)),
        };
        pb::TrustedRoots { roots: Some(roots) }
    }

    fn from_wire(message: pb::TrustedRoots) -> Result<Self, Wrong> {
        let pb::TrustedRoots { roots } = message;
        Ok(match one_of("roots", roots)? {
            pb::trusted_roots::Roots::System(pb::SystemRoots {}) => Self::System,
            pb::trusted_roots::Roots::Pem(pem) => Self::Pem(pem.as_ref().into()),
            pb::trusted_roots::Roots::Broken(reason) => Self::Broken(reason.into()),
        })
    }
}
