//! Single processes: stopped, hot, growing, with a wrong clock, with too many series, slow to scrape, or chatty.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use clearway_testkit::client::HttpClient;
use clearway_testkit::manifest::{Folder, Gateway, Route, Rule};
use clearway_testkit::process::{Program, Signal};
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Fault, fault};
use crate::case::Case;
use crate::place::Place;
use crate::running::{Running, folder_to, port};
use crate::stage::Stage;
use crate::traffic::Background;

pub(super) const FAULTS: &[Fault] = &[
    fault(&["ClearwayTargetDown"], mute),
    fault(&["ClearwayCpuHigh"], hot),
    fault(&["ClearwayMemoryGrowing"], growing),
    fault(&["ClearwayClockSkew"], ahead),
    fault(&["ClearwaySeriesBudgetNear"], wide),
    fault(&["ClearwayScrapeSlow"], distant),
    fault(&["ClearwayDebugLogging"], chatty),
];

/// Waits until Prometheus has seen the process of this name.
fn seen(stage: &Stage, name: &str) {
    stage.until_seen(&format!("clearway_build_info{{namespace=\"{name}\"}}"));
}

/// A process that does not answer.
fn mute(stage: &Stage) {
    let (folder, _port, _) = folder_to(&[stage.users.backend.address()]);
    let gateway = Running::start(folder, &[]);
    stage.targets.add("mute", gateway.admin, "clearway-mute");
    seen(stage, "mute");
    let mut case = Case::begin(
        stage,
        "ClearwayTargetDown",
        "a process stands still (SIGSTOP)",
        &[("namespace", "mute")],
    );
    gateway.signal(Signal::STOP);
    case.fires(&["warning"], &Place::Process(gateway.admin));
    gateway.signal(Signal::CONT);
    case.clears();
    stage.targets.remove("mute");
    gateway.stop();
}

/// A process with one core and regular expressions that cost much.
fn hot(stage: &Stage) {
    let (folder, _port, address) = folder_to(&[stage.users.backend.address()]);
    for number in 1..=20 {
        let mut rule = Rule::new();
        for letter in 'a'..'k' {
            // No letter in it must be there, so that none can be looked for instead.
            let value = format!("/([w-z]+[v-z]+)+[a-{letter}l-m][0-9]{{1,{number}}}");
            rule = rule.matching(&format!("path:\n  type: RegularExpression\n  value: \"{value}\""));
        }
        folder.route(&Route::http(&format!("costly-{number}")).parent("gw").rule(rule.backend("app")));
    }
    // Before others: two cores carry the whole run.
    let by = ["nice", "-n", "-15", "taskset", "-c", "1"];
    let gateway = Running::start_by(&by, folder, &["--access-log", "off"]);
    stage.targets.add("hot", gateway.admin, "clearway-hot");
    seen(stage, "hot");
    let mut case = Case::begin(
        stage,
        "ClearwayCpuHigh",
        "requests with long paths meet regular expressions on a single core",
        &[("namespace", "hot")],
    );
    let path = format!("/{}", "x".repeat(30_000));
    let load = Background::visits(address, "a", &path, 8, Duration::ZERO);
    case.fires(&["critical", "warning"], &Place::Process(gateway.admin));
    drop(load);
    case.clears();
    stage.targets.remove("hot");
    gateway.stop();
}

/// Clients that begin requests and never end them.
fn growing(stage: &Stage) {
    let (folder, _port, address) = folder_to(&[stage.users.backend.address()]);
    let gateway = Running::start(folder, &["--header-read-timeout", "10m"]);
    stage.targets.add("growing", gateway.admin, "clearway-growing");
    seen(stage, "growing");
    let mut case = Case::begin(
        stage,
        "ClearwayMemoryGrowing",
        "more and more clients send half of a request's head and wait",
        &[("namespace", "growing")],
    );
    let open = Background::start(move || async move {
        let half = format!("GET / HTTP/1.1\r\nhost: a\r\nx-half: {}", "x".repeat(48 * 1024));
        let mut held = Vec::new();
        while held.len() < 4_000 {
            if let Ok(mut client) = TcpStream::connect(address) {
                client.write_all(half.as_bytes()).ok();
                held.push(client);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        std::future::pending::<()>().await;
    });
    case.fires(&["warning"], &Place::Process(gateway.admin));
    drop(open);
    case.clears();
    stage.targets.remove("growing");
    gateway.stop();
}

/// A process whose clock is five minutes ahead.
fn ahead(stage: &Stage) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/clock.c");
    let library = stage.files.join("clock.so");
    let made = Program::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source);
    made.run(Duration::from_secs(60)).success();
    let (folder, _port, _) = folder_to(&[stage.users.backend.address()]);
    let mut case = Case::begin(
        stage,
        "ClearwayClockSkew",
        "the clock of a process is 5 minutes ahead",
        &[("namespace", "ahead")],
    );
    let preload = format!("LD_PRELOAD={}", library.display());
    let gateway = Running::start_by(&["env", &preload], folder, &[]);
    stage.targets.add("ahead", gateway.admin, "clearway-ahead");
    case.fires(&["warning"], &Place::Process(gateway.admin));
    gateway.stop();
    let (folder, _port, _) = folder_to(&[stage.users.backend.address()]);
    let gateway = Running::start(folder, &[]);
    stage.targets.add("ahead", gateway.admin, "clearway-ahead");
    case.clears();
    stage.targets.remove("ahead");
    gateway.stop();
}

