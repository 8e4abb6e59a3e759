//! CPU profiles under load, read back as pprof reads them.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prost::Message;

use crate::client::get;
use crate::site::Site;

/// The fields of `profile.proto` that are looked at.
#[derive(Clone, PartialEq, Message)]
struct Profile {
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "12")]
    period: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(int64, tag = "2")]
    name: i64,
}

/// Keeps a core busy until it is dropped.
struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<u64>>,
}

#[inline(never)]
fn busy_for_the_profile(stop: &AtomicBool) -> u64 {
    let mut number = 1_u64;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..10_000 {
            number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005).rotate_left(7));
        }
    }
    number
}

impl Load {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("busy".to_owned());
        let thread = thread.spawn(move || busy_for_the_profile(&seen)).unwrap();
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// One test, since the process has one profiler.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cpu_profiles_name_what_is_busy_one_at_a_time() {
    let site = Site::start(|_| ()).await;
    for (query, sentence) in
        [("seconds=0", "seconds='0'"), ("hertz=5", "no parameter"), ("format=svg", "format is")]
    {
        let refused = get(site.address, &format!("/debug/pprof/profile?{query}")).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains(sentence), "{}", refused.text());
    }
    let _load = Load::start();
    let first = tokio::spawn(get(site.address, "/debug/pprof/profile?seconds=2&frequency=200"));
    // A second one is refused while the first runs, whichever of them came first.
    let second = get(site.address, "/debug/pprof/profile?seconds=2&frequency=200").await;
    let first = first.await.unwrap();
    let (profile, refused) = if first.status == 200 { (first, second) } else { (second, first) };
    assert_eq!((profile.status, refused.status), (200, 409));

    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(profile.body.as_slice()).read_to_end(&mut plain).expect("gzip");
    let profile = Profile::decode(plain.as_slice()).expect("protobuf");
    assert_eq!(profile.period, 5_000_000);
    assert!(profile.sample.iter().any(|sample| !sample.location_id.is_empty()));
    assert!(profile.sample.iter().all(|sample| sample.value[1] == sample.value[0] * profile.period));
    let names: Vec<&str> = profile
        .function
        .iter()
        .map(|function| profile.string_table[usize::try_from(function.name).unwrap()].as_str())
        .collect();
    assert!(names.iter().any(|name| name.ends_with("busy_for_the_profile")), "{names:?}");

    let folded = get(site.address, "/debug/pprof/profile?seconds=1&format=folded").await;
    let mut busy = folded.text().lines().filter(|line| line.starts_with("busy;"));
    assert!(busy.any(|line| line.contains(";busy_for_the_profile")), "{}", folded.text());
}

#[tokio::test]
async fn a_heap_profile_says_how_to_get_one() {
    let site = Site::start(|_| ()).await;
    let answer = get(site.address, "/debug/pprof/heap").await;
    assert_eq!(answer.status, 501);
    assert!(answer.text().contains("prof:true"), "{}", answer.text());
}
