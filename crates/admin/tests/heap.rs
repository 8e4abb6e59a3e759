//! Heap profiles of a process whose allocator is jemalloc: the test starts itself again with profiling switched on.
#![cfg(feature = "profiling")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail anywhere")]

use std::io::Read;
use std::process::Command;
use std::sync::Arc;

use clearway_admin::{AdminOptions, AdminServer, Check, ConfigReport, LevelControl, Parts, Rendered};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Present in the process that is profiled.
const INNER: &str = "CLEARWAY_TEST_HEAP";

#[test]
fn allocations_are_named_for_a_while_or_always() {
    if let Ok(always) = std::env::var(INNER) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(profile(always == "true"));
        return;
    }
    for always in ["false", "true"] {
        let options = format!("prof:true,prof_active:{always},lg_prof_sample:12");
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "allocations_are_named_for_a_while_or_always", "--nocapture"])
            .env(INNER, always)
            .env("_RJEM_MALLOC_CONF", options)
            .status()
            .unwrap();
        assert!(status.success(), "prof_active:{always}");
    }
}

#[inline(never)]
fn allocate_for_the_profile() -> Vec<Vec<u8>> {
    (0..64).map(|size| std::hint::black_box(vec![1; 64 * 1024 + size])).collect()
}

async fn profile(always: bool) {
    let early = allocate_for_the_profile();
    let parts = Parts {
        metrics: Arc::new(|_: Option<&str>, _: Option<&str>| Rendered {
            content_type: "text/plain",
            content_encoding: None,
            body: Vec::new(),
        }),
        readiness: Arc::new(|| vec![Check::ok("all")]),
        config: Arc::new(|| ConfigReport {
            source: String::new(),
            applied: None,
            snapshot: None,
            objects: Default::default(),
            problems: Vec::new(),
        }),
        log_level: LevelControl::new("info", |_| Ok(())),
    };
    let server = AdminServer::bind(AdminOptions::new("127.0.0.1:0".parse().unwrap()), parts).await.unwrap();
    let address = server.local_addr();
    tokio::spawn(server.serve(std::future::pending()));
    let ask = async |path: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let whole = ask("/debug/pprof/heap").await;
    if always {
        assert!(names_the_allocation(&whole));
        assert!(ask("/debug/pprof/heap?seconds=1").await.starts_with(b"HTTP/1.1 400"));
    } else {
        assert!(whole.starts_with(b"HTTP/1.1 501"), "sampling is off");
        let busy = tokio::spawn(async {
            let mut held = Vec::new();
            loop {
                // The former ones are freed after the new ones are there: some live at every moment.
                drop(std::mem::replace(&mut held, allocate_for_the_profile()));
                tokio::task::yield_now().await;
            }
        });
        assert!(names_the_allocation(&ask("/debug/pprof/heap?seconds=1").await));
        assert!(ask("/debug/pprof/heap").await.starts_with(b"HTTP/1.1 501"), "sampling is off again");
        busy.abort();
    }
    drop(early);
}

fn names_the_allocation(answer: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&answer[..answer.len().min(400)]).into_owned();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&answer[body..]).read_to_end(&mut plain).unwrap();
    String::from_utf8_lossy(&plain).contains("allocate_for_the_profile")
}
