//! The resource: what process the records come from (OpenTelemetry resource conventions, `service.*`).

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource as Message;

/// What is known of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceOptions {
    /// `service.name`.
    pub service_name: String,
    /// `service.namespace`.
    pub service_namespace: Option<String>,
    /// `service.version`.
    pub service_version: String,
    /// `service.instance.id`: in Kubernetes `namespace.pod.container`.
    pub service_instance_id: Option<String>,
}

impl Default for ResourceOptions {
    fn default() -> Self {
        Self {
            service_name: "clearway".into(),
            service_namespace: None,
            service_version: env!("CARGO_PKG_VERSION").into(),
            service_instance_id: None,
        }
    }
}

/// Attributes of the process, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    attributes: Vec<(String, String)>,
}

impl Resource {
    /// The options, over which `OTEL_RESOURCE_ATTRIBUTES` and then `OTEL_SERVICE_NAME` win; `env` reads a variable.
    pub fn new(options: &ResourceOptions, env: impl Fn(&str) -> Option<String>) -> Self {
        let mut resource = Self::default();
        resource.set("service.name", &options.service_name);
        resource.set("service.version", &options.service_version);
        for (name, value) in [
            ("service.namespace", &options.service_namespace),
            ("service.instance.id", &options.service_instance_id),
        ] {
            if let Some(value) = value {
                resource.set(name, value);
            }
        }
        for pair in env("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default().split(',') {
            if let Some((name, value)) = pair.split_once('=') {
                resource.set(name.trim(), &crate::redact::percent_decoded(value.trim()));
            }
        }
        if let Some(name) = env("OTEL_SERVICE_NAME").filter(|name| !name.is_empty()) {
            resource.set("service.name", &name);
        }
        resource
    }

    fn set(&mut self, name: &str, value: &str) {
        self.attributes.retain(|(known, _)| known != name);
        if !name.is_empty() {
            self.attributes.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn message(&self) -> Message {
        let attributes = self
            .attributes
            .iter()
            .map(|(name, value)| KeyValue {
                key: name.clone(),
                value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.clone())) }),
                ..KeyValue::default()
            })
            .collect();
        Message { attributes, ..Message::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_over_the_options_and_the_service_name_over_all() {
        let env = |name: &str| match name {
            "OTEL_RESOURCE_ATTRIBUTES" => {
                Some("service.name=b,k8s.pod.name=gw-0,note=a%2Cb%3Dc, service.version = 9 ,junk".to_owned())
            }
            "OTEL_SERVICE_NAME" => Some("edge".to_owned()),
            _ => None,
        };
        let resource = Resource::new(&ResourceOptions::default(), env);
        for (name, value) in
            [("service.name", "edge"), ("k8s.pod.name", "gw-0"), ("note", "a,b=c"), ("service.version", "9")]
        {
            assert_eq!(resource.get(name), Some(value), "{name}");
        }
        let plain = Resource::new(&ResourceOptions::default(), |_| None);
        assert_eq!(plain.get("service.name"), Some("clearway"));
        assert_eq!(plain.message().attributes.len(), 2);
    }
}
