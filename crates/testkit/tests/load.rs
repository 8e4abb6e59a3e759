//! The load client counts what a strict client must count: each test breaks one thing and finds it under its name.

use std::net::SocketAddr;
use std::time::Duration;

use clearway_testkit::backend::{Backend, Fault, Reply};
use clearway_testkit::load::{Load, LoadOptions, Tally};
use clearway_testkit::process::ReservedPort;
use clearway_testkit::wait::DEADLINE;

/// Load until `enough` has been counted.
fn until(options: LoadOptions, enough: impl Fn(&Tally) -> bool) -> Tally {
    let load = Load::start(options, || ());
    let (mut all, end) = (load.take(), std::time::Instant::now() + DEADLINE);
    while !enough(&all) {
        assert!(std::time::Instant::now() < end, "not yet: {all}");
        std::thread::park_timeout(Duration::from_millis(20));
        all.add(&load.take());
    }
    all.add(&load.stop());
    all
}

fn options(address: SocketAddr) -> LoadOptions {
    LoadOptions { http1: 3, http2: 2, lifetime: 10, ..LoadOptions::new(address, 1000) }
}

#[test]
fn whole_answers_are_good_and_the_backend_has_seen_each() {
    let backend = Backend::start("app");
    let tally = until(options(backend.address()), |tally| tally.good >= 400).lossless("a healthy backend");
    assert_eq!((tally.repeated, tally.told), (0, 0), "{tally}");
    assert_eq!(tally.good, backend.count());
    assert_eq!(tally.connections, backend.accepted());
    assert!(tally.connections > 5, "every other client takes new connections: {tally}");
    assert!(tally.latency(0.5) > Duration::ZERO && tally.latency(0.5) <= tally.latency(1.0), "{tally}");
}

#[test]
fn a_server_that_says_goodbye_loses_nothing() {
    let backend = Backend::start("app");
    backend.handle(|request| {
        let last = request.nth % 7 == 0;
        Some(if last { Reply::text("bye").close_after() } else { Reply::text("stay") })
    });
    let tally = until(options(backend.address()), |tally| tally.told > 10 && tally.good > 200);
    let tally = tally.lossless("a polite backend");
    assert_eq!(tally.repeated, 0, "{tally}");
}

#[test]
fn what_is_not_a_whole_200_fails_under_its_name() {
    let backend = Backend::start("app");
    for (reply, name) in [
        (Reply::status(503), "status 503"),
        (Reply::status(301), "status 301"),
        (Reply::text("half").chunked().then_fault(Fault::Close), "body"),
    ] {
        backend.next(reply);
        let one = LoadOptions { http1: 1, http2: 0, ..options(backend.address()) };
        let tally = until(one, |tally| tally.good >= 20);
        assert_eq!(tally.failures.into_iter().collect::<Vec<_>>(), [(name.to_owned(), 1)]);
        assert_eq!(tally.stories.len(), 1);
    }
}

#[test]
fn nobody_there_and_no_answer_in_time_are_failures() {
    let nobody = ReservedPort::new();
    let tally = until(options(nobody.address()), |tally| tally.failed() >= 5);
    assert_eq!(tally.failures.keys().collect::<Vec<_>>(), ["connect"], "{tally}");
    assert_eq!(tally.good, 0);
    let backend = Backend::start("app");
    backend.handle(|_| Some(Reply::text("late").delay(Duration::from_secs(60))));
    let hasty = LoadOptions { timeout: Duration::from_millis(50), ..options(backend.address()) };
    let tally = until(hasty, |tally| tally.failed() >= 5);
    assert_eq!(tally.failures.keys().collect::<Vec<_>>(), ["timeout"], "{tally}");
}

#[test]
fn a_connection_that_ends_under_a_request_is_tried_once_more_if_it_was_of_use() {
    let backend = Backend::start("app");
    let one = LoadOptions { http1: 1, http2: 0, ..options(backend.address()) };
    // The first request of all: nothing excuses it.
    backend.next(Reply::fault(Fault::Reset));
    let tally = until(one.clone(), |tally| tally.good >= 20);
    assert_eq!((tally.failures.get("reset"), tally.repeated), (Some(&1), 0), "{tally}");
    // On a connection that has served: a client may try again by itself.
    let load = Load::start(one, || ());
    let mut all = load.take();
    let end = std::time::Instant::now() + DEADLINE;
    while all.repeated == 0 && std::time::Instant::now() < end {
        if all.good > 5 {
            backend.next(Reply::fault(Fault::Reset));
        }
        std::thread::park_timeout(Duration::from_millis(20));
        all.add(&load.take());
    }
    all.add(&load.stop());
    assert!(all.repeated > 0, "{all}");
}
