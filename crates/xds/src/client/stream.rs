//! One stream: subscribe, collect a round, apply it, answer it.

use std::time::Duration;

use clearway_model::Version;
use futures_util::stream;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::Code;

use super::connect::Connection;
use super::store::{Store, Unfit};
use super::{Client, Sink, rejection};
use crate::kind::{Kind, MANIFEST_URL};
use crate::manifest::Manifest;
use crate::server::Rejection;
use crate::wire::discovery::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use crate::wire::discovery::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use crate::wire::{config, core, protobuf, rpc};

/// The longest response: some MiB of resources, or one big resource.
const MAX_RESPONSE: usize = 64 << 20;

const REJECTION_URL: &str = "type.googleapis.com/clearway.config.v1.Rejection";

/// How a stream ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) reason: String,
    /// Whether the control plane said anything: then the next try need not wait long.
    pub(super) heard: bool,
}

/// A response's type and nonce, to be answered.
type Nonce = (String, String);

type Requests = mpsc::UnboundedSender<DeltaDiscoveryRequest>;

/// A whole snapshot that the sink refused, to be tried again while nothing newer comes.
struct Again {
    manifest: Manifest,
    nonces: Vec<Nonce>,
    at: Instant,
    wait: Duration,
}

/// After the first refusal.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// It doubles up to this.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

impl Client {
    /// Follows one connection to its end.
    pub(super) async fn follow(&mut self, connection: Connection, sink: &mut impl Sink) -> End {
        let mut heard = false;
        let reason = match self.converse(&connection, sink, &mut heard).await {
            Ok(()) => "the control plane ended the stream".to_owned(),
            Err(reason) => reason,
        };
        End { reason, heard }
    }

    async fn converse(
        &mut self,
        connection: &Connection,
        sink: &mut impl Sink,
        heard: &mut bool,
    ) -> Result<(), String> {
        // Never more than a round's answers are in it.
        let (requests, mut outbound) = mpsc::unbounded_channel();
        for request in self.subscriptions() {
            say(&requests, request)?;
        }
        let mut client = AggregatedDiscoveryServiceClient::with_origin(connection.channel(), self.origin()?)
            .max_decoding_message_size(MAX_RESPONSE);
        let outbound = stream::poll_fn(move |context| outbound.poll_recv(context));
        let responses = client.delta_aggregated_resources(outbound).await;
        let mut responses = responses.map_err(|status| explain(&status))?.into_inner();
        let mut round: Vec<Nonce> = Vec::new();
        let mut refused: Option<Again> = None;
        loop {
            let again = refused.as_ref().map_or_else(Instant::now, |again| again.at);
            let received = tokio::select! {
                received = responses.message() => received.map_err(|status| explain(&status))?,
                // What the sink refused may be gone by now: a port that was taken, a file that was missing.
                () = tokio::time::sleep_until(again), if refused.is_some() => {
                    refused = match refused.take() {
                        Some(again) => self.again(again, sink, &requests).await?,
                        None => None,
                    };
                    continue;
                }
            };
            let Some(response) = received else { return Ok(()) };
            *heard = true;
            round.push((response.type_url.clone(), response.nonce.clone()));
            if let Some(kind) = Kind::from_type_url(&response.type_url) {
                // The refused snapshot can no longer be put together.
                refused = None;
                self.store.take(kind, response);
            } else if response.type_url == MANIFEST_URL {
                let nonces = std::mem::take(&mut round);
                refused = self.close(response, nonces, sink, &requests).await?;
            }
        }
    }

    /// Asks for all kinds, saying what is there already; the Manifest last, as the server begins with that.
    fn subscriptions(&self) -> Vec<DeltaDiscoveryRequest> {
        let node = core::Node {
            id: self.options.id.to_string(),
            cluster: self.options.fleet.to_string(),
            user_agent_name: "clearway".to_owned(),
            user_agent_version_type: Some(core::node::UserAgentVersionType::UserAgentVersion(
                self.options.release.to_string(),
            )),
        };
        let kinds = Kind::ALL.map(|kind| (kind.type_url(), self.store.versions(kind)));
        let all = kinds.into_iter().chain([(MANIFEST_URL, Default::default())]);
        let mut requests: Vec<_> = all
            .map(|(type_url, initial_resource_versions)| DeltaDiscoveryRequest {
                type_url: type_url.to_owned(),
                initial_resource_versions,
                ..DeltaDiscoveryRequest::default()
            })
            .collect();
        if let Some(first) = requests.first_mut() {
            first.node = Some(node);
        }
        requests
    }

