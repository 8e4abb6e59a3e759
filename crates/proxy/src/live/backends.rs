//! Backends as the switchyard sees them: endpoints with their health, and how to speak to them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use clearway_model::{Backend, BackendProtocol, BackendRef, BackendTls, EndpointAddress, ObjectRef};
use clearway_telemetry::Telemetry;
use clearway_telemetry::families::{BackendTelemetry, EndpointCensus};
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::options::Outlier;
use crate::tls::{self, Certificates, Loaded};

/// Whose connections a pool holds: those of one identity to one backend. Connections that have shown different
/// certificates, or none, are never shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PoolKey {
    pub(crate) backend: BackendRef,
    /// The Secret of the certificate that is shown there; `None` shows none.
    pub(crate) identity: Option<ObjectRef>,
}

/// One backend port, as one identity reaches it.
#[derive(Debug)]
pub(crate) struct LiveBackend {
    pub(crate) backend: BackendRef,
    /// The Secret of the certificate that is shown to it.
    pub(crate) identity: Option<ObjectRef>,
    pub(crate) protocol: BackendProtocol,
    /// TLS, or why it cannot be set up: then every connection fails rather than going unprotected.
    pub(crate) tls: Option<Result<UpstreamTls, Arc<str>>>,
    pub(crate) endpoints: Vec<LiveEndpoint>,
    pub(crate) telemetry: Arc<BackendTelemetry>,
    census: Arc<Census>,
}

/// TLS towards a backend, ready to use.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamTls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
    settings: BackendTls,
    identity: Option<Arc<Loaded>>,
}

/// One endpoint.
#[derive(Clone, Debug)]
pub(crate) struct LiveEndpoint {
    pub(crate) address: SocketAddr,
    pub(crate) health: Arc<EndpointHealth>,
}

impl LiveBackend {
    pub(crate) fn compile(backend: &Backend, telemetry: &Telemetry, before: Option<&Self>) -> Self {
        let addresses = backend.endpoints.iter().filter_map(|endpoint| match endpoint.address {
            EndpointAddress::Ip(ip) => Some(SocketAddr::new(ip, endpoint.port)),
            // Names are resolved before a snapshot is compiled; one without an address has no endpoint.
            EndpointAddress::Host(_) => None,
        });
        let endpoints: Vec<_> =
            addresses.map(|address| LiveEndpoint { address, health: health_of(before, address) }).collect();
        let census = Census(endpoints.iter().map(|endpoint| endpoint.health.clone()).collect());
        let tls = backend
            .tls
            .as_ref()
            .map(|settings| upstream_tls(backend, settings, None, before).map_err(Arc::from));
        Self {
            backend: backend.backend.clone(),
            identity: None,
            protocol: backend.protocol,
            tls,
            endpoints,
            telemetry: telemetry.backend(&backend.backend),
            census: Arc::new(census),
        }
    }

    /// The same backend as a Gateway reaches it that shows the certificate of `secret`: pools and TLS of its own, health
    /// and series in common.
    pub(crate) fn compile_as(
        &self,
        backend: &Backend,
        secret: &ObjectRef,
        certificates: &Certificates,
        before: Option<&Self>,
    ) -> Self {
        let identity = certificates
            .get(secret)
            .ok_or_else(|| format!("the certificate to show, Secret {secret}, is not in the configuration"));
        let tls = backend.tls.as_ref().map(|settings| {
            identity
                .and_then(|identity| upstream_tls(backend, settings, Some(identity), before))
                .map_err(Arc::from)
        });
        Self {
            backend: self.backend.clone(),
            identity: Some(secret.clone()),
            protocol: self.protocol,
            tls,
            endpoints: self.endpoints.clone(),
            telemetry: self.telemetry.clone(),
            census: self.census.clone(),
        }
    }

    /// Whose connections go there.
    pub(crate) fn pool_key(&self) -> PoolKey {
        PoolKey { backend: self.backend.clone(), identity: self.identity.clone() }
    }

    /// Lets the exposition count these endpoints.
    pub(super) fn announce(&self) {
        if let Ok(mut slot) = self.telemetry.endpoints.lock() {
            *slot = Some(self.census.clone());
        }
    }
}

fn health_of(before: Option<&LiveBackend>, address: SocketAddr) -> Arc<EndpointHealth> {
    before
        .and_then(|backend| backend.endpoints.iter().find(|endpoint| endpoint.address == address))
        .map_or_else(|| Arc::new(EndpointHealth::new()), |endpoint| endpoint.health.clone())
}

