//! Clients for tests: raw bytes over HTTP/1.1, HTTP/1.1 and HTTP/2 connections that are kept alive, WebSocket, gRPC.
//!
//! Each client is one connection, so that a test knows which connection a request takes. Every wait for a peer has the
//! kit's deadline. Failures that a test may want (refused, reset, cut short) are errors; misuse panics.

mod grpc;
mod http;
mod raw;
mod tls;
mod websocket;

pub use grpc::{GrpcCall, GrpcClient, GrpcReply};
pub use http::{Answer, EchoAnswer, HttpClient, Protocol};
pub use raw::{End, RawClient, RawResponse};
pub use tls::ClientTls;
pub use websocket::{Frame, WsClient};
