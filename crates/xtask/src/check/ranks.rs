//! Ranks of the crates: one may depend only on those of a lower rank, so that the arrows point one way.

use serde::Deserialize;

use super::Finding;
use crate::tree::Failure;

/// The place of a crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    /// May be used by every crate of a higher rank.
    Layer(u8),
    /// For tests and for work on the repository: it may use every crate and is used by tests only.
    Development,
}

/// Every crate of the workspace has its place here (the folders of ARCHITECTURE.md).
const RANKS: &[(&str, Rank)] = &[
    ("clearway-model", Rank::Layer(0)),
    ("clearway-telemetry", Rank::Layer(1)),
    ("clearway-route", Rank::Layer(1)),
    ("clearway-xds", Rank::Layer(1)),
    ("clearway-k8s", Rank::Layer(1)),
    ("clearway-translate", Rank::Layer(2)),
    ("clearway-admin", Rank::Layer(2)),
    ("clearway-proxy", Rank::Layer(2)),
    ("clearway-dashboard", Rank::Layer(3)),
    ("clearway-controlplane", Rank::Layer(3)),
    ("clearway-dataplane", Rank::Layer(3)),
    ("clearway", Rank::Layer(4)),
    ("clearway-ops", Rank::Development),
    ("clearway-testkit", Rank::Development),
    ("clearway-e2e", Rank::Development),
    ("clearway-xtask", Rank::Development),
];

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `null`, `dev` or `build`.
    kind: Option<String>,
    /// Present for crates of the workspace.
    path: Option<String>,
}

/// Compares what `cargo metadata --no-deps` prints with the ranks.
pub(super) fn check(metadata: &str) -> Result<Vec<Finding>, Failure> {
    let metadata: Metadata = serde_json::from_str(metadata).map_err(|error| Failure::Command {
        command: "cargo metadata".to_owned(),
        reason: error.to_string(),
    })?;
    Ok(metadata.packages.iter().flat_map(check_package).collect())
}

fn check_package(package: &Package) -> Vec<Finding> {
    let name = &package.name;
    let Some(rank) = rank(name) else {
        let sentence =
            "has no rank; give it one in crates/xtask/src/check/ranks.rs and its place in ARCHITECTURE.md";
        return vec![Finding::new(format!("crate {name}"), sentence)];
    };
    let ours = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    ours.filter_map(|dependency| refuse(rank, dependency))
        .map(|sentence| Finding::new(format!("crate {name}"), sentence))
        .collect()
}

fn rank(name: &str) -> Option<Rank> {
    RANKS.iter().find(|(known, _)| *known == name).map(|(_, rank)| *rank)
}

fn refuse(user: Rank, dependency: &Dependency) -> Option<String> {
    let Dependency { name, kind, .. } = dependency;
    let tests_only = kind.as_deref() == Some("dev");
    match (user, rank(name)?) {
        (Rank::Development, _) => None,
        (_, Rank::Development) if tests_only => None,
        (_, Rank::Development) => {
            Some(format!("depends on {name}, which is for tests: make it a dev-dependency"))
        }
        (Rank::Layer(mine), Rank::Layer(other)) if other < mine => None,
        (Rank::Layer(mine), Rank::Layer(other)) => Some(format!(
            "is of rank {mine} and depends on {name} of rank {other}; only lower ranks may be used: move what is \
             shared down, or give it in from above"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(user: &str, used: &str, kind: &str) -> Vec<String> {
        let metadata = format!(
            r#"{{"packages":[{{"name":"{user}","dependencies":[{{"name":"{used}","kind":{kind},"path":"x"}}]}}]}}"#
        );
        check(&metadata).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn arrows_point_down() {
        assert!(findings("clearway-proxy", "clearway-model", "null").is_empty());
        assert!(findings("clearway-proxy", "clearway-admin", "null")[0].contains("rank 2"));
        assert_eq!(findings("clearway-model", "clearway-proxy", "\"build\"").len(), 1);
    }

    #[test]
    fn test_crates_are_for_tests() {
        assert!(findings("clearway-proxy", "clearway-testkit", "\"dev\"").is_empty());
        assert_eq!(findings("clearway-proxy", "clearway-testkit", "null").len(), 1);
        assert!(findings("clearway-testkit", "clearway", "null").is_empty());
    }

    #[test]
    fn every_crate_has_a_rank() {
        assert!(findings("clearway-new", "clearway-model", "null")[0].contains("no rank"));
    }
}
