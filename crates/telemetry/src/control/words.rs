//! Closed vocabularies of the control plane and of the configuration's way: the label values of their metrics.

use crate::words::vocabulary;

vocabulary! {
    /// Kinds of Kubernetes objects; Listener is a part of a Gateway or ListenerSet that has conditions of its own.
    KubeKind {
        /// GatewayClass.
        GatewayClass = "GatewayClass",
        /// Gateway.
        Gateway = "Gateway",
        /// A listener.
        Listener = "Listener",
        /// ListenerSet.
        ListenerSet = "ListenerSet",
        /// HTTPRoute.
        HttpRoute = "HTTPRoute",
        /// GRPCRoute.
        GrpcRoute = "GRPCRoute",
        /// TLSRoute.
        TlsRoute = "TLSRoute",
        /// TCPRoute.
        TcpRoute = "TCPRoute",
        /// UDPRoute.
        UdpRoute = "UDPRoute",
        /// ReferenceGrant.
        ReferenceGrant = "ReferenceGrant",
        /// BackendTLSPolicy.
        BackendTlsPolicy = "BackendTLSPolicy",
        /// Backend.
        Backend = "Backend",
        /// ObservabilityPolicy.
        ObservabilityPolicy = "ObservabilityPolicy",
        /// Service.
        Service = "Service",
        /// EndpointSlice.
        EndpointSlice = "EndpointSlice",
        /// Secret.
        Secret = "Secret",
        /// ConfigMap.
        ConfigMap = "ConfigMap",
        /// Namespace.
        Namespace = "Namespace",
        /// Pod.
        Pod = "Pod",
        /// Lease.
        Lease = "Lease",
        /// Event.
        Event = "Event",
        /// Any other.
        Other = "_other",
    }
}

impl KubeKind {
    /// The word of a kind as it stands in a manifest.
    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).unwrap_or(Self::Other)
    }
}

vocabulary! {
    /// Layers of readiness, in the order in which they come up.
    Layer {
        /// The parts of the process run.
        Components = "components",
        /// Every watch has taken in all that its first listing named.
        Synced = "synced",
        /// The first whole translation is published.
        Published = "published",
    }
}

vocabulary! {
    /// Why readiness changed.
    ReadinessReason {
        /// What was awaited is there.
        Reached = "reached",
        /// Something is awaited again.
        Waiting = "waiting",
        /// Something broke off that only a restart mends.
        Broken = "broken",
        /// The process is about to end.
        Draining = "draining",
    }
}

vocabulary! {
    /// Why a watch, or a call to the API server, ended.
    WatchReason {
        /// The server ended it in good order.
        Closed = "closed",
        /// The position is too old: everything is listed again.
        Expired = "expired",
        /// The kind is not there.
        NotFound = "not_found",
        /// The role does not allow it.
        Forbidden = "forbidden",
        /// The API server asks to slow down.
        Throttled = "throttled",
        /// The API server does not know how to stream a list.
        Unsupported = "unsupported",
        /// The API server failed.
        Server = "server",
        /// It could not be reached, or the connection broke.
        Connection = "connection",
        /// No answer in time.
        Timeout = "timeout",
        /// It sent something that is no event.
        Malformed = "malformed",
    }
}

impl WatchReason {
    /// The reason of a word; an unknown one is a failure of the server.
    pub fn named(word: &str) -> Self {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word).unwrap_or(Self::Server)
    }
}

vocabulary! {
    /// What came of a translation.
    TranslationOutcome {
        /// A new snapshot.
        Published = "published",
        /// The snapshot that was there.
        Unchanged = "unchanged",
        /// Nothing that could be published.
        Failed = "failed",
    }
}

vocabulary! {
    /// Types of xDS resources.
    ResourceType {
        /// A certificate with its key.
        Certificate = "Certificate",
        /// A port of a backend object with its endpoints.
        Backend = "Backend",
        /// A listener.
        Listener = "Listener",
        /// A rule of a route.
        Rule = "Rule",
        /// The completeness digest.
        Manifest = "Manifest",
    }
}

