//! Services that this installation made for Gateways: the record of which private port each port of a Gateway leads to,
//! and of the addresses that the cluster has given.

use std::collections::BTreeMap;

use clearway_model::ObjectRef;
use serde_json::Value;

/// What a Gateway's Service says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GatewayService {
    /// The Gateway that owns it.
    pub(crate) gateway: Option<ObjectRef>,
    /// Ports of the Gateway, and the ports in the fleet's pods that they lead to.
    pub(crate) ports: BTreeMap<u16, u16>,
    /// Addresses of the load balancer.
    pub(crate) ingress: Vec<String>,
}

impl GatewayService {
    /// Reads a `v1` Service.
    pub(crate) fn read(service: &Value) -> Self {
        let list = |path: &str| service.pointer(path).and_then(Value::as_array).into_iter().flatten();
        let namespace = service.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
        let gateway = list("/metadata/ownerReferences").find_map(|owner| {
            let is_gateway = owner.get("kind").and_then(Value::as_str) == Some("Gateway");
            let name = owner.get("name").and_then(Value::as_str).filter(|_| is_gateway)?;
            Some(ObjectRef::new(namespace, name))
        });
        let number = |entry: &Value, key: &str| u16::try_from(entry.get(key)?.as_u64()?).ok();
        let ports = list("/spec/ports")
            .filter_map(|entry| Some((number(entry, "port")?, number(entry, "targetPort")?)))
            .collect();
        let ingress = list("/status/loadBalancer/ingress")
            .filter_map(|entry| entry.get("ip").or_else(|| entry.get("hostname"))?.as_str())
            .map(str::to_owned)
            .collect();
        Self { gateway, ports, ingress }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_service_is_the_record_of_ports_and_addresses() {
        let read = GatewayService::read(&json!({
            "metadata": {
                "name": "web-edge", "namespace": "shop",
                "ownerReferences": [{"kind": "Gateway", "name": "web"}],
            },
            "spec": {"ports": [{"port": 80, "targetPort": 20001}, {"port": 443, "targetPort": "named"}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "10.9.0.1"}, {"hostname": "lb.example"}]}},
        }));
        assert_eq!(read.gateway, Some(ObjectRef::new("shop", "web")));
        assert_eq!(read.ports, BTreeMap::from([(80, 20001)]), "a named target port is not ours");
        assert_eq!(read.ingress, ["10.9.0.1", "lb.example"]);
        assert_eq!(GatewayService::read(&json!({})), GatewayService::default());
    }
}
