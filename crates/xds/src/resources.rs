//! A snapshot as it travels: named, versioned bytes; only what changed is encoded again.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use clearway_model::{Backend, Certificate, Listener, Rule, Snapshot, Version, differences};

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
#[derive(Clone, Debug, Default)]
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
        let nothing = BTreeMap::new();
        let held = from.map_or(&nothing, |from| &from.set(kind).entries);
        let mut changes = Changes::default();
        differences(held, &self.set(kind).entries, |found| match found.now {
            Some(encoded) => changes.changed.push((found.key.clone(), encoded.clone())),
            None => changes.removed.push(found.key.clone()),
        });
        changes
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

/// Takes the set before, and encodes what differs from it.
fn encode_set<R: Resource>(snapshot: &Snapshot, previous: Option<&Resources>, encoded: &mut usize) -> Set {
    let nothing = BTreeMap::new();
    let before = previous.map_or(&nothing, |previous| R::of(&previous.snapshot));
    let mut set = previous.map(|previous| previous.set(R::KIND).clone()).unwrap_or_default();
    differences(before, R::of(snapshot), |found| {
        let name = R::name(found.key);
        set.forget(&name);
        if let Some(value) = found.now {
            *encoded += 1;
            set.hold(name.as_str(), Encoded::new(&name, value.encode()));
        }
    });
    set
}

impl Set {
    fn hold(&mut self, name: &str, one: Encoded) {
        self.digest.add(one.mark);
        self.bytes += one.bytes.len();
        self.entries.insert(name.into(), Arc::new(one));
    }

    fn forget(&mut self, name: &str) {
        if let Some(one) = self.entries.remove(name) {
            self.digest.remove(one.mark);
            self.bytes -= one.bytes.len();
        }
    }
}
