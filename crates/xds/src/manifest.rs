//! The completeness digest: what a whole snapshot consists of.

use std::fmt;

use bytes::Bytes;
use clearway_model::Version;
use prost::Message as _;

use crate::codec::Wrong;
use crate::digest::Digest;
use crate::kind::Kind;
use crate::wire::config as pb;

/// What a snapshot consists of. A client that holds exactly this holds everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The version of the snapshot.
    pub version: Version,
    /// One for each kind, in the order of [`Kind::ALL`].
    pub inventories: [Inventory; 4],
}

/// The resources of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The kind.
    pub kind: Kind,
    /// How many there are, and the digest of their names and versions.
    pub digest: Digest,
}

impl Manifest {
    pub(crate) fn new(version: Version, digests: [Digest; 4]) -> Self {
        Self { version, inventories: Kind::ALL.map(|kind| Inventory { kind, digest: digests[kind.index()] }) }
    }

    pub(crate) fn encode(&self) -> Bytes {
        let Self { version, inventories } = self;
        let inventories = inventories
            .iter()
            .map(|Inventory { kind, digest }| pb::Inventory {
                type_url: kind.type_url().to_owned(),
                count: digest.count(),
                digest: Bytes::copy_from_slice(&digest.sum()),
            })
            .collect();
        pb::Manifest { version: version.as_str().to_owned(), inventories }.encode_to_vec().into()
    }

    /// Reads one. An inventory of a type that is not known is an error: a snapshot that cannot be seen whole is not
    /// applied.
    pub(crate) fn decode(bytes: Bytes) -> Result<Self, Wrong> {
        let pb::Manifest { version, inventories } =
            pb::Manifest::decode(bytes).map_err(|error| Wrong::new(error.to_string()))?;
        if version.is_empty() {
            return Err(Wrong::new("is empty").of("version"));
        }
        let mut digests = [None; 4];
        for pb::Inventory { type_url, count, digest } in inventories {
            let kind = Kind::from_type_url(&type_url).ok_or_else(|| {
                Wrong::new(format!("names {type_url}, which is not known here")).of("inventories")
            })?;
            let digest = Digest::from_parts(count, &digest);
            let digest =
                digest.ok_or_else(|| Wrong::new("has not 16 bytes").of("digest").of(kind.as_str()))?;
            digests[kind.index()] = Some(digest);
        }
        let mut whole = [Digest::default(); 4];
        for kind in Kind::ALL {
            whole[kind.index()] = digests[kind.index()]
                .ok_or_else(|| Wrong::new(format!("lacks {}", kind.type_url())).of("inventories"))?;
        }
        Ok(Self::new(Version(version.into()), whole))
    }

    /// How `held` differs from it, one sentence for each kind that differs; empty when it is the same.
    pub(crate) fn differences(&self, held: &[Digest; 4]) -> Vec<String> {
        let differs = self.inventories.iter().filter(|one| one.digest != held[one.kind.index()]);
        differs
            .map(|Inventory { kind, digest }| {
                format!("{kind}: {digest} expected, {} held", held[kind.index()])
            })
            .collect()
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "snapshot {}", self.version)?;
        self.inventories.iter().try_for_each(|one| write!(f, ", {} {}", one.digest.count(), one.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::mark;

    fn manifest() -> Manifest {
        let mut digests = [Digest::default(); 4];
        digests[1].add(mark("Service/a/b/80", "1"));
        Manifest::new(Version("v1".into()), digests)
    }

    #[test]
    fn it_survives_the_wire_and_names_what_differs() {
        let sent = manifest();
        let got = Manifest::decode(sent.encode()).unwrap();
        assert_eq!(got, sent);
        let held = [Digest::default(); 4];
        assert!(
            got.differences(&held)[0].starts_with("Backend: 1 with digest "),
            "{:?}",
            got.differences(&held)
        );
        assert!(got.differences(&sent.inventories.map(|one| one.digest)).is_empty());
    }

    #[test]
    fn one_that_lacks_a_kind_or_names_a_strange_one_is_refused() {
        let mut message = pb::Manifest::decode(manifest().encode()).unwrap();
        message.inventories.pop();
        let error = Manifest::decode(message.encode_to_vec().into()).unwrap_err();
        assert_eq!(error.to_string(), format!("inventories lacks {}", Kind::Rule.type_url()));
        message.inventories[0].type_url = "type.googleapis.com/x".to_owned();
        let error = Manifest::decode(message.encode_to_vec().into()).unwrap_err();
        assert!(error.to_string().contains("googleapis.com/x"), "{error}");
    }
}
