//! TLS with clients: the server name chooses the listener; the listener says which certificate is shown and what the
//! client must prove.
//!
//! Called by [`crate::live`] to compile a port and by [`crate::door`] for each connection. Listeners of one port that
//! ask for the same proof share their settings and sessions.

use std::sync::Arc;

use clearway_model::{ClientValidation, ClientValidationMode, Hostname, Listener};
use clearway_route::ListenerIndex;
use tokio_rustls::rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ServerConfig, version};

use super::certificates::{Certificates, Loaded};
use super::{PROVIDER, proof};

/// TLS of one port with all of its listeners.
#[derive(Debug)]
pub(crate) struct PortTls {
    faces: Arc<Faces>,
    /// Settings by what is asked of clients; never empty.
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    validation: Option<ClientValidation>,
    config: Arc<ServerConfig>,
}

/// The listeners of a port as a client sees them before it has sent a request.
#[derive(Debug)]
struct Faces {
    hosts: ListenerIndex,
    all: Vec<Face>,
    /// Who greets clients without a server name.
    nameless: Option<usize>,
}

#[derive(Debug)]
struct Face {
    hostname: Hostname,
    /// Never empty.
    certificates: Vec<Arc<Loaded>>,
    group: usize,
}

impl PortTls {
    /// Settings of a port with these listeners, at least one: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN. `before` is
    /// given back when nothing changes, and lends its sessions where something does.
    ///
    /// # Errors
    /// The listener, and why: no usable certificate, or no usable authority.
    pub(crate) fn compile(
        listeners: &[&Listener],
        certificates: &Certificates,
        before: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, (String, String)> {
        let (mut all, mut validations) = (Vec::with_capacity(listeners.len()), Vec::new());
        for listener in listeners {
            let names = listener.tls.as_ref().map_or(&[][..], |tls| &tls.certificates);
            let shown: Vec<_> = names.iter().filter_map(|secret| certificates.get(secret).cloned()).collect();
            if shown.is_empty() {
                return Err((listener.listener.to_string(), "it has no usable certificate".into()));
            }
            let known = validations.iter().position(|(one, _)| *one == listener.client_validation);
            let group = known.unwrap_or_else(|| {
                validations.push((listener.client_validation.clone(), *listener));
                validations.len() - 1
            });
            all.push(Face { hostname: listener.hostname.clone(), certificates: shown, group });
        }
        if let Some(before) = before.filter(|before| before.is(&all, &validations)) {
            return Ok(before.clone());
        }
        let faces = Arc::new(Faces::new(all, &validations));
        let groups = validations
            .into_iter()
            .map(|(validation, listener)| {
                Group::new(validation, &faces, before.map(|before| &**before))
                    .map_err(|reason| (listener.listener.to_string(), reason))
            })
            .collect::<Result<_, _>>()?;
        Ok(Arc::new(Self { faces, groups }))
    }

    /// Whether it has just these faces and asks just this.
    fn is(&self, all: &[Face], validations: &[(Option<ClientValidation>, &Listener)]) -> bool {
        self.faces.all.len() == all.len()
            && self.faces.all.iter().zip(all).all(|(one, other)| one.is(other))
            && self.groups.iter().map(|group| &group.validation).eq(validations.iter().map(|(one, _)| one))
    }

    /// The settings for a server name, with what they make the client prove. A name that no listener takes gets
    /// settings that end the handshake. `None` never comes of a port that was compiled.
    pub(crate) fn greet(&self, name: Option<&str>) -> Option<(Arc<ServerConfig>, Option<ClientValidation>)> {
        let group = self.faces.find(name).map_or(0, |face| face.group);
        let group = self.groups.get(group)?;
        Some((group.config.clone(), group.validation.clone()))
    }

    /// Whether a connection may go on: what it proved when it was set up for `name` is what is asked for now.
    ///
    /// Without a name the host of each request chooses the listener, so the proof must do for all of them.
    pub(crate) fn admits(&self, name: Option<&str>, proof: Option<&ClientValidation>) -> bool {
        let asks = |group: usize| self.groups.get(group).and_then(|group| group.validation.as_ref());
        match name {
            Some(_) => self.faces.find(name).is_none_or(|face| proof::suffices(proof, asks(face.group))),
            None => (0..self.groups.len()).all(|group| proof::suffices(proof, asks(group))),
        }
    }
}

impl Group {
    fn new(
        validation: Option<ClientValidation>,
        faces: &Arc<Faces>,
        before: Option<&PortTls>,
    ) -> Result<Self, String> {
        let builder = ServerConfig::builder_with_provider(PROVIDER.clone())
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let builder = match &validation {
            None => builder.with_no_client_auth(),
            Some(validation) => builder.with_client_cert_verifier(proof::verifier(validation)?),
        };
        let mut config = builder.with_cert_resolver(faces.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if validation.as_ref().is_some_and(|one| one.mode == ClientValidationMode::Required) {
            // A resumed session would show no certificate: one that has expired since would go on being believed.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        } else if let Some(same) =
            before.and_then(|before| before.groups.iter().find(|group| group.validation == validation))
        {
            config.session_storage = same.config.session_storage.clone();
        }
        Ok(Self { validation, config: Arc::new(config) })
    }
}

impl Face {
    fn is(&self, other: &Self) -> bool {
        let same = |one: &Arc<Loaded>, other: &Arc<Loaded>| Arc::ptr_eq(one, other);
        self.hostname == other.hostname
            && self.group == other.group
            && self.certificates.len() == other.certificates.len()
            && self.certificates.iter().zip(&other.certificates).all(|(one, other)| same(one, other))
    }
}

impl Faces {
    fn new(all: Vec<Face>, validations: &[(Option<ClientValidation>, &Listener)]) -> Self {
        let hosts: Vec<(usize, &Hostname)> =
            all.iter().enumerate().map(|(index, face)| (index, &face.hostname)).collect();
        let hosts = ListenerIndex::compile(&hosts);
        // A client without a name may be of any listener: the first one greets it, and Host decides later. Where they
        // ask for different proofs nobody can greet it, or it would show one and choose another.
        let one_for_all = validations.len() == 1
            || !validations.iter().any(|(one, _)| !proof::suffices(None, one.as_ref()));
        let nameless = one_for_all.then(|| hosts.find("").unwrap_or(0));
        Self { hosts, all, nameless }
    }

    fn find(&self, name: Option<&str>) -> Option<&Face> {
        let index = match name {
            None | Some("") => self.nameless,
            Some(name) => self.hosts.find(&name.to_ascii_lowercase()),
        };
        self.all.get(index?)
    }
}

impl ResolvesServerCert for Faces {
    /// `None` ends the handshake: no listener takes the name (RFC 6066 section 3).
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certificates = &self.find(hello.server_name())?.certificates;
        let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let fits =
            certificates.iter().find(|one| one.names.iter().any(|cert| Hostname::parse(cert).covers(&name)));
        Some(fits.or(certificates.first())?.key.clone())
    }
}
