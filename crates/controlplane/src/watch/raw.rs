//! An object as it comes: JSON without `managedFields`, and the three names that a watch needs. Reading it cannot fail
//! for any object, so that no object can end a watch.

use std::borrow::Cow;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use clearway_model::ObjectRef;
use kube::api::{ApiResource, ObjectMeta};
use kube::core::DynamicResourceScope;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An annotation that repeats the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// An annotation of EndpointSlices that changes although no endpoint does.
const LAST_TRIGGER: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// Any object.
#[derive(Clone)]
pub(crate) struct Raw {
    meta: ObjectMeta,
    value: Value,
}

impl Raw {
    /// An object from its JSON.
    pub(crate) fn new(mut value: Value) -> Self {
        let mut meta = ObjectMeta::default();
        if let Some(Value::Object(metadata)) = value.get_mut("metadata") {
            metadata.remove("managedFields");
            if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
                annotations.remove(LAST_APPLIED);
                annotations.remove(LAST_TRIGGER);
            }
            let text = |key: &str| metadata.get(key).and_then(Value::as_str).map(str::to_owned);
            meta.name = text("name");
            meta.namespace = text("namespace");
            meta.resource_version = text("resourceVersion");
        }
        Self { meta, value }
    }

    /// Its namespace, empty for kinds that have none, and its name.
    pub(crate) fn key(&self) -> ObjectRef {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        ObjectRef::new(text(&self.meta.namespace), text(&self.meta.name))
    }

    /// Its version; empty when the apiserver sent none.
    pub(crate) fn resource_version(&self) -> &str {
        self.meta.resource_version.as_deref().unwrap_or_default()
    }

    /// The value of a label.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.value.pointer("/metadata/labels")?.get(name)?.as_str()
    }

    /// Fills in what items of a list leave out.
    pub(crate) fn set_type(&mut self, resource: &ApiResource) {
        if let Value::Object(fields) = &mut self.value {
            fields.entry("apiVersion").or_insert_with(|| resource.api_version.clone().into());
            fields.entry("kind").or_insert_with(|| resource.kind.clone().into());
        }
    }

    /// Takes the status out; `Null` when there is none.
    pub(crate) fn take_status(&mut self) -> Value {
        self.value.as_object_mut().and_then(|fields| fields.remove("status")).unwrap_or_default()
    }

    /// The JSON.
    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    /// The JSON.
    pub(crate) fn into_value(self) -> Value {
        self.value
    }

    /// A digest of everything but `resourceVersion`: equal when a change means nothing to us.
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (key, value) in self.value.as_object().into_iter().flatten() {
            key.hash(&mut hasher);
            match (key.as_str(), value) {
                ("metadata", Value::Object(metadata)) => {
                    let kept = metadata.iter().filter(|(key, _)| *key != "resourceVersion");
                    kept.for_each(|entry| entry.hash(&mut hasher));
                }
                _ => value.hash(&mut hasher),
            }
        }
        hasher.finish()
    }
}

/// Without the content: it may be a Secret's.
impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Raw").field(&self.key().to_string()).finish()
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::new)
    }
}

impl kube::Resource for Raw {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

#[cfg(test)]
mod tests {
    use super::Raw;
    use serde_json::json;

    fn service(version: &str, port: u16) -> Raw {
        Raw::new(json!({
            "metadata": {
                "name": "a", "namespace": "n", "resourceVersion": version,
                "managedFields": [{"manager": version}],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": version, "kept": "1"},
            },
            "spec": {"ports": [{"port": port}]},
        }))
    }

    #[test]
    fn the_digest_is_blind_to_what_means_nothing() {
        assert_eq!(service("1", 80).digest(), service("2", 80).digest());
        assert_ne!(service("1", 80).digest(), service("1", 81).digest());
    }

    #[test]
    fn what_only_costs_memory_is_left_out_and_content_is_not_shown() {
        let raw = service("7", 80);
        assert_eq!((raw.key().to_string(), raw.resource_version()), ("n/a".to_owned(), "7"));
        let text = raw.value().to_string();
        assert!(text.contains("kept") && !text.contains("managedFields") && !text.contains("last-applied"));
        assert_eq!(format!("{raw:?}"), "Raw(\"n/a\")");
    }

    #[test]
    fn anything_at_all_can_be_read() {
        for text in ["{}", "[]", "7", r#"{"metadata": 3}"#, r#"{"metadata": {"name": 5}}"#] {
            let raw: Raw = serde_json::from_str(text).unwrap();
            assert_eq!(raw.key().to_string(), "/");
        }
    }
}
