//! Requests to Gateways from inside the cluster.

use std::net::SocketAddr;
use std::time::Duration;

use clearway_testkit::client::HttpClient;
use http::Method;

use crate::Cluster;
use crate::objects::is_true;

/// Longest until a change is served; a generous deadline, not a measure.
const SERVED: Duration = Duration::from_secs(30);

impl Cluster {
    /// Waits until a Gateway is programmed, and gives the address of its port.
    pub fn gateway_address(&self, namespace: &str, name: &str, port: u16) -> SocketAddr {
        let programmed =
            |gateway: &serde_json::Value| is_true(&gateway["status"]["conditions"], "Programmed");
        let what = format!("Gateway {namespace}/{name} programmed");
        let gateway = self.until_get(&what, &["-n", namespace, "gateway", name], programmed);
        let address = gateway["status"]["addresses"][0]["value"].as_str().and_then(|text| text.parse().ok());
        let address = address
            .unwrap_or_else(|| panic!("no IP address in the status of {namespace}/{name}: {gateway:#}"));
        SocketAddr::new(address, port)
    }

    /// The code that `GET /` for a host gets, on a connection of its own.
    pub fn code(&self, address: SocketAddr, host: &str) -> u16 {
        let host = host.to_owned();
        self.inside(|| async move {
            let connected = HttpClient::h1(address).await;
            let mut client = connected.unwrap_or_else(|error| panic!("no connection to {address}: {error}"));
            client.request(Method::GET, "/", &[("host", &host)]).await.status
        })
    }

    /// Waits until `GET /` for a host gets this code.
    pub fn until_code(&self, address: SocketAddr, host: &str, wanted: u16) {
        let what = format!("{host} at {address} is answered {wanted}");
        self.until(&what, SERVED, || (self.code(address, host) == wanted).then_some(()));
    }
}