impl ResourceType {
    /// The type of a word; what is none counts as the whole, the Manifest.
    pub fn named(word: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).unwrap_or(Self::Manifest)
    }
}

vocabulary! {
    /// What data planes are told of a resource.
    ResourceChange {
        /// It is new or different.
        Changed = "changed",
        /// It is gone.
        Removed = "removed",
    }
}

vocabulary! {
    /// How far a data plane is.
    FleetState {
        /// Its stream is held until there is something whole to send.
        Waiting = "waiting",
        /// It has acknowledged the newest version.
        Current = "current",
        /// It has not acknowledged the newest version yet.
        Behind = "behind",
        /// It refused the version that it was sent last.
        Refusing = "refusing",
    }
}

vocabulary! {
    /// Why a stream of a data plane was refused.
    StreamRefusal {
        /// No valid certificate, or no TLS at all.
        Tls = "tls",
        /// It does not say who it is, or names a fleet that its certificate does not bear.
        Identity = "identity",
        /// It does not keep to the protocol.
        Protocol = "protocol",
        /// The process is about to end.
        Draining = "draining",
    }
}

vocabulary! {
    /// What a pass over an object came to.
    ReconcileResult {
        /// Something was written.
        Changed = "changed",
        /// Everything was as it should be.
        Unchanged = "unchanged",
        /// It must be tried again.
        Requeued = "requeued",
        /// It failed.
        Failed = "failed",
    }
}

vocabulary! {
    /// Why a status was not written.
    StatusDrop {
        /// The queue was full.
        QueueFull = "queue_full",
        /// This replica stopped being the leader.
        NotLeader = "not_leader",
        /// The object is gone.
        Gone = "gone",
        /// The process ended.
        Shutdown = "shutdown",
    }
}

vocabulary! {
    /// What the API server answered to a write.
    WriteResult {
        /// It is written.
        Written = "written",
        /// The object had changed (409).
        Conflict = "conflict",
        /// The object is gone (404).
        NotFound = "not_found",
        /// The role does not allow it (401, 403).
        Forbidden = "forbidden",
        /// It is not valid (400, 422).
        Rejected = "rejected",
        /// Slow down (429).
        Throttled = "throttled",
        /// No answer in time.
        Timeout = "timeout",
        /// Anything else.
        Failed = "failed",
    }
}

vocabulary! {
    /// What became of a Kubernetes Event.
    EventResult {
        /// It is written.
        Written = "written",
        /// There were too many.
        Dropped = "dropped",
        /// The API server did not take it.
        Failed = "failed",
    }
}

vocabulary! {
    /// What a replica is.
    LeaseState {
        /// Another replica leads.
        Following = "following",
        /// It leads: it writes status.
        Leading = "leading",
    }
}

vocabulary! {
    /// Why the lease changed hands, or what is known of it changed.
    LeaseReason {
        /// Nobody held it, or it had been given back.
        Acquired = "acquired",
        /// Its holder had let it run out.
        TakenOver = "taken_over",
        /// It could not be renewed.
        RenewFailed = "renew_failed",
        /// Another replica has it.
        Lost = "lost",
        /// The process ends.
        Shutdown = "shutdown",
    }
}

vocabulary! {
    /// Why a data plane's stream, or its attempt to open one, ended.
    StreamEnd {
        /// No connection came about.
        Unreachable = "unreachable",
        /// TLS failed, or its files cannot be used.
        Tls = "tls",
        /// The control plane ended it.
        Closed = "closed",
        /// It broke.
        Broken = "broken",
    }
}

vocabulary! {
    /// What a data plane answers.
    XdsAnswer {
        /// It serves the version.
        Ack = "ack",
        /// It refuses the version.
        Nack = "nack",
    }
}

vocabulary! {
    /// What was found when the last good configuration was looked for.
    LoadResult {
        /// It is served.
        Served = "served",
        /// There is none.
        Absent = "absent",
        /// It is there and cannot be read.
        Unreadable = "unreadable",
        /// Its digest is not that of its content.
        Broken = "broken",
        /// It was written in another format.
        OtherFormat = "other_format",
        /// It is whole, but cannot be applied here.
        Refused = "refused",
    }
}
