//! Labels: names and where their values come from. Values are configuration or a closed vocabulary, never request bytes.

/// Where the values of a label come from.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// Names of configured objects: as many as the configuration has.
    Configured,
    /// One of these words.
    OneOf(fn() -> Vec<&'static str>),
    /// Types and reasons of conditions: a word of the Gateway API or of Clearway's own, never of an object.
    Api,
    /// A status code from 100 to 599, or `none`.
    StatusCode,
    /// Something of this process: a worker, a family, a version.
    Process,
}

/// A label of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub help: &'static str,
    /// Where values come from.
    pub values: Values,
    /// When it is absent; `None` when it is always there.
    pub absent: Option<&'static str>,
}

/// The labels by name.
pub mod label {
    pub use super::super::control_labels::*;
    use super::{Label, Values};
    use crate::accounting::{DropReason, Signal};
    use crate::config::{ChangeOutcome, ConfigStage, ObjectKind, Severity};
    use crate::flag::ResponseFlag;
    use crate::key::{ConnectOutcome, ConnectionEnd, MirrorOutcome, TlsOutcome};
    use crate::words::{GRPC_STATUS, MethodLabel, Phase, Protocol};

    const NO_LISTENER: Option<&str> = Some("when no listener can be named");
    const NO_RULE: Option<&str> = Some("when no rule took the request");

    pub(in crate::catalog) const fn configured(
        name: &'static str,
        help: &'static str,
        absent: Option<&'static str>,
    ) -> Label {
        Label { name, help, values: Values::Configured, absent }
    }

    pub(in crate::catalog) const fn words(
        name: &'static str,
        help: &'static str,
        words: fn() -> Vec<&'static str>,
    ) -> Label {
        Label { name, help, values: Values::OneOf(words), absent: None }
    }

