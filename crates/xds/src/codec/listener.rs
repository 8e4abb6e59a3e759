//! Listeners and certificates on the wire (`listener.proto`).

use std::sync::Arc;

use bytes::Bytes;
use clearway_model::{
    Certificate, ClientValidation, ClientValidationMode, ForwardedTrust, Listener, ListenerProtocol,
    ListenerTls,
};

use super::observability::{trust_from_wire, trust_to_wire};
use super::{Wire, Wrong, all, each, enumerated, full, optional, required, u16_of, unknown};
use crate::wire::config as pb;

impl Wire for Listener {
    type Message = pb::Listener;

    fn to_wire(&self) -> pb::Listener {
        let Self {
            listener,
            address,
            port,
            binds,
            protocol,
            hostname,
            tls,
            client_validation,
            backend_certificate,
            forwarded,
            trace,
            observability,
        } = self;
        pb::Listener {
            listener: Some(listener.to_wire()),
            address: address.as_ref().map(ToString::to_string),
            port: (*port).into(),
            binds: binds.iter().copied().map(u32::from).collect(),
            protocol: protocol_to_wire(*protocol).into(),
            hostname: hostname.to_wire(),
            tls: tls.as_ref().map(Wire::to_wire),
            client_validation: client_validation.as_ref().map(Wire::to_wire),
            backend_certificate: backend_certificate.as_ref().map(Wire::to_wire),
            forwarded: forwarded_to_wire(*forwarded).into(),
            trace: trust_to_wire(*trace).into(),
            observability: observability.as_deref().map(Wire::to_wire),
        }
    }

    fn from_wire(message: pb::Listener) -> Result<Self, Wrong> {
        let pb::Listener {
            listener,
            address,
            port,
            binds,
            protocol,
            hostname,
            tls,
            client_validation,
            backend_certificate,
            forwarded,
            trace,
            observability,
        } = message;
        let address = address.map(|text| {
            text.parse().map_err(|_| Wrong::new(format!("is {text:?}, which is no IP address")).of("address"))
        });
        let read = Self {
            listener: required("listener", listener)?,
            address: address.transpose()?,
            port: u16_of("port", port)?,
            binds: binds.into_iter().map(|port| u16_of("binds", port)).collect::<Result<_, _>>()?,
            protocol: protocol_from_wire(protocol)?,
            hostname: Wire::from_wire(hostname).map_err(|wrong: Wrong| wrong.of("hostname"))?,
            tls: optional("tls", tls)?,
            client_validation: optional("client_validation", client_validation)?,
            backend_certificate: optional("backend_certificate", backend_certificate)?,
            forwarded: forwarded_from_wire(forwarded)?,
            trace: trust_from_wire("trace", trace)?,
            observability: optional("observability", observability)?.map(Arc::new),
        };
        match (read.protocol, &read.tls) {
            (ListenerProtocol::Http, Some(_)) => Err(Wrong::new("does not go with protocol HTTP").of("tls")),
            (ListenerProtocol::Https, None) => Err(Wrong::new("is missing for protocol HTTPS").of("tls")),
            (ListenerProtocol::Http, None) | (ListenerProtocol::Https, Some(_)) => Ok(read),
        }
    }
}

impl Wire for ListenerTls {
    type Message = pb::ListenerTls;

    fn to_wire(&self) -> pb::ListenerTls {
        let Self { certificates } = self;
        pb::ListenerTls { certificates: all(certificates) }
    }

    fn from_wire(message: pb::ListenerTls) -> Result<Self, Wrong> {
        let pb::ListenerTls { certificates } = message;
        Ok(Self { certificates: each("certificates", certificates)? })
    }
}

impl Wire for ClientValidation {
    type Message = pb::ClientValidation;

    fn to_wire(&self) -> pb::ClientValidation {
        let Self { roots, mode } = self;
        let mode = match mode {
            ClientValidationMode::Required => pb::ClientValidationMode::Required,
            ClientValidationMode::AllowInsecureFallback => pb::ClientValidationMode::AllowInsecureFallback,
        };
        pb::ClientValidation { roots: Bytes::copy_from_slice(roots), mode: mode.into() }
    }

    fn from_wire(message: pb::ClientValidation) -> Result<Self, Wrong> {
        let pb::ClientValidation { roots, mode } = message;
        let mode = match enumerated("mode", mode)? {
            pb::ClientValidationMode::Unspecified => return Err(unknown("mode", mode)),
            pb::ClientValidationMode::Required => ClientValidationMode::Required,
            pb::ClientValidationMode::AllowInsecureFallback => ClientValidationMode::AllowInsecureFallback,
        };
        Ok(Self { roots: full("roots", roots.into())?.into(), mode })
    }
}

impl Wire for Certificate {
    type Message = pb::Certificate;

    fn to_wire(&self) -> pb::Certificate {
        let Self { secret, chain_pem, key_pem } = self;
        pb::Certificate {
            secret: Some(secret.to_wire()),
            chain_pem: Bytes::copy_from_slice(chain_pem),
            key_pem: Bytes::copy_from_slice(key_pem),
        }
    }

    fn from_wire(message: pb::Certificate) -> Result<Self, Wrong> {
        let pb::Certificate { secret, chain_pem, key_pem } = message;
        Ok(Self {
            secret: required("secret", secret)?,
            chain_pem: chain_pem.as_ref().into(),
            key_pem: key_pem.as_ref().into(),
        })
    }
}

fn protocol_to_wire(protocol: ListenerProtocol) -> pb::ListenerProtocol {
    match protocol {
        ListenerProtocol::Http => pb::ListenerProtocol::Http,
        ListenerProtocol::Https => pb::ListenerProtocol::Https,
    }
}

fn protocol_from_wire(number: i32) -> Result<ListenerProtocol, Wrong> {
    match enumerated("protocol", number)? {
        pb::ListenerProtocol::Unspecified => Err(unknown("protocol", number)),
        pb::ListenerProtocol::Http => Ok(ListenerProtocol::Http),
        pb::ListenerProtocol::Https => Ok(ListenerProtocol::Https),
    }
}

fn forwarded_to_wire(trust: ForwardedTrust) -> pb::ForwardedTrust {
    match trust {
        ForwardedTrust::Replace => pb::ForwardedTrust::Replace,
        ForwardedTrust::Append => pb::ForwardedTrust::Append,
    }
}

fn forwarded_from_wire(number: i32) -> Result<ForwardedTrust, Wrong> {
    match enumerated("forwarded", number)? {
        pb::ForwardedTrust::Unspecified => Err(unknown("forwarded", number)),
        pb::ForwardedTrust::Replace => Ok(ForwardedTrust::Replace),
        pb::ForwardedTrust::Append => Ok(ForwardedTrust::Append),
    }
}
