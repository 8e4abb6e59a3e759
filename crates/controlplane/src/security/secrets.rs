//! Keeps the generated certificates in Secrets of the own namespace: the leader writes them, every replica and every
//! data plane reads them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use clearway_admin::surface::SERVICES;
use clearway_k8s::Time;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

use super::issue::{Authority, IssueError, Leaf, Pair, Role};
use crate::options::ControlOptions;
use crate::world::{MANAGED_BY, managed_by};

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const TRUSTED: &str = "ca.crt";
const NEXT_CERTIFICATE: &str = "next.crt";
const NEXT_KEY: &str = "next.key";
const PREVIOUS: &str = "previous.crt";

/// Certificates that cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// They cannot be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The apiserver refuses.
    #[error("Secret {name}: {source}")]
    Api {
        /// The Secret.
        name: String,
        /// What it says.
        source: Box<kube::Error>,
    },
    /// Somebody else's Secret is in the way, or somebody broke it.
    #[error("Secret {name} has no readable {key}; delete it and it is made again")]
    Broken {
        /// The Secret.
        name: String,
        /// The key in `data`.
        key: &'static str,
    },
}

/// The three Secrets of an installation.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    api: Api<Secret>,
    release: String,
    fleet: String,
    names: Vec<String>,
    managed_by: String,
}

impl Secrets {
    /// Those of an installation.
    pub(crate) fn new(client: Client, options: &ControlOptions) -> Self {
        let service = SERVICES.first().map(|entry| entry.service(&options.release)).unwrap_or_default();
        let namespace = &options.namespace;
        Self {
            api: Api::namespaced(client, namespace),
            release: options.release.clone(),
            fleet: options.fleet.clone(),
            names: vec![
                service.clone(),
                format!("{service}.{namespace}"),
                format!("{service}.{namespace}.svc"),
                format!("{service}.{namespace}.svc.cluster.local"),
                "localhost".to_owned(),
            ],
            managed_by: managed_by(options),
        }
    }

    /// Name of the Secret that a part of the installation reads.
    pub(crate) fn name(&self, part: &str) -> String {
        format!("{}-xds-{part}", self.release)
    }

    /// The API of the Secrets, for watching.
    pub(crate) fn api(&self) -> Api<Secret> {
        self.api.clone()
    }

    /// Makes what is missing or about to end. Only the leader calls it.
    pub(crate) async fn keep(&self) -> Result<(), KeepError> {
        let now = now();
        let name = self.name("ca");
        let held = self.get(&name).await?;
        let authority = match &held {
            None => {
                let made = Authority::new(&self.release, now)?;
                self.put(&name, None, authority_data(&made)).await?;
                made
            }
            Some(secret) => {
                let held = read_authority(secret, &name)?;
                match held.renewed(&self.release, now)? {
                    None => held,
                    Some(renewed) => {
                        self.put(&name, Some(secret), authority_data(&renewed)).await?;
                        renewed
                    }
                }
            }
        };
        self.keep_leaf(&authority, "server", &Role::Server(self.names.clone()), now).await?;
        self.keep_leaf(&authority, "client", &Role::Client(self.fleet.clone()), now).await
    }

    async fn keep_leaf(
        &self,
        authority: &Authority,
        part: &str,
        role: &Role,
        now: Time,
    ) -> Result<(), KeepError> {
        let name = self.name(part);
        let held = self.get(&name).await?;
        let leaf = held.as_ref().and_then(|secret| read_leaf(secret, &name).ok());
        if let Some(leaf) = authority.issue(leaf.as_ref(), role, now)? {
            let data = [(CERTIFICATE, leaf.pair.certificate), (KEY, leaf.pair.key), (TRUSTED, leaf.trusted)];
            self.put(&name, held.as_ref(), data.into()).await?;
            tracing::info!(secret = %name, "A certificate of the xDS port was made.");
        }
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<Secret>, KeepError> {
        self.api.get_opt(name).await.map_err(|source| api_error(name, source))
    }

    /// Writes a Secret, unless somebody has written it since it was read.
    async fn put(
        &self,
        name: &str,
        held: Option<&Secret>,
        data: BTreeMap<&'static str, String>,
    ) -> Result<(), KeepError> {
        let data = data.into_iter().map(|(key, text)| (key.to_owned(), ByteString(text.into_bytes())));
        let mut secret = held.cloned().unwrap_or_else(|| Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                labels: Some([(MANAGED_BY.to_owned(), self.managed_by.clone())].into()),
                ..ObjectMeta::default()
            },
            type_: Some("kubernetes.io/tls".to_owned()),
            ..Secret::default()
        });
        secret.data = Some(data.collect());
        let params = PostParams::default();
        let written = match held {
            None => self.api.create(&params, &secret).await,
            Some(_) => self.api.replace(name, &params, &secret).await,
        };
        written.map(drop).map_err(|source| api_error(name, source))
    }
}

/// Reads the certificate that a Secret holds.
pub(crate) fn read_leaf(secret: &Secret, name: &str) -> Result<Leaf, KeepError> {
    Ok(Leaf {
        pair: Pair { certificate: need(secret, name, CERTIFICATE)?, key: need(secret, name, KEY)? },
        trusted: need(secret, name, TRUSTED)?,
    })
}

fn read_authority(secret: &Secret, name: &str) -> Result<Authority, KeepError> {
    let next = match (text(secret, NEXT_CERTIFICATE), text(secret, NEXT_KEY)) {
        (Some(certificate), Some(key)) => Some(Pair { certificate, key }),
        _ => None,
    };
    Ok(Authority {
        current: Pair { certificate: need(secret, name, CERTIFICATE)?, key: need(secret, name, KEY)? },
        next,
        previous: text(secret, PREVIOUS),
    })
}

fn authority_data(authority: &Authority) -> BTreeMap<&'static str, String> {
    let Authority { current, next, previous } = authority.clone();
    let mut data = BTreeMap::from([(CERTIFICATE, current.certificate), (KEY, current.key)]);
    if let Some(next) = next {
        data.extend([(NEXT_CERTIFICATE, next.certificate), (NEXT_KEY, next.key)]);
    }
    data.extend(previous.map(|previous| (PREVIOUS, previous)));
    data
}

fn need(secret: &Secret, name: &str, key: &'static str) -> Result<String, KeepError> {
    text(secret, key).ok_or_else(|| KeepError::Broken { name: name.to_owned(), key })
}

fn text(secret: &Secret, key: &str) -> Option<String> {
    let bytes = secret.data.as_ref()?.get(key)?;
    String::from_utf8(bytes.0.clone()).ok()
}

fn api_error(name: &str, source: kube::Error) -> KeepError {
    KeepError::Api { name: name.to_owned(), source: Box::new(source) }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