    /// Namespace of the Gateway.
    pub const GATEWAY_NAMESPACE: Label =
        configured("gateway_namespace", "Namespace of the Gateway", NO_LISTENER);
    /// Name of the Gateway.
    pub const GATEWAY_NAME: Label = configured("gateway_name", "Name of the Gateway", NO_LISTENER);
    /// Name of the listener.
    pub const LISTENER: Label = configured("listener", "Name of the listener", NO_LISTENER);
    /// Port that is listened on.
    pub const PORT: Label = configured("port", "Port that is listened on", None);
    /// Kind of the route.
    pub const ROUTE_KIND: Label = Label {
        absent: NO_RULE,
        ..words("route_kind", "Kind of the route", || vec!["HTTPRoute", "GRPCRoute"])
    };
    /// Namespace of the route.
    pub const ROUTE_NAMESPACE: Label = configured("route_namespace", "Namespace of the route", NO_RULE);
    /// Name of the route.
    pub const ROUTE_NAME: Label = configured("route_name", "Name of the route", NO_RULE);
    /// Name of the rule, else its index.
    pub const ROUTE_RULE: Label = configured("route_rule", "Name of the rule, else its index", NO_RULE);
    /// Kind of the backend.
    pub const BACKEND_KIND: Label = configured("backend_kind", "Service or Backend", None);
    /// Namespace of the backend.
    pub const BACKEND_NAMESPACE: Label = configured("backend_namespace", "Namespace of the backend", None);
    /// Name of the backend.
    pub const BACKEND_NAME: Label = configured("backend_name", "Name of the backend", None);
    /// Port that routes name.
    pub const BACKEND_PORT: Label = configured("backend_port", "Port that routes name", None);
    /// Status code.
    pub const CODE: Label = Label {
        name: "code",
        help: "Status code; none when no response came",
        values: Values::StatusCode,
        absent: None,
    };
    /// Class of the status code.
    pub const CODE_CLASS: Label = words("code_class", "Class of the status code", || CODE_CLASSES.to_vec());
    /// Request method.
    pub const METHOD: Label = words("method", "Request method; _OTHER when it is not registered", || {
        MethodLabel::ALL.iter().map(|method| method.as_str()).collect()
    });
    /// What the client speaks.
    pub const PROTOCOL: Label = words("protocol", "What the client speaks", || {
        Protocol::ALL.iter().map(|protocol| protocol.as_str()).collect()
    });
    /// Who made the response.
    pub const ANSWERED_BY: Label =
        words("answered_by", "Who made the response", || vec!["gateway", "upstream"]);
    /// What became of a request or try.
    pub const REASON: Label = words("reason", "What became of it: the word of the response flag", || {
        ResponseFlag::ALL.iter().map(|flag| flag.as_str()).collect()
    });
    /// gRPC status.
    pub const GRPC_STATUS_NAME: Label = Label {
        absent: Some("when it was no gRPC call that got a status"),
        ..words("grpc_status", "Name of the gRPC status code", || GRPC_STATUS.to_vec())
    };
    /// Phase of a request.
    pub const PHASE: Label = words("phase", "Stretch of a request's life", || {
        Phase::ALL.iter().map(|phase| phase.as_str()).collect()
    });
    /// Whether a try followed a failed one.
    pub const RETRY: Label =
        words("retry", "Whether the try followed a failed one", || vec!["false", "true"]);
    /// How a connect ended.
    pub const CONNECT_OUTCOME: Label = words("outcome", "How opening the connection ended", || {
        ConnectOutcome::ALL.iter().map(|outcome| outcome.as_str()).collect()
    });
    /// How a TLS handshake ended.
    pub const TLS_OUTCOME: Label = words("outcome", "Version of TLS, or why there is none", || {
        TlsOutcome::ALL.iter().map(|outcome| outcome.as_str()).collect()
    });
    /// What became of a mirrored request.
    pub const MIRROR_OUTCOME: Label = words("outcome", "What became of the copy", || {
        MirrorOutcome::ALL.iter().map(|outcome| outcome.as_str()).collect()
    });
    /// Why a connection ended.
    pub const CONNECTION_END: Label = words("reason", "Why the connection ended", || {
        ConnectionEnd::ALL.iter().map(|end| end.as_str()).collect()
    });
    /// State of a pooled connection.
    pub const CONNECTION_STATE: Label =
        words("state", "open counts all of them, idle those that wait in a pool", || vec!["open", "idle"]);
    /// State of an endpoint.
    pub const ENDPOINT_STATE: Label =
        words("state", "configured counts all of them, ejected those taken out", || {
            vec!["configured", "ejected"]
        });
    /// Which side of the gateway.
    pub const SIDE: Label = words("side", "Side of the gateway", || vec!["downstream", "upstream"]);
    /// Stage of a configuration change.
    pub const STAGE: Label = words("stage", "Stage of a configuration change", || {
        ConfigStage::ALL.iter().map(|stage| stage.as_str()).collect()
    });
    /// How a change ended.
    pub const CHANGE_OUTCOME: Label = words("outcome", "How the change ended", || {
        ChangeOutcome::ALL.iter().map(|outcome| outcome.as_str()).collect()
    });
    /// How bad a problem is.
    pub const SEVERITY: Label = words("severity", "How bad the problem is", || {
        Severity::ALL.iter().map(|severity| severity.as_str()).collect()
    });
    /// Kind of a configured thing.
    pub const OBJECT_KIND: Label =
        words("kind", "Kind of the thing", || ObjectKind::ALL.iter().map(|kind| kind.as_str()).collect());
    /// Namespace of the Secret.
    pub const CERTIFICATE_NAMESPACE: Label =
        configured("certificate_namespace", "Namespace of the Secret with the certificate", None);
    /// Name of the Secret.
    pub const CERTIFICATE_NAME: Label =
        configured("certificate_name", "Name of the Secret with the certificate", None);
    /// Kind of record.
    pub const SIGNAL: Label =
        words("signal", "Kind of record", || Signal::ALL.iter().map(|signal| signal.as_str()).collect());
    /// What became of records.
    pub const RECORD_OUTCOME: Label = words("outcome", "What became of the records", || {
        vec!["produced", "exported", "dropped", "filtered"]
    });
    /// Why records were dropped.
    pub const DROP_REASON: Label = Label {
        absent: Some("unless outcome is dropped"),
        ..words("reason", "Why the records were dropped", || {
            DropReason::ALL.iter().map(|reason| reason.as_str()).collect()
        })
    };
    /// Metric family.
    pub const FAMILY: Label =
        Label { name: "family", help: "Name of the metric", values: Values::Process, absent: None };
    /// Worker.
    pub const WORKER: Label =
        Label { name: "worker", help: "Name of the runtime", values: Values::Process, absent: None };
    /// Version of the program.
    pub const VERSION: Label =
        Label { name: "version", help: "Version of the program", values: Values::Process, absent: None };
    /// Revision of the source.
    pub const REVISION: Label =
        Label { name: "revision", help: "Revision of the source", values: Values::Process, absent: None };

    /// Classes of status codes by `code / 100`; the first is for codes that are none.
    pub const CODE_CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

    /// The class of a status code.
    pub fn code_class(code: u16) -> &'static str {
        CODE_CLASSES.get(usize::from(code / 100)).copied().unwrap_or("none")
    }
}
