//! `ReferenceGrant`, and the one rule about it: who may refer to what in another namespace.

use serde::Deserialize;

use crate::meta::ObjectMeta;

/// Lets objects of other namespaces refer to objects of its own namespace.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ReferenceGrant {
    /// Metadata; the namespace is that of the objects referred to.
    pub metadata: ObjectMeta,
    /// What is allowed.
    pub spec: ReferenceGrantSpec,
}

/// `ReferenceGrant.spec`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ReferenceGrantSpec {
    /// Who may refer.
    #[serde(default)]
    pub from: Vec<GrantFrom>,
    /// To what.
    #[serde(default)]
    pub to: Vec<GrantTo>,
}

/// Who may refer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GrantFrom {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
}

/// What may be referred to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GrantTo {
    /// API group; empty is core.
    #[serde(default)]
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name; every object of the kind when absent.
    #[serde(default)]
    pub name: Option<String>,
}

/// A reference across namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossReference<'a> {
    /// API group of the referrer.
    pub from_group: &'a str,
    /// Kind of the referrer.
    pub from_kind: &'a str,
    /// Namespace of the referrer.
    pub from_namespace: &'a str,
    /// API group of the object referred to.
    pub to_group: &'a str,
    /// Kind of the object referred to.
    pub to_kind: &'a str,
    /// Namespace of the object referred to.
    pub to_namespace: &'a str,
    /// Name of the object referred to.
    pub to_name: &'a str,
}

/// Whether a reference is allowed: within one namespace always, across two when a grant of the target's namespace says so.
pub fn permits<'g>(
    reference: CrossReference<'_>,
    grants: impl IntoIterator<Item = &'g ReferenceGrant>,
) -> bool {
    reference.from_namespace == reference.to_namespace
        || grants.into_iter().any(|grant| {
            grant.metadata.namespace == reference.to_namespace
                && grant.spec.from.iter().any(|from| {
                    from.group == reference.from_group
                        && from.kind == reference.from_kind
                        && from.namespace == reference.from_namespace
                })
                && grant.spec.to.iter().any(|to| {
                    to.group == reference.to_group
                        && to.kind == reference.to_kind
                        && to.name.as_deref().is_none_or(|name| name.is_empty() || name == reference.to_name)
                })
        })
}

#[cfg(test)]
mod tests {
    use super::{CrossReference, ReferenceGrant, permits};
    use serde_json::json;

    const REFERENCE: CrossReference<'_> = CrossReference {
        from_group: "gateway.networking.k8s.io",
        from_kind: "HTTPRoute",
        from_namespace: "apps",
        to_group: "",
        to_kind: "Service",
        to_namespace: "web",
        to_name: "shop",
    };

    fn grant(namespace: &str, from: (&str, &str), to: &serde_json::Value) -> ReferenceGrant {
        serde_json::from_value(json!({
            "metadata": {"name": "g", "namespace": namespace},
            "spec": {
                "from": [{"group": "gateway.networking.k8s.io", "kind": from.0, "namespace": from.1}],
                "to": [to],
            }
        }))
        .unwrap()
    }

    #[test]
    fn a_grant_covers_exactly_what_it_says() {
        let cases = [
            ("web", ("HTTPRoute", "apps"), json!({"group": "", "kind": "Service"}), true),
            ("web", ("HTTPRoute", "apps"), json!({"kind": "Service", "name": "shop"}), true),
            ("web", ("HTTPRoute", "apps"), json!({"kind": "Service", "name": "other"}), false),
            ("web", ("HTTPRoute", "apps"), json!({"kind": "Secret"}), false),
            ("web", ("HTTPRoute", "else"), json!({"kind": "Service"}), false),
            ("web", ("GRPCRoute", "apps"), json!({"kind": "Service"}), false),
            ("apps", ("HTTPRoute", "apps"), json!({"kind": "Service"}), false),
        ];
        for (namespace, from, to, want) in cases {
            let granted = grant(namespace, from, &to);
            assert_eq!(permits(REFERENCE, [&granted]), want, "{namespace} {from:?} {to}");
        }
        assert!(!permits(REFERENCE, []));
        assert!(permits(CrossReference { from_namespace: "web", ..REFERENCE }, []));
    }
}
