//! Private ports: every port of every Gateway leads to a port of its own in the fleet's pods. Pure.
//!
//! The Services are the record, so a restart or another leader goes on with the same numbers. A number is looked for from
//! a place that follows from the Gateway's name and port, so two leaders that know nothing of each other rarely meet, and
//! where they do the older Service keeps the number.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use clearway_model::ObjectRef;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Where private ports lie.
pub(crate) const RANGE: RangeInclusive<u16> = 20_000..=29_999;

/// Ports of a Gateway, each with its private port.
pub(crate) type Ports = BTreeMap<u16, u16>;

/// What a Service says it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// When it was made: the older one keeps a number that two have. Empty for what was given a moment ago.
    pub(crate) created: String,
    /// The Gateway.
    pub(crate) gateway: ObjectRef,
    /// What it has.
    pub(crate) ports: Ports,
}

impl Claim {
    /// Reads a Service of ours.
    pub(crate) fn read(gateway: &ObjectRef, service: &Value) -> Self {
        let list = service.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
        let number = |entry: &Value, key: &str| u16::try_from(entry.get(key)?.as_u64()?).ok();
        let ports = list.filter_map(|entry| Some((number(entry, "port")?, number(entry, "targetPort")?)));
        let created =
            service.pointer("/metadata/creationTimestamp").and_then(Value::as_str).unwrap_or_default();
        Self { created: created.to_owned(), gateway: gateway.clone(), ports: ports.collect() }
    }
}

/// Gives every needed port its private port: the one that it has, or a free one. A port is missing from the answer when
/// nothing is free. What is no longer needed stays taken until its Service has let it go.
pub(crate) fn allocate<'n>(
    claims: &[Claim],
    needs: impl Iterator<Item = (&'n ObjectRef, &'n [u16])>,
) -> BTreeMap<ObjectRef, Ports> {
    let mut claims: Vec<&Claim> = claims.iter().collect();
    claims.sort_by(|a, b| (&a.created, &a.gateway).cmp(&(&b.created, &b.gateway)));
    let mut taken = BTreeSet::new();
    let mut held: BTreeMap<(&ObjectRef, u16), u16> = BTreeMap::new();
    for claim in claims {
        for (port, private) in &claim.ports {
            let again = held.contains_key(&(&claim.gateway, *port));
            if RANGE.contains(private) && !again && taken.insert(*private) {
                held.insert((&claim.gateway, *port), *private);
            }
        }
    }
    let mut given = BTreeMap::new();
    for (gateway, needed) in needs {
        let ports = needed.iter().filter_map(|port| {
            let private = held.get(&(gateway, *port)).copied().or_else(|| free(gateway, *port, &taken))?;
            taken.insert(private);
            Some((*port, private))
        });
        given.insert(gateway.clone(), ports.collect());
    }
    given
}

/// The first free number from the place of this port on.
fn free(gateway: &ObjectRef, port: u16, taken: &BTreeSet<u16>) -> Option<u16> {
    let digest = Sha256::digest(format!("{gateway}:{port}"));
    let place = digest.iter().take(4).fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
    let size = RANGE.len();
    RANGE.cycle_from(place % size).find(|private| !taken.contains(private))
}

/// Walking a range once, from somewhere inside of it.
trait CycleFrom {
    fn cycle_from(&self, at: usize) -> impl Iterator<Item = u16>;
}

