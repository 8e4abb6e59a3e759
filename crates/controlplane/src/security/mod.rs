//! Mutual TLS of the xDS port: certificates are made by the leader or given as files, and are exchanged while the port
//! serves. `run` starts it; `xds` takes the newest settings for every new connection.

mod files;
mod issue;
mod secrets;

use std::sync::Arc;
use std::time::Duration;

use clearway_xds::ServerTls;
use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::runtime::{WatchStreamExt, watcher};
use tokio::sync::watch;

use crate::options::{ControlOptions, XdsSecurity};
use crate::readiness::{Board, Component};
use secrets::Secrets;

/// How often certificates are looked at when nothing has changed.
const LOOK: Duration = Duration::from_secs(60);
/// After they could not be kept.
const AGAIN: Duration = Duration::from_secs(2);

/// Newest settings of the xDS port; `None` before there is a certificate.
pub(crate) type Settings = watch::Receiver<Option<ServerTls>>;

/// Keeps the settings of the xDS port fresh.
pub(crate) struct Security {
    client: Client,
    options: Arc<ControlOptions>,
    board: Arc<Board>,
    settings: watch::Sender<Option<ServerTls>>,
}

impl Security {
    /// Has no certificate yet.
    pub(crate) fn new(client: Client, options: Arc<ControlOptions>, board: Arc<Board>) -> (Self, Settings) {
        let (settings, newest) = watch::channel(None);
        (Self { client, options, board, settings }, newest)
    }

    /// Runs until the process ends.
    pub(crate) async fn run(self, leading: watch::Receiver<bool>) {
        match &self.options.xds_security {
            XdsSecurity::Generated => {
                let secrets = Secrets::new(self.client.clone(), &self.options);
                tokio::join!(keep(&secrets, leading), self.follow(&secrets));
            }
            XdsSecurity::Files { certificate, key, client_ca } => {
                files::follow(certificate, key, client_ca, |found| self.take(found)).await;
            }
        }
    }

    /// Serves with what the Secret of the server holds, as it changes.
    async fn follow(&self, secrets: &Secrets) {
        let name = secrets.name("server");
        self.board.down(Component::Certificates, format!("are awaited: the leader makes Secret {name}"));
        let objects = watcher::watch_object(secrets.api(), &name).default_backoff();
        let mut objects = std::pin::pin!(objects);
        while let Some(found) = objects.next().await {
            match found {
                Ok(Some(secret)) => self.take(settings_of(&secret, &name)),
                // The leader makes it again; what is served with stays until then.
                Ok(None) => tracing::warn!(secret = %name, "The Secret of the xDS port is not there (yet)."),
                Err(error) => {
                    tracing::warn!(secret = %name, %error, "The Secret of the xDS port cannot be watched.")
                }
            }
        }
    }

    /// Takes new settings, or stays with the old ones.
    fn take(&self, found: Result<ServerTls, String>) {
        match found {
            Ok(config) => {
                self.settings.send_replace(Some(config));
                self.board.up(Component::Certificates);
                tracing::info!("The xDS port has new certificates.");
            }
            Err(error) if self.settings.borrow().is_some() => {
                tracing::error!(%error, "New certificates of the xDS port cannot be used; the old ones stay.");
            }
            Err(error) => {
                tracing::error!(%error, "The certificates of the xDS port cannot be used.");
                self.board.down(Component::Certificates, error);
            }
        }
    }
}

/// Settings from the Secret of the server.
fn settings_of(secret: &Secret, name: &str) -> Result<ServerTls, String> {
    let leaf = secrets::read_leaf(secret, name).map_err(|error| error.to_string())?;
    let (pair, roots) = (leaf.pair, leaf.trusted);
    ServerTls::from_pem(roots.as_bytes(), pair.certificate.as_bytes(), pair.key.as_bytes())
        .map_err(|error| error.to_string())
}

/// Makes what is missing or about to end, while this replica leads.
async fn keep(secrets: &Secrets, mut leading: watch::Receiver<bool>) {
    while leading.wait_for(|leading| *leading).await.is_ok() {
        let wait = match secrets.keep().await {
            Ok(()) => LOOK,
            Err(error) => {
                tracing::warn!(%error, "The certificates of the xDS port cannot be kept; trying again.");
                AGAIN
            }
        };
        tokio::time::sleep(wait).await;
    }
}