/// A process with many rules, each of which has been asked.
fn wide(stage: &Stage) {
    const ROUTES: usize = 30;
    const RULES: usize = 16;
    let ((_port, address), folder) = (port(), Folder::new());
    folder.gateway(&Gateway::new("gw").http("web", address.port()));
    folder.service("app", &[stage.users.backend.address()]);
    for number in 0..ROUTES {
        let mut route = Route::http(&format!("wide-{number}")).parent("gw");
        for rule in 0..RULES {
            let path = format!("/{number}/{rule}");
            route = route.rule(Rule::new().name(&format!("rule-{rule}")).exact(&path).backend("app"));
        }
        folder.route(&route);
    }
    let gateway = Running::start(folder, &[]);
    stage.targets.add("wide", gateway.admin, "clearway-wide");
    seen(stage, "wide");
    let mut case = Case::begin(
        stage,
        "ClearwaySeriesBudgetNear",
        "480 rules get requests, and each has its series",
        &[("namespace", "wide")],
    );
    let asked = Background::start(move || async move {
        let Ok(mut client) = HttpClient::h1(address).await else { return };
        for (number, rule) in (0..ROUTES).flat_map(|number| (0..RULES).map(move |rule| (number, rule))) {
            client.try_request(Method::GET, &format!("/{number}/{rule}"), &[], "").await.ok();
        }
    });
    case.fires(&["warning"], &Place::Process(gateway.admin));
    drop(asked);
    // Routes that are gone take their series with them.
    for number in 1..ROUTES {
        gateway.folder.remove(&format!("route-wide-{number}.yaml"));
    }
    case.clears();
    stage.targets.remove("wide");
    gateway.stop();
}

/// Passes connections on; what a client sends comes late.
async fn delay(listener: TcpListener, to: SocketAddr, late: Duration) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::task::spawn_local(async move {
            let Ok(server) = tokio::net::TcpStream::connect(to).await else { return };
            let ((mut asked, mut told), (mut answers, mut asks)) = (client.into_split(), server.into_split());
            let requests = async {
                let mut part = vec![0; 1 << 14];
                while let Ok(count @ 1..) = asked.read(&mut part).await {
                    tokio::time::sleep(late).await;
                    if asks.write_all(part.get(..count).unwrap_or_default()).await.is_err() {
                        break;
                    }
                }
            };
            tokio::select! {
                () = requests => {}
                _ = tokio::io::copy(&mut answers, &mut told) => {}
            }
        });
    }
}

/// A process that is far away from Prometheus.
fn distant(stage: &Stage) {
    let (folder, _port, _) = folder_to(&[stage.users.backend.address()]);
    let gateway = Running::start(folder, &[]);
    let admin = gateway.admin;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let way = listener.local_addr().expect("an address");
    let relay = Background::start(move || async move {
        let listener = TcpListener::from_std(listener).expect("a listener");
        delay(listener, admin, Duration::from_millis(900)).await;
    });
    let mut case = Case::begin(
        stage,
        "ClearwayScrapeSlow",
        "what Prometheus asks a process comes 900 ms late",
        &[("namespace", "distant")],
    );
    stage.targets.add("distant", way, "clearway-distant");
    case.fires(&["warning"], &Place::Process(way));
    stage.targets.add("distant", admin, "clearway-distant");
    case.clears();
    stage.targets.remove("distant");
    drop(relay);
    gateway.stop();
}

/// A process that logs at the level debug.
fn chatty(stage: &Stage) {
    let (folder, _port, _) = folder_to(&[stage.users.backend.address()]);
    let gateway = Running::start(folder, &["--log-level", "debug"]);
    let mut case = Case::begin(
        stage,
        "ClearwayDebugLogging",
        "a process runs with --log-level debug",
        &[("namespace", "chatty")],
    );
    stage.targets.add("chatty", gateway.admin, "clearway-chatty");
    case.fires(&["warning"], &Place::Process(gateway.admin));
    let url = format!("http://{}/log-level?level=info", gateway.admin);
    Program::new("curl").args(["-fsS", "-X", "PUT", &url]).run(Duration::from_secs(10)).success();
    case.clears();
    stage.targets.remove("chatty");
    gateway.stop();
}