    /// The end of a round: apply, if it is whole, and answer. Gives what is to be tried again; fails when the next
    /// stream must start from nothing.
    async fn close(
        &mut self,
        response: DeltaDiscoveryResponse,
        nonces: Vec<Nonce>,
        sink: &mut impl Sink,
        requests: &Requests,
    ) -> Result<Option<Again>, String> {
        let offered = Version(response.system_version_info.as_str().into());
        self.state.send_modify(|state| state.offered = Some(offered.clone()));
        let any = response.resources.into_iter().next().and_then(|resource| resource.resource);
        let manifest = match Manifest::decode(any.unwrap_or_default().value) {
            Ok(manifest) => manifest,
            Err(wrong) => {
                let message =
                    format!("the Manifest cannot be read: {wrong}; the planes may be of different versions");
                self.refuse(with_message(&offered, message), &nonces, requests)?;
                return Ok(None);
            }
        };
        match self.store.check(&manifest) {
            Ok(()) => {
                let at = Instant::now();
                self.again(Again { manifest, nonces, at, wait: FIRST_RETRY }, sink, requests).await
            }
            Err(Unfit::Faulty(faults)) => {
                self.refuse(rejection(&manifest.version, faults), &nonces, requests)?;
                Ok(None)
            }
            Err(Unfit::Incomplete(differences)) => {
                let message = format!("the resources are not those of the Manifest ({differences})");
                self.refuse(with_message(&manifest.version, message.clone()), &nonces, requests)?;
                self.store = Store::default();
                Err(format!("{message}; starting anew"))
            }
        }
    }

    /// Gives a whole snapshot to the sink, for the first time or once more, and answers.
    async fn again(
        &mut self,
        again: Again,
        sink: &mut impl Sink,
        requests: &Requests,
    ) -> Result<Option<Again>, String> {
        let version = &again.manifest.version;
        if self.state.borrow().applied.as_ref() != Some(version)
            && let Err(faults) = sink.apply(self.store.snapshot(version)).await
        {
            self.refuse(rejection(version, faults), &again.nonces, requests)?;
            let (at, wait) = (Instant::now() + again.wait, (again.wait * 2).min(LONGEST_RETRY));
            return Ok(Some(Again { at, wait, ..again }));
        }
        self.state.send_modify(|state| state.accept(version.clone()));
        answer(&again.nonces, None, requests)?;
        Ok(None)
    }

    fn refuse(&mut self, refused: Rejection, nonces: &[Nonce], requests: &Requests) -> Result<(), String> {
        answer(nonces, Some(&refused), requests)?;
        self.state.send_modify(|state| state.rejected = Some(refused));
        Ok(())
    }

    fn origin(&self) -> Result<http::Uri, String> {
        let scheme = if self.options.tls.is_some() { "https" } else { "http" };
        let host = &self.options.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let authority = format!("{host}:{}", self.options.port);
        http::Uri::builder()
            .scheme(scheme)
            .authority(authority.as_str())
            .path_and_query("/")
            .build()
            .map_err(|error| format!("{authority:?} is no authority of a URI: {error}"))
    }
}

fn with_message(version: &Version, message: String) -> Rejection {
    Rejection { version: version.clone(), faults: [].into(), message: message.into() }
}

fn say(requests: &Requests, request: DeltaDiscoveryRequest) -> Result<(), String> {
    requests.send(request).map_err(|_| "the connection is closed".to_owned())
}

/// The sentence of a status and of its causes, each once.
fn explain(status: &tonic::Status) -> String {
    let mut text = match status.code() {
        Code::Unknown => status.message().to_owned(),
        code => format!("{}: {}", code.description(), status.message()),
    };
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

/// An ACK for each response, or NACKs: of the Manifest, which stands for the round, and of the types that have faults.
fn answer(round: &[Nonce], refused: Option<&Rejection>, requests: &Requests) -> Result<(), String> {
    round.iter().try_for_each(|(type_url, nonce)| {
        let request = DeltaDiscoveryRequest {
            type_url: type_url.clone(),
            response_nonce: nonce.clone(),
            error_detail: refused.and_then(|refused| complaint(type_url, refused)),
            ..DeltaDiscoveryRequest::default()
        };
        say(requests, request)
    })
}

fn complaint(type_url: &str, refused: &Rejection) -> Option<rpc::Status> {
    let own =
        |fault: &&crate::name::ResourceFault| type_url == MANIFEST_URL || fault.kind.type_url() == type_url;
    let faults: Vec<_> = refused.faults.iter().filter(own).collect();
    if faults.is_empty() && type_url != MANIFEST_URL {
        return None;
    }
    let faults = faults.into_iter().map(|fault| config::Fault {
        type_url: fault.kind.type_url().to_owned(),
        name: fault.name.to_string(),
        message: fault.message.to_string(),
    });
    let value = config::Rejection { faults: faults.collect() }.encode_to_vec().into();
    Some(rpc::Status {
        code: Code::InvalidArgument.into(),
        message: refused.message.to_string(),
        details: vec![protobuf::Any { type_url: REJECTION_URL.to_owned(), value }],
    })
}