impl CycleFrom for RangeInclusive<u16> {
    fn cycle_from(&self, at: usize) -> impl Iterator<Item = u16> {
        self.clone().skip(at).chain(self.clone().take(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(name: &str) -> ObjectRef {
        ObjectRef::new("n", name)
    }

    fn claim(created: &str, name: &str, ports: &[(u16, u16)]) -> Claim {
        Claim { created: created.into(), gateway: gateway(name), ports: ports.iter().copied().collect() }
    }

    fn run(claims: &[Claim], needs: &[(&str, &[u16])]) -> BTreeMap<String, Ports> {
        let needs: Vec<(ObjectRef, &[u16])> =
            needs.iter().map(|(name, ports)| (gateway(name), *ports)).collect();
        let given = allocate(claims, needs.iter().map(|(gateway, ports)| (gateway, *ports)));
        given.into_iter().map(|(gateway, ports)| (gateway.name.to_string(), ports)).collect()
    }

    #[test]
    fn what_a_service_has_it_keeps() {
        let claims = [claim("1", "a", &[(80, 20_000), (443, 29_999)])];
        let given = run(&claims, &[("a", &[80, 443])]);
        assert_eq!(given["a"], Ports::from([(80, 20_000), (443, 29_999)]));
    }

    #[test]
    fn the_same_world_gives_the_same_numbers_and_all_are_different() {
        let names: Vec<String> = (0..2_000).map(|n| format!("g{n}")).collect();
        let needs: Vec<(&str, &[u16])> = names.iter().map(|name| (name.as_str(), &[80, 443][..])).collect();
        let given = run(&[], &needs);
        assert_eq!(given, run(&[], &needs));
        let all: BTreeSet<u16> = given.values().flat_map(|ports| ports.values().copied()).collect();
        assert_eq!(all.len(), 4_000);
        assert!(all.iter().all(|private| RANGE.contains(private)));
    }

    #[test]
    fn numbers_survive_a_restart_and_newcomers_do_not_move_them() {
        let first = run(&[], &[("a", &[80]), ("b", &[80, 443])]);
        let claims: Vec<Claim> = first
            .iter()
            .map(|(name, ports)| Claim { created: "1".into(), gateway: gateway(name), ports: ports.clone() })
            .collect();
        let second = run(&claims, &[("0", &[1, 2, 3]), ("a", &[80]), ("b", &[443, 8080])]);
        assert_eq!(second["a"], first["a"]);
        assert_eq!(second["b"][&443], first["b"][&443]);
    }

    #[test]
    fn the_older_service_keeps_a_number_that_two_have() {
        let claims = [claim("2026-02", "a", &[(80, 25_000)]), claim("2026-01", "b", &[(80, 25_000)])];
        let given = run(&claims, &[("a", &[80]), ("b", &[80])]);
        assert_eq!(given["b"][&80], 25_000);
        assert_ne!(given["a"][&80], 25_000);
    }

    #[test]
    fn numbers_outside_of_the_range_and_doubles_in_one_service_are_mended() {
        let given =
            run(&[claim("1", "a", &[(80, 8080), (81, 21_000), (82, 21_000)])], &[("a", &[80, 81, 82])]);
        assert!(RANGE.contains(&given["a"][&80]));
        assert_eq!(given["a"][&81], 21_000);
        assert_ne!(given["a"][&82], 21_000);
    }

    #[test]
    fn what_is_still_written_in_a_service_is_not_given_away() {
        let holder = run(&[], &[("new", &[80])])["new"][&80];
        let claims = [claim("1", "old", &[(80, holder)])];
        assert_ne!(
            run(&claims, &[("old", &[]), ("new", &[80])])["new"][&80],
            holder,
            "its Service still says so"
        );
        assert_ne!(
            run(&claims, &[("new", &[80])])["new"][&80],
            holder,
            "although nobody asks for the old one"
        );
    }

    #[test]
    fn when_nothing_is_free_the_port_is_missing() {
        let full =
            Claim { created: "1".into(), gateway: gateway("full"), ports: RANGE.map(|p| (p, p)).collect() };
        assert!(run(&[full], &[("late", &[80])])["late"].is_empty());
        let nearly: Ports = RANGE.skip(1).map(|p| (p, p)).collect();
        let claim = Claim { created: "1".into(), gateway: gateway("full"), ports: nearly };
        assert_eq!(run(&[claim], &[("late", &[80, 81])])["late"], Ports::from([(80, 20_000)]));
    }

    #[test]
    fn a_service_is_read() {
        let service = serde_json::json!({
            "metadata": {"creationTimestamp": "2026-11-21T05:00:00Z"},
            "spec": {"ports": [{"port": 80, "targetPort": 20_001}, {"port": 81, "targetPort": "web"}, {"port": 99_999, "targetPort": 1}]},
        });
        assert_eq!(Claim::read(&gateway("a"), &service), claim("2026-11-21T05:00:00Z", "a", &[(80, 20_001)]));
    }
}
