//! A snapshot as it travels: named, versioned bytes; only what changed is encoded again.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use clearway_model::{Backend, Certificate, Listener, Rule, Snapshot, Version};

use crate::codec::Resource;
use crate::digest::{self, Digest};
use crate::kind::Kind;
use crate::manifest::Manifest;

/// One resource, encoded.
#[derive(Debug, PartialEq, Eq)]
pub struct Encoded {
    /// A hash of the bytes.
    pub version: Arc<str>,
    /// The message of its kind.
    pub bytes: Bytes,
    mark: u128,
}

impl Encoded {
    fn new(name: &str, bytes: Bytes) -> Self {
        let version = digest::version(&bytes);
        Self { mark: digest::mark(name, &version), version: version.into(), bytes }
    }
}

/// The resources of one kind, by name.
#[derive(Debug, Default)]
struct Set {
    entries: BTreeMap<Arc<str>, Arc<Encoded>>,
    digest: Digest,
    bytes: usize,
}

/// A snapshot, encoded. It keeps the snapshot, to see what changes next.
#[derive(Debug)]
pub struct Resources {
    snapshot: Arc<Snapshot>,
    /// In the order of [`Kind::ALL`].
    sets: [Set; 4],
    manifest: Manifest,
    manifest_bytes: Bytes,
    encoded: usize,
}

/// What leads from one set of resources to another.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New or changed, by name, sorted.
    pub changed: Vec<(Arc<str>, Arc<Encoded>)>,
    /// Names of those that are gone, sorted.
    pub removed: Vec<Arc<str>>,
}

impl Changes {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty()
    }
}

impl Resources {
    /// Encodes a snapshot. What equals its counterpart in `previous` shares its bytes with it.
    pub fn encode(snapshot: Arc<Snapshot>, previous: Option<&Self>) -> Self {
        let mut encoded = 0;
        let sets = [
            encode_set::<Certificate>(&snapshot, previous, &mut encoded),
            encode_set::<Backend>(&snapshot, previous, &mut encoded),
            encode_set::<Listener>(&snapshot, previous, &mut encoded),
            encode_set::<Rule>(&snapshot, previous, &mut encoded),
        ];
        let manifest = Manifest::new(snapshot.version.clone(), sets.each_ref().map(|set| set.digest));
        let manifest_bytes = manifest.encode();
        Self { snapshot, sets, manifest, manifest_bytes, encoded }
    }

    /// The snapshot.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Its version.
    pub fn version(&self) -> &Version {
        &self.snapshot.version
    }

    /// What it consists of.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The Manifest as a resource: its version and its bytes.
    pub(crate) fn manifest_bytes(&self) -> &Bytes {
        &self.manifest_bytes
    }

    /// How many resources of a kind there are.
    pub fn count(&self, kind: Kind) -> usize {
        self.set(kind).entries.len()
    }

    /// Bytes of all resources of a kind.
    pub fn bytes(&self, kind: Kind) -> usize {
        self.set(kind).bytes
    }

    /// How many resources were encoded for it, rather than taken from the previous ones.
    pub fn encoded(&self) -> usize {
        self.encoded
    }

    /// One resource.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Arc<Encoded>> {
        self.set(kind).entries.get(name)
    }

    /// What is to be sent to one who has `from`; `None` has nothing.
    pub fn changes(&self, kind: Kind, from: Option<&Self>) -> Changes {
        let held = from.into_iter().flat_map(|from| &from.set(kind).entries);
        self.changes_from(kind, held.map(|(name, encoded)| (&**name, &*encoded.version)))
    }

    /// What is to be sent to one who has these names and versions, sorted by name.
    pub(crate) fn changes_from<'a>(
        &self,
        kind: Kind,
        held: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Changes {
        let mut changes = Changes::default();
        let mut held = held.peekable();
        for (name, encoded) in &self.set(kind).entries {
            while let Some((gone, _)) = held.next_if(|(held, _)| (*held).cmp(name) == Ordering::Less) {
                changes.removed.push(gone.into());
            }
            let same = held.next_if(|(held, _)| *held == &**name);
            if same.is_none_or(|(_, version)| *version != *encoded.version) {
                changes.changed.push((name.clone(), encoded.clone()));
            }
        }
        changes.removed.extend(held.map(|(gone, _)| Arc::from(gone)));
        changes
    }

    fn set(&self, kind: Kind) -> &Set {
        &self.sets[kind.index()]
    }
}

fn encode_set<R: Resource>(snapshot: &Snapshot, previous: Option<&Resources>, encoded: &mut usize) -> Set {
    let mut set = Set::default();
    for (key, value) in R::of(snapshot) {
        let name = R::name(key);
        let kept = previous
            .filter(|previous| R::of(&previous.snapshot).get(key) == Some(value))
            .and_then(|previous| previous.set(R::KIND).entries.get_key_value(name.as_str()));
        let (name, one) = if let Some((name, one)) = kept {
            (name.clone(), one.clone())
        } else {
            *encoded += 1;
            let one = Encoded::new(&name, value.encode());
            (name.into(), Arc::new(one))
        };
        set.digest.add(one.mark);
        set.bytes += one.bytes.len();
        set.entries.insert(name, one);
    }
    set
}
