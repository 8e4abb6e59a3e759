//! What the client has received: names, versions, values, and what could not be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use clearway_model::{Backend, Certificate, Listener, Rule, Snapshot, Version};

use crate::codec::Resource;
use crate::digest::{Digest, mark};
use crate::kind::Kind;
use crate::manifest::Manifest;
use crate::name::ResourceFault;
use crate::wire::discovery::DeltaDiscoveryResponse;

/// What is held of one resource besides its value.
#[derive(Debug)]
struct Held {
    version: String,
    /// Why there is no value.
    fault: Option<String>,
}

/// The resources of one kind.
#[derive(Debug, Default)]
struct Shelf {
    held: BTreeMap<String, Held>,
    digest: Digest,
}

/// Everything received so far.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// In the order of [`Kind::ALL`].
    shelves: [Shelf; 4],
    /// The values; its version says nothing.
    values: Snapshot,
}

impl Store {
    /// Takes a response of this kind in.
    pub(super) fn take(&mut self, kind: Kind, response: DeltaDiscoveryResponse) {
        match kind {
            Kind::Certificate => self.take_as::<Certificate>(response),
            Kind::Backend => self.take_as::<Backend>(response),
            Kind::Listener => self.take_as::<Listener>(response),
            Kind::Rule => self.take_as::<Rule>(response),
        }
    }

    fn take_as<R: Resource>(&mut self, response: DeltaDiscoveryResponse) {
        let shelf = &mut self.shelves[R::KIND.index()];
        let values = R::of_mut(&mut self.values);
        let mut forget = |name: &str, shelf: &mut Shelf| {
            let Some(held) = shelf.held.remove(name) else { return };
            shelf.digest.remove(mark(name, &held.version));
            if let Some(key) = R::parse(name) {
                values.remove(&key);
            }
        };
        for name in &response.removed_resources {
            forget(name, shelf);
        }
        let mut read = Vec::with_capacity(response.resources.len());
        for resource in response.resources {
            forget(&resource.name, shelf);
            let bytes = resource.resource.unwrap_or_default().value;
            let fault = match R::decode(&resource.name, bytes) {
                Ok(value) => {
                    read.push((value.key(), Arc::new(value)));
                    None
                }
                Err(error) => Some(error.to_string()),
            };
            shelf.digest.add(mark(&resource.name, &resource.version));
            shelf.held.insert(resource.name, Held { version: resource.version, fault });
        }
        values.extend(read);
    }

    /// What the control plane need not send again. What could not be read is not named: it comes again, and is refused
    /// again, until somebody mends it.
    pub(super) fn versions(&self, kind: Kind) -> BTreeMap<String, String> {
        let held = self.shelves[kind.index()].held.iter().filter(|(_, held)| held.fault.is_none());
        held.map(|(name, held)| (name.clone(), held.version.clone())).collect()
    }

    /// Whether what is held is what the manifest says, and all of it could be read.
    pub(super) fn check(&self, manifest: &Manifest) -> Result<(), Unfit> {
        let differences = manifest.differences(&self.shelves.each_ref().map(|shelf| shelf.digest));
        if !differences.is_empty() {
            return Err(Unfit::Incomplete(differences.join("; ")));
        }
        let faults = self.faults();
        if faults.is_empty() { Ok(()) } else { Err(Unfit::Faulty(faults)) }
    }

    /// What is held, under this version.
    pub(super) fn snapshot(&self, version: &Version) -> Snapshot {
        Snapshot { version: version.clone(), ..self.values.clone() }
    }

    fn faults(&self) -> Vec<ResourceFault> {
        let of = |kind: Kind| {
            self.shelves[kind.index()].held.iter().filter_map(move |(name, held)| {
                let fault = held.fault.as_deref()?;
                Some(ResourceFault { kind, name: name.as_str().into(), message: fault.into() })
            })
        };
        Kind::ALL.into_iter().flat_map(of).collect()
    }
}

/// Why what is held makes no snapshot.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It is not what the Manifest says.
    Incomplete(String),
    /// Some of it cannot be read.
    Faulty(Vec<ResourceFault>),
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use clearway_model::ObjectRef;

    use super::*;
    use crate::digest::version;
    use crate::wire::{discovery, protobuf};

    fn certificate(name: &str, key: &[u8]) -> discovery::Resource {
        let secret = ObjectRef::new("a", name);
        let bytes = Certificate { secret, chain_pem: [].into(), key_pem: key.into() }.encode();
        resource(&format!("a/{name}"), &bytes)
    }

    fn resource(name: &str, value: &Bytes) -> discovery::Resource {
        let any = protobuf::Any { type_url: Kind::Certificate.type_url().to_owned(), value: value.clone() };
        discovery::Resource { version: version(value), resource: Some(any), name: name.to_owned() }
    }

    fn take(store: &mut Store, resources: &[discovery::Resource], removed: &[&str]) {
        let removed_resources = removed.iter().map(ToString::to_string).collect();
        let resources = resources.to_vec();
        let response = DeltaDiscoveryResponse { resources, removed_resources, ..Default::default() };
        store.take(Kind::Certificate, response);
    }

    fn manifest(resources: &[discovery::Resource]) -> Manifest {
        let mut digests = [Digest::default(); 4];
        for resource in resources {
            digests[Kind::Certificate.index()].add(mark(&resource.name, &resource.version));
        }
        Manifest::new(Version("v".into()), digests)
    }

    #[test]
    fn replaced_and_removed_resources_leave_nothing_behind() {
        let (old, new, other) = (certificate("x", b"1"), certificate("x", b"2"), certificate("y", b"3"));
        let mut store = Store::default();
        take(&mut store, &[old, other], &[]);
        take(&mut store, std::slice::from_ref(&new), &["a/y", "a/never-there"]);
        store.check(&manifest(&[new])).unwrap();
        let snapshot = store.snapshot(&Version("v".into()));
        let keys: Vec<_> = snapshot.certificates.values().map(|one| one.key_pem.to_vec()).collect();
        assert_eq!((keys, snapshot.version.as_str()), (vec![b"2".to_vec()], "v"));
    }

    #[test]
    fn a_set_that_lacks_something_is_no_snapshot() {
        let (one, other) = (certificate("x", b"1"), certificate("y", b"2"));
        let mut store = Store::default();
        take(&mut store, std::slice::from_ref(&one), &[]);
        let Err(Unfit::Incomplete(reason)) = store.check(&manifest(&[one, other])) else { panic!() };
        assert!(reason.starts_with("Certificate: 2 with digest "), "{reason}");
    }

    #[test]
    fn what_cannot_be_read_is_a_fault_and_is_asked_for_again() {
        let (good, bad) = (certificate("x", b"1"), resource("a/y", &Bytes::from_static(&[0xff])));
        let mut store = Store::default();
        // It replaces a good one, of which nothing may stay.
        take(&mut store, &[good.clone(), certificate("y", b"2")], &[]);
        take(&mut store, std::slice::from_ref(&bad), &[]);
        let Err(Unfit::Faulty(faults)) = store.check(&manifest(&[good, bad])) else { panic!() };
        assert_eq!((faults.len(), &*faults[0].name), (1, "a/y"));
        assert_eq!(store.versions(Kind::Certificate).into_keys().collect::<Vec<_>>(), ["a/x"]);
        let mended = certificate("y", b"4");
        take(&mut store, &[mended], &[]);
        assert!(store.faults().is_empty());
    }
}
