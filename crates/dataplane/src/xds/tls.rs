//! Files of mutual TLS: read at the start, and again when they change.
//!
//! They are compared by content, since a Secret's files are links that are switched all at once. Files that cannot be
//! used leave the ones before them in use.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use clearway_xds::ClientTls;
use tokio::sync::watch;

use super::status::XdsStatus;

/// Where the files of mutual TLS are, under the names of a Secret of type `kubernetes.io/tls`.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Folder with `tls.crt`, `tls.key` and `ca.crt`.
    pub folder: PathBuf,
    /// The name that the control plane's certificate must bear.
    pub server_name: String,
    /// How often they are compared.
    pub interval: Duration,
}

/// Contents of the three files.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    authorities: Vec<u8>,
    chain: Vec<u8>,
    key: Vec<u8>,
}

/// Reads the files again and again.
pub(super) struct Following<'a> {
    files: &'a TlsFiles,
    status: &'a XdsStatus,
    used: Contents,
    sender: watch::Sender<ClientTls>,
}

impl TlsFiles {
    /// Waits until the files can be used.
    pub(super) async fn start<'a>(
        &'a self,
        status: &'a XdsStatus,
    ) -> (watch::Receiver<ClientTls>, Following<'a>) {
        let mut said = None;
        loop {
            match self.read().and_then(|used| Ok((self.parse(&used)?, used))) {
                Ok((tls, used)) => {
                    status.tls_trouble(None);
                    let (sender, receiver) = watch::channel(tls);
                    return (receiver, Following { files: self, status, used, sender });
                }
                Err(trouble) => {
                    if said.as_ref() != Some(&trouble) {
                        tracing::error!("{trouble}");
                        status.tls_trouble(Some(trouble.clone()));
                        said = Some(trouble);
                    }
                }
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    // Three small files: reading them does not hold anything up.
    fn read(&self) -> Result<Contents, String> {
        let read = |name: &str| {
            let path = self.folder.join(name);
            std::fs::read(&path)
                .map_err(|error| format!("{} cannot be read: {error}; see --xds-tls-folder", path.display()))
        };
        Ok(Contents { authorities: read("ca.crt")?, chain: read("tls.crt")?, key: read("tls.key")? })
    }

    fn parse(&self, contents: &Contents) -> Result<ClientTls, String> {
        ClientTls::from_pem(&contents.authorities, &contents.chain, &contents.key, &self.server_name)
            .map_err(|error| format!("the files in {} cannot be used: {error}", self.folder.display()))
    }
}

impl Following<'_> {
    /// Follows the files for ever.
    pub(super) async fn run(mut self) -> Infallible {
        let mut refused: Option<Contents> = None;
        loop {
            tokio::time::sleep(self.files.interval).await;
            let trouble = match self.files.read() {
                Ok(contents) if contents == self.used => None,
                Ok(contents) if refused.as_ref() == Some(&contents) => continue,
                Ok(contents) => match self.files.parse(&contents) {
                    Ok(tls) => {
                        tracing::info!(
                            "Certificates for the control plane are read again; the next connection uses them."
                        );
                        self.sender.send_replace(tls);
                        self.used = contents;
                        None
                    }
                    Err(trouble) => {
                        refused = Some(contents);
                        Some(trouble)
                    }
                },
                Err(trouble) => Some(trouble),
            };
            if let Some(trouble) = &trouble {
                tracing::warn!("{trouble}; those that were read before stay in use");
            }
            self.status.tls_trouble(trouble);
        }
    }
}
