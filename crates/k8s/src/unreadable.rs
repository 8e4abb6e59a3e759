//! An object that cannot be read, and as much of it as is needed to say so in its status: its generation, and whom it
//! names as class, parent or target.

use serde_json::Value;

use crate::object::ObjectError;
use crate::policy::PolicyTarget;
use crate::route::ParentReference;

/// An object of a known kind whose shape is wrong somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which field, and why.
    pub error: ObjectError,
    /// Generation of the object.
    pub generation: i64,
    /// `spec.controllerName` of a GatewayClass.
    pub controller: Option<String>,
    /// `spec.gatewayClassName` of a Gateway.
    pub class: Option<String>,
    /// `spec.parentRefs` of a route and `spec.parentRef` of a ListenerSet, as far as each can be read.
    pub parents: Vec<ParentReference>,
    /// `spec.targetRefs` of a policy, as far as each can be read.
    pub targets: Vec<PolicyTarget>,
}

/// Most references that are looked for in one object: no more fit into a status.
const MOST: usize = 32;

impl Unreadable {
    /// What can be told of an object that could not be read, from its JSON.
    pub fn new(error: ObjectError, object: &Value) -> Self {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let list = |path: &str| object.pointer(path).and_then(Value::as_array).into_iter().flatten();
        let parent = object.pointer("/spec/parentRef");
        let parents = list("/spec/parentRefs").chain(parent).take(MOST);
        let targets = list("/spec/targetRefs").take(MOST);
        Self {
            error,
            generation: object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default(),
            controller: text("/spec/controllerName"),
            class: text("/spec/gatewayClassName"),
            parents: parents.filter_map(|one| serde_json::from_value(one.clone()).ok()).collect(),
            targets: targets.filter_map(|one| serde_json::from_value(one.clone()).ok()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Unreadable;
    use crate::Object;

    #[test]
    fn whom_it_names_is_read_as_far_as_it_can_be() {
        let mut route = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "r", "namespace": "n", "generation": 3},
            "spec": {"parentRefs": [{"name": "web", "port": "http"}, {"name": "edge"}, 7]},
        });
        let error = Object::read_in_place(&mut route).unwrap_err();
        let found = Unreadable::new(error, &route);
        assert_eq!(found.generation, 3);
        assert_eq!(found.parents.iter().map(|parent| parent.name.as_str()).collect::<Vec<_>>(), ["edge"]);
        assert_eq!(found.error.path, "spec.parentRefs[0].port");
        let nothing = Unreadable::new(found.error, &json!({"metadata": 7, "spec": [1]}));
        assert!(nothing.parents.is_empty() && nothing.class.is_none() && nothing.generation == 0);
    }
}
