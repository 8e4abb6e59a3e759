//! The last good configuration on disk: what a data plane serves when it starts and no control plane answers.
//!
//! One file: a line that says what it is, then the snapshot as JSON. What always holds: the file is whole or the one
//! before it (written aside, then renamed); nobody but its owner may read it, for it holds private keys; what is read
//! has the digest that was written, or is not used.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clearway_model::{Backend, Certificate, Listener, ObjectRef, Rule, Snapshot, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const MAGIC: &str = "clearway-last-good";
/// Raised when older programs could read a newer file wrongly.
const FORMAT: u32 = 1;

/// A place for the last good configuration of one fleet.
#[derive(Clone, Debug)]
pub struct LastGood {
    path: PathBuf,
    fleet: Arc<str>,
}

/// A configuration that was kept.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The configuration.
    pub snapshot: Snapshot,
    /// When it was written.
    pub saved: SystemTime,
}

/// Why no last good configuration is used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is none.
    #[error("there is no last good configuration at {}", .0.display())]
    Absent(PathBuf),
    /// It cannot be read.
    #[error("the last good configuration {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is damaged.
    #[error("the last good configuration {} is broken and not used: {reason}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It is not for this program or not for this fleet.
    #[error("the last good configuration {} is not used: {reason}", path.display())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        reason: String,
    },
}

/// The first line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    magic: String,
    format: u32,
    fleet: String,
    /// Milliseconds since 1970.
    saved: u64,
    /// Of the other fields and of all that follows the line.
    sha256: String,
}

/// The model shows certificates without their keys; here alone they are written down.
#[derive(Debug, Serialize, Deserialize)]
struct KeptCertificate {
    secret: ObjectRef,
    chain_pem: Arc<[u8]>,
    key_pem: Arc<[u8]>,
}

#[derive(Debug, Serialize)]
struct Content<'a> {
    version: &'a Version,
    listeners: Vec<&'a Listener>,
    rules: Vec<&'a Rule>,
    backends: Vec<&'a Backend>,
    certificates: Vec<KeptCertificate>,
}

#[derive(Debug, Deserialize)]
struct Kept {
    version: Version,
    listeners: Vec<Listener>,
    rules: Vec<Rule>,
    backends: Vec<Backend>,
    certificates: Vec<KeptCertificate>,
}

impl LastGood {
    /// A place in a folder. The folder must exist when something is to be kept.
    pub fn new(folder: &Path, fleet: impl Into<Arc<str>>) -> Self {
        Self { path: folder.join("last-good.json"), fleet: fleet.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a snapshot; it replaces the one before. Gives the time that stands in the file.
    ///
    /// # Errors
    /// The file system's. The file before is still there then.
    pub fn save(&self, snapshot: &Snapshot) -> io::Result<SystemTime> {
        let content = Content {
            version: &snapshot.version,
            listeners: snapshot.listeners.values().map(|one| &**one).collect(),
            rules: snapshot.rules.values().map(|one| &**one).collect(),
            backends: snapshot.backends.values().map(|one| &**one).collect(),
            certificates: snapshot.certificates.values().map(|one| keep(one)).collect(),
        };
        let content = serde_json::to_vec(&content).map_err(io::Error::other)?;
        let saved = SystemTime::now();
        let mut head = Head {
            magic: MAGIC.to_owned(),
            format: FORMAT,
            fleet: self.fleet.to_string(),
            saved: saved
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
            sha256: String::new(),
        };
        head.sha256 = digest(&head, &content);
        let head = serde_json::to_string(&head).map_err(io::Error::other)?;
        let aside = self.path.with_extension("tmp");
        // One that was left behind may have any mode.
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(head.as_bytes())?;
        file.write_all(b"\n")?;
        file.write_all(&content)?;
        file.sync_all()?;
        fs::rename(&aside, &self.path)?;
        // The rename itself must outlast a crash of the machine too.
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(saved)
    }

    /// Reads what was kept.
    ///
    /// # Errors
    /// There is none, or it cannot be used; the reason says which file and why.
    pub fn load(&self) -> Result<Stored, LoadError> {
        let path = || self.path.clone();
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(LoadError::Absent(path())),
            Err(source) => return Err(LoadError::Unreadable { path: path(), source }),
        };
        let broken = |reason: String| LoadError::Broken { path: path(), reason };
        let other = |reason: String| LoadError::OtherFormat { path: path(), reason };
        let end =
            text.iter().position(|byte| *byte == b'\n').ok_or_else(|| broken("it is cut off".into()))?;
        let (first, content) = text.split_at(end);
        let content = content.get(1..).unwrap_or_default();
        let head: Head = serde_json::from_slice(first)
            .map_err(|error| other(format!("its first line is strange: {error}")))?;
        if head.magic != MAGIC || head.format != FORMAT {
            return Err(other(format!(
                "it is {} {}, and this program writes {MAGIC} {FORMAT}",
                head.magic, head.format
            )));
        }
        if digest(&head, content) != head.sha256 {
            return Err(broken("its digest is not that of its content".into()));
        }
        if *head.fleet != *self.fleet {
            return Err(other(format!("it belongs to the fleet {}, and this is {}", head.fleet, self.fleet)));
        }
        let kept: Kept = serde_json::from_slice(content)
            .map_err(|error| other(format!("another version of the program wrote it: {error}")))?;
        Ok(Stored {
            snapshot: kept.into_snapshot(),
            saved: SystemTime::UNIX_EPOCH + Duration::from_millis(head.saved),
        })
    }
}

impl Kept {
    fn into_snapshot(self) -> Snapshot {
        let certificate = |kept: KeptCertificate| {
            let KeptCertificate { secret, chain_pem, key_pem } = kept;
            (secret.clone(), Certificate { secret, chain_pem, key_pem }.into())
        };
        Snapshot {
            version: self.version,
            listeners: self.listeners.into_iter().map(|one| (one.listener.clone(), one.into())).collect(),
            rules: self.rules.into_iter().map(|one| (one.rule.clone(), one.into())).collect(),
            backends: self.backends.into_iter().map(|one| (one.backend.clone(), one.into())).collect(),
            certificates: self.certificates.into_iter().map(certificate).collect(),
        }
    }
}

fn keep(certificate: &Certificate) -> KeptCertificate {
    let Certificate { secret, chain_pem, key_pem } = certificate.clone();
    KeptCertificate { secret, chain_pem, key_pem }
}

fn digest(head: &Head, content: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{}\n{}\n{}\n{}\n", head.magic, head.format, head.fleet, head.saved));
    hash.update(content);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
