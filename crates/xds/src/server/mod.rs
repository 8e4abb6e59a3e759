//! The server of the control plane: connections in, sessions on them, the hub behind.
//!
//! `controlplane` calls [`serve`]. What always holds: without a certificate of the authority nobody gets past the
//! handshake, and with one only the fleets that it bears; a session gets nothing before the gate is open and its fleet is
//! published; a shutdown ends all streams, so that clients go elsewhere; whoever is turned away is counted.

mod hub;
mod refusal;
mod round;
mod session;
mod status;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tonic::{Request, Response, Status, Streaming};

pub use hub::Hub;
pub use refusal::{OnRefusal, StreamRefusal};
pub use status::{Node, NodeEvent, NodeEventKind, NodeStatus, Rejection};

use crate::tls::{ServerTls, identity};
use crate::wire::discovery::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use crate::wire::discovery::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use session::{Peer, Session};

/// The longest request: a client's list of what it holds, some hundred bytes for each resource.
const MAX_REQUEST: usize = 64 << 20;

/// Responses that wait for a connection to take them.
const OUTBOUND: usize = 1;

/// Settings of the server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Who this control plane is: the name of the pod.
    pub identifier: Arc<str>,
    /// A connection is pinged when it has been silent for this long, and closed when it stays so for as long again.
    pub keepalive: Duration,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long connections have to close when the server shuts down.
    pub drain: Duration,
    /// Told of every connection and stream that is refused.
    pub on_refusal: OnRefusal,
}

impl ServerOptions {
    /// The defaults: keepalive 10 s, handshake 5 s, drain 5 s.
    pub fn new(identifier: impl Into<Arc<str>>) -> Self {
        Self {
            identifier: identifier.into(),
            keepalive: Duration::from_secs(10),
            handshake: Duration::from_secs(5),
            drain: Duration::from_secs(5),
            on_refusal: OnRefusal::default(),
        }
    }
}

/// Serves until `shutdown` is ready; then ends all streams and returns when the connections are closed, or after
/// `options.drain`.
///
/// Each new connection uses the newest configuration of `tls`. Without `tls` everything, keys too, travels in the clear
/// to whoever connects: for loopback only.
pub async fn serve(
    listener: TcpListener,
    tls: Option<watch::Receiver<ServerTls>>,
    hub: Hub,
    options: ServerOptions,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown);
    let (ending, end) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let tls = tls.as_ref().map(|tls| tls.borrow().clone());
                    let door = Door { hub: hub.clone(), options: options.clone(), end: end.clone() };
                    connections.spawn(door.admit(stream, peer, tls));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: accepting at once again would only burn the processor.
                    tracing::warn!(%error, "Cannot accept an xDS connection; trying again.");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    ending.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(options.drain, all).await.is_err() {
        tracing::warn!("Some xDS connections did not close in time; cutting them.");
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a connection needs to become sessions.
struct Door {
    hub: Hub,
    options: ServerOptions,
    end: watch::Receiver<bool>,
}

impl Door {
    async fn admit(self, stream: TcpStream, address: SocketAddr, tls: Option<ServerTls>) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%address, %error, "Cannot set TCP_NODELAY on an xDS connection.");
        }
        let Some(ServerTls(config)) = tls else {
            return self.converse(stream, Peer { address, identity: None }).await;
        };
        let handshake = TlsAcceptor::from(config).accept(stream);
        match tokio::time::timeout(self.options.handshake, handshake).await {
            Ok(Ok(stream)) => {
                let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let identity = leaf.map(identity).unwrap_or_default().into();
                self.converse(stream, Peer { address, identity: Some(identity) }).await;
            }
            Ok(Err(error)) => {
                tracing::warn!(%address, %error, "Refused an xDS connection: TLS handshake failed.");
                self.options.on_refusal.of(StreamRefusal::Tls);
            }
            Err(_) => {
                tracing::warn!(%address, "Refused an xDS connection: TLS handshake took too long.");
                self.options.on_refusal.of(StreamRefusal::Tls);
            }
        }
    }

    async fn converse(self, io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer) {
        let Self { hub, options, mut end } = self;
        let address = peer.address;
        if *end.borrow() {
            tracing::info!(%address, "Refused an xDS connection: this control plane is about to end.");
            return options.on_refusal.of(StreamRefusal::Draining);
        }
        let keepalive = options.keepalive;
        let service = Service { hub, peer, end: end.clone(), options };
        let service = AggregatedDiscoveryServiceServer::new(service).max_decoding_message_size(MAX_REQUEST);
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new());
        builder.keep_alive_interval(keepalive).keep_alive_timeout(keepalive);
        let connection = builder.serve_connection(TokioIo::new(io), TowerToHyperService::new(service));
        let mut connection = pin!(connection);
        // The sender lives as long as the server, so its end means the same as the value.
        let ended = async move { drop(end.wait_for(|end| *end).await) };
        let served = tokio::select! {
            served = &mut connection => served,
            () = ended => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%address, %error, "An xDS connection broke.");
        }
    }
}

/// The gRPC service of one connection.
struct Service {
    hub: Hub,
    peer: Peer,
    end: watch::Receiver<bool>,
    options: ServerOptions,
}

#[tonic::async_trait]
impl AggregatedDiscoveryService for Service {
    type DeltaAggregatedResourcesStream = BoxStream<'static, Result<DeltaDiscoveryResponse, Status>>;

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        let (outbound, mut responses) = mpsc::channel(OUTBOUND);
        let session = Session::new(self.hub.clone(), self.peer.clone(), &self.options);
        // It ends when the client goes, when its responses are no longer taken, or with the server.
        tokio::spawn(session.run(request.into_inner(), outbound, self.end.clone()));
        Ok(Response::new(stream::poll_fn(move |context| responses.poll_recv(context)).boxed()))
    }
}
