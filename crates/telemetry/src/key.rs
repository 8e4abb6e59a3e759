//! Packed keys: what varies from request to request within one series handle, as one number.

use crate::flag::ResponseFlag;
use crate::words::{AnsweredBy, GRPC_STATUS, MethodLabel, Protocol};

/// What distinguishes requests of one rule in `clearway_requests_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// Status code.
    pub code: u16,
    /// Method.
    pub method: MethodLabel,
    /// Protocol of the client.
    pub protocol: Protocol,
    /// Who answered.
    pub answered_by: AnsweredBy,
    /// What became of it.
    pub flag: ResponseFlag,
    /// gRPC status number, at most 17; `None` when it was no gRPC call.
    pub grpc_status: Option<u8>,
}

impl RequestKey {
    /// The number.
    pub fn pack(self) -> u64 {
        let grpc = self.grpc_status.map_or(0, |status| u64::from(status.min(LAST_GRPC)) + 1);
        u64::from(self.code)
            | u64::from(self.method as u8) << 10
            | u64::from(self.protocol as u8) << 14
            | u64::from(self.answered_by as u8) << 16
            | u64::from(self.flag as u8) << 17
            | grpc << 23
    }

    /// The key of a number.
    pub fn unpack(number: u64) -> Self {
        let bits = |shift: u32, width: u32| u8::try_from((number >> shift) & ((1 << width) - 1)).unwrap_or(0);
        Self {
            code: u16::try_from(number & 0x3ff).unwrap_or(0),
            method: MethodLabel::ALL.get(usize::from(bits(10, 4))).copied().unwrap_or(MethodLabel::Other),
            protocol: Protocol::ALL.get(usize::from(bits(14, 2))).copied().unwrap_or_default(),
            answered_by: if bits(16, 1) == 1 { AnsweredBy::Upstream } else { AnsweredBy::Gateway },
            flag: ResponseFlag::from_number(bits(17, 6)),
            grpc_status: bits(23, 5).checked_sub(1),
        }
    }
}

/// Number of the last entry of [`GRPC_STATUS`], `_OTHER`.
pub const LAST_GRPC: u8 = GRPC_STATUS.len() as u8 - 1;

/// What distinguishes tries of one rule at one backend in `clearway_upstream_attempts_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptKey {
    /// Status code; `None` when no response came.
    pub code: Option<u16>,
    /// What became of it.
    pub flag: ResponseFlag,
    /// Whether it followed a failed one.
    pub retry: bool,
}

impl AttemptKey {
    /// The number.
    pub fn pack(self) -> u64 {
        u64::from(self.code.unwrap_or(0)) | u64::from(self.flag as u8) << 10 | u64::from(self.retry) << 16
    }

    /// The key of a number.
    pub fn unpack(number: u64) -> Self {
        let code = u16::try_from(number & 0x3ff).unwrap_or(0);
        Self {
            code: (code != 0).then_some(code),
            flag: ResponseFlag::from_number(u8::try_from((number >> 10) & 0x3f).unwrap_or(0)),
            retry: (number >> 16) & 1 == 1,
        }
    }
}

macro_rules! outcomes {
    ($(#[$outer:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The label value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

outcomes! {
    /// Why a connection from a client ended.
    ConnectionEnd {
        /// The client closed it, or it was done.
        Done = "done",
        /// Idle for too long.
        IdleTimeout = "idle_timeout",
        /// The head of a request took too long.
        HeaderTimeout = "header_timeout",
        /// Refused: too many connections.
        ConnectionLimit = "connection_limit",
        /// TLS failed.
        TlsFailed = "tls_failed",
        /// Not HTTP.
        ProtocolError = "protocol_error",
        /// An error of the transport.
        TransportError = "transport_error",
        /// Closed by a drain.
        Drained = "drained",
    }
}

outcomes! {
    /// How a TLS handshake with a client ended.
    TlsOutcome {
        /// TLS 1.3.
        Tls13 = "tls13",
        /// TLS 1.2.
        Tls12 = "tls12",
        /// No listener of the port takes the server name.
        UnknownName = "unknown_server_name",
        /// Took too long.
        Timeout = "timeout",
        /// The client left.
        ClientGone = "client_gone",
        /// The listener asks for a certificate and the client showed none.
        NoClientCertificate = "no_client_certificate",
        /// The client's certificate is not of the listener's authorities, has ended, or is not proved.
        BadClientCertificate = "bad_client_certificate",
        /// Refused for anything else: versions, ciphers, a broken protocol.
        Failed = "failed",
    }
}

outcomes! {
    /// How opening a connection to an endpoint ended.
    ConnectOutcome {
        /// It is open.
        Ok = "ok",
        /// Refused.
        Refused = "refused",
        /// Took too long.
        Timeout = "timeout",
        /// TLS failed.
        TlsFailed = "tls_failed",
        /// Another error of the transport.
        Error = "error",
    }
}

outcomes! {
    /// What became of a mirrored request.
    MirrorOutcome {
        /// An endpoint answered, whatever it said.
        Answered = "answered",
        /// No endpoint could be reached, or it broke off.
        Failed = "failed",
        /// Given up: the copy was slower than the original, or too many were under way.
        Dropped = "dropped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_key_survives_packing() {
        for code in [100, 200, 404, 499, 599] {
            for method in MethodLabel::ALL {
                for flag in ResponseFlag::ALL.iter().copied() {
                    for grpc_status in [None, Some(0), Some(16), Some(17)] {
                        let key = RequestKey {
                            code,
                            method,
                            protocol: Protocol::Http2,
                            answered_by: AnsweredBy::Upstream,
                            flag,
                            grpc_status,
                        };
                        assert_eq!(RequestKey::unpack(key.pack()), key);
                    }
                }
            }
        }
    }

    #[test]
    fn every_attempt_key_survives_packing() {
        for flag in ResponseFlag::ALL.iter().copied() {
            for code in [None, Some(200), Some(599)] {
                for retry in [true, false] {
                    let key = AttemptKey { code, flag, retry };
                    assert_eq!(AttemptKey::unpack(key.pack()), key);
                }
            }
        }
    }
}
