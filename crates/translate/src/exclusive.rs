//! HTTPRoutes and GRPCRoutes never share a hostname of a listener: the older one keeps it.
//!
//! Gateway API, GRPCRoute `hostnames`: when routes of both kinds meet on a listener, exactly one is accepted.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use clearway_k8s::conditions::reasons;
use clearway_model::{Hostname, RouteKind, RouteRef};

use crate::attach::RouteState;
use crate::problem::Refusal;

/// Index of a route, of one of its parents, and of an attachment of that parent.
type Place = (usize, usize, usize);

/// Attachments of a route whose hostnames an older route of the other kind holds: index of the parent, and of the
/// attachment, from the back.
pub(crate) type Lost = Vec<(usize, usize)>;

/// Finds the routes that lose attachments.
pub(crate) fn find(routes: &[&RouteState]) -> BTreeMap<RouteRef, Lost> {
    let mut listeners: BTreeMap<(usize, usize), Vec<Place>> = BTreeMap::new();
    for (route, state) in routes.iter().enumerate() {
        for (parent, parent_state) in state.parents.iter().enumerate() {
            for (slot, (listener, _)) in parent_state.attached.iter().enumerate() {
                listeners.entry((parent_state.gateway, *listener)).or_default().push((route, parent, slot));
            }
        }
    }
    let mut lost: Vec<Place> = Vec::new();
    for mut places in listeners.into_values() {
        let kind = |place: &Place| routes.get(place.0).map(|state| state.key.kind);
        let first = places.first().and_then(kind);
        if places.iter().all(|place| kind(place) == first) {
            continue;
        }
        places
            .sort_by(|a, b| routes.get(a.0).map(|one| one.age()).cmp(&routes.get(b.0).map(|one| one.age())));
        let (mut http, mut grpc) = (HostSet::default(), HostSet::default());
        for place in places {
            let Some(state) = routes.get(place.0) else { continue };
            let hosts = state.parents.get(place.1).and_then(|parent| parent.attached.get(place.2));
            let Some((_, hosts)) = hosts else { continue };
            let (own, other) = match state.key.kind {
                RouteKind::Http => (&mut http, &grpc),
                RouteKind::Grpc => (&mut grpc, &http),
                // They attach to listeners of their own protocol only.
                RouteKind::Tls | RouteKind::Tcp | RouteKind::Udp => continue,
            };
            if hosts.iter().any(|host| other.meets(host)) {
                lost.push(place);
            } else {
                hosts.iter().for_each(|host| own.insert(host));
            }
        }
    }
    // From the back, so that earlier slots keep their places.
    lost.sort_unstable_by(|a, b| b.cmp(a));
    let mut found: BTreeMap<RouteRef, Lost> = BTreeMap::new();
    for (route, parent, slot) in lost {
        if let Some(state) = routes.get(route) {
            found.entry(state.key.clone()).or_default().push((parent, slot));
        }
    }
    found
}

/// Takes an attachment away from a route.
pub(crate) fn take_away(state: &mut RouteState, (parent, slot): (usize, usize)) {
    let other = if state.key.kind == RouteKind::Http { RouteKind::Grpc } else { RouteKind::Http };
    let Some(parent) = state.parents.get_mut(parent) else { return };
    let (_, hosts) = parent.attached.remove(slot);
    let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
    let message = format!(
        "an older {} holds hostname {} of the listener, and the two kinds never share one; change hostnames or listener",
        other.as_str(),
        hosts.join(", ")
    );
    let field = format!("spec.parentRefs[{}]", parent.position);
    let refusal = Refusal::new(reasons::HOSTNAME_CONFLICT, field, message);
    if parent.attached.is_empty() {
        parent.refusal = Some(refusal);
    } else {
        parent.lost.push(refusal);
    }
}

/// A set of hostnames that answers whether another one overlaps it, without going through all.
#[derive(Default)]
struct HostSet {
    any: bool,
    exact: HashSet<Arc<str>>,
    wildcards: HashSet<Arc<str>>,
    /// Every proper suffix, by labels, of what is in `exact` and `wildcards`.
    above: HashSet<String>,
}

impl HostSet {
    fn insert(&mut self, host: &Hostname) {
        match host {
            Hostname::Any => self.any = true,
            Hostname::Exact(name) => {
                if self.exact.insert(name.clone()) {
                    self.above.extend(suffixes(name).map(str::to_owned));
                }
            }
            Hostname::Wildcard(suffix) => {
                if self.wildcards.insert(suffix.clone()) {
                    self.above.extend(suffixes(suffix).map(str::to_owned));
                }
            }
        }
    }

    fn meets(&self, host: &Hostname) -> bool {
        let below_wildcard = |name: &str| suffixes(name).any(|suffix| self.wildcards.contains(suffix));
        self.any
            || match host {
                Hostname::Any => !self.exact.is_empty() || !self.wildcards.is_empty(),
                Hostname::Exact(name) => self.exact.contains(name) || below_wildcard(name),
                Hostname::Wildcard(suffix) => {
                    self.wildcards.contains(suffix)
                        || below_wildcard(suffix)
                        || self.above.contains(&**suffix)
                }
            }
    }
}

/// `b.c` and `c` of `a.b.c`.
fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(name.split_once('.').map(|(_, rest)| rest), |rest| {
        rest.split_once('.').map(|(_, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use super::HostSet;
    use clearway_model::Hostname;

    #[test]
    fn a_set_meets_exactly_what_intersects_one_of_its_hosts() {
        let hosts = ["*", "a.b.c", "b.c", "*.b.c", "*.c", "*.a.b.c", "x.c", "*.d", "e"].map(Hostname::parse);
        for one in &hosts {
            for two in &hosts {
                let mut set = HostSet::default();
                set.insert(one);
                assert_eq!(set.meets(two), one.intersect(two).is_some(), "{one} {two}");
                assert!(!HostSet::default().meets(two));
            }
        }
    }
}
