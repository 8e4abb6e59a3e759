//! Clients that are slow, many or in the way of an end.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::client::{Answer, get};
use crate::site::Site;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection_and_holds_nobody_up() {
    let site = Site::start(|options| options.read_timeout = SHORT).await;
    let mut slow = TcpStream::connect(site.address).await.unwrap();
    slow.write_all(b"GET /livez HTTP/1.1\r\nhost:").await.unwrap();
    assert_eq!(get(site.address, "/livez").await.status, 200);
    let started = Instant::now();
    let mut rest = Vec::new();
    // Closed with or without an answer, or reset: all are an end.
    drop(timeout(LONG, slow.read_to_end(&mut rest)).await.expect("the server ends it"));
    assert!(started.elapsed() < LONG);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_refused() {
    let site = Site::start(|options| options.read_timeout = SHORT).await;
    let mut slow = TcpStream::connect(site.address).await.unwrap();
    let head =
        b"PUT /log-level HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\nconnection: close\r\n\r\nde";
    slow.write_all(head).await.unwrap();
    let mut bytes = Vec::new();
    timeout(LONG, slow.read_to_end(&mut bytes)).await.expect("the server ends it").unwrap();
    let answer = Answer::parse(&bytes);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("did not arrive"), "{}", answer.text());
}

#[tokio::test]
async fn an_answer_that_is_not_taken_ends_the_connection() {
    // More than the buffers of both sides hold.
    let site = Site::with_body(|options| options.write_timeout = SHORT, vec![b'x'; 64 << 20]).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = socket.connect(site.address).await.unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // The first bytes tell that the answer is on its way; then nothing more is taken.
    slow.read_exact(&mut [0; 16]).await.unwrap();
    assert_eq!(get(site.address, "/livez").await.status, 200);
    let ended = site.end();
    let started = Instant::now();
    timeout(LONG, ended).await.expect("the server does not wait for it").unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "the write's limit ended it, not the drain's: {started:?}"
    );
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let site = Site::start(|options| options.max_connections = 2).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        stream.read_exact(&mut [0; 12]).await.unwrap();
        held.push(stream);
    }
    let mut third = TcpStream::connect(site.address).await.unwrap();
    let mut bytes = Vec::new();
    third.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(Answer::parse(&bytes).status, 503);

    held.clear();
    let again = async {
        loop {
            let mut stream = TcpStream::connect(site.address).await.unwrap();
            let sent = stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
            let mut bytes = Vec::new();
            // While the places are being given back the connection may still be turned away.
            if sent.is_ok()
                && stream.read_to_end(&mut bytes).await.is_ok()
                && bytes.starts_with(b"HTTP/1.1 200")
            {
                break;
            }
        }
    };
    timeout(LONG, again).await.expect("places are given back");
}

#[tokio::test]
async fn the_end_lets_idle_connections_go() {
    let site = Site::start(|_| ()).await;
    let address = site.address;
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    idle.read_exact(&mut [0; 12]).await.unwrap();
    let started = Instant::now();
    timeout(LONG, site.end()).await.expect("it ends").unwrap();
    assert!(started.elapsed() < Duration::from_secs(4), "an idle connection was waited for");
    assert!(TcpStream::connect(address).await.is_err(), "the port is free again");
}