fn upstream_tls(
    backend: &Backend,
    settings: &BackendTls,
    identity: Option<&Arc<Loaded>>,
    before: Option<&LiveBackend>,
) -> Result<UpstreamTls, String> {
    let same_protocol = before.filter(|before| before.protocol == backend.protocol);
    if let Some(Ok(tls)) = same_protocol.and_then(|before| before.tls.as_ref())
        && tls.settings == *settings
        && tls.identity.as_ref().map(Arc::as_ptr) == identity.map(Arc::as_ptr)
    {
        return Ok(tls.clone());
    }
    let config = tls::client_config(settings, backend.protocol, identity.map(|one| &one.key))?;
    let name = settings.hostname.parse::<IpAddr>().map(ServerName::from).or_else(|_| {
        ServerName::try_from(settings.hostname.to_string())
            .map_err(|error| format!("TLS hostname `{}` cannot be used: {error}", settings.hostname))
    })?;
    let (settings, identity) = (settings.clone(), identity.cloned());
    Ok(UpstreamTls { config: Arc::new(config), name, settings, identity })
}

/// Health of one endpoint, shared by all workers. Written when something fails; in good times only read.
#[derive(Debug)]
pub(crate) struct EndpointHealth {
    epoch: Instant,
    failures: AtomicU32,
    ejections: AtomicU32,
    ejected_until_millis: AtomicU64,
}

impl EndpointHealth {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            failures: AtomicU32::new(0),
            ejections: AtomicU32::new(0),
            ejected_until_millis: AtomicU64::new(0),
        }
    }

    /// Whether it is out for now. Reads the clock only when it ever was ejected.
    pub(crate) fn is_ejected(&self) -> bool {
        let until = self.ejected_until_millis.load(Relaxed);
        until != 0 && self.millis(Instant::now()) < until
    }

    /// A good answer: failures in a row begin anew, and the back-off shrinks.
    pub(crate) fn succeeded(&self) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
            self.ejections.fetch_update(Relaxed, Relaxed, |n| Some(n.saturating_sub(1))).ok();
        }
    }

    /// A failure; true when it ejects the endpoint.
    pub(crate) fn failed(&self, outlier: &Outlier) -> bool {
        let failures = self.failures.fetch_add(1, Relaxed) + 1;
        if outlier.consecutive_failures == 0 || failures < outlier.consecutive_failures || self.is_ejected() {
            return false;
        }
        let nth = self.ejections.fetch_add(1, Relaxed).min(16);
        let length = outlier.base.saturating_mul(1 << nth).min(outlier.max);
        let until = self.millis(Instant::now() + length).max(1);
        self.ejected_until_millis.store(until, Relaxed);
        // One more failure after the ejection is enough for the next, longer one.
        self.failures.store(outlier.consecutive_failures - 1, Relaxed);
        true
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).max(Duration::ZERO).as_millis())
            .unwrap_or(u64::MAX)
    }
}

#[derive(Debug)]
struct Census(Vec<Arc<EndpointHealth>>);

impl EndpointCensus for Census {
    fn count(&self) -> (usize, usize) {
        (self.0.len(), self.0.iter().filter(|health| health.is_ejected()).count())
    }
}

#[cfg(test)]
mod tests {
    use super::EndpointHealth;
    use crate::options::Outlier;
    use std::time::Duration;

    #[test]
    fn an_endpoint_is_ejected_by_failures_in_a_row_and_not_by_failures_among_successes() {
        let outlier =
            Outlier { consecutive_failures: 3, base: Duration::from_secs(60), max: Duration::from_secs(600) };
        let health = EndpointHealth::new();
        for _ in 0..10 {
            assert!(!health.failed(&outlier));
            assert!(!health.failed(&outlier));
            health.succeeded();
        }
        assert!(!health.is_ejected());
        assert!(!health.failed(&outlier));
        assert!(!health.failed(&outlier));
        assert!(health.failed(&outlier));
        assert!(health.is_ejected());
        assert!(!health.failed(&outlier), "an ejected endpoint is not ejected again");
    }

    #[test]
    fn the_back_off_is_over_when_its_time_is_over() {
        let outlier = Outlier { consecutive_failures: 1, base: Duration::ZERO, max: Duration::ZERO };
        let health = EndpointHealth::new();
        assert!(health.failed(&outlier));
        while health.is_ejected() {
            std::hint::spin_loop();
        }
        assert!(health.failed(&outlier), "one more failure ejects it again");
    }
}
