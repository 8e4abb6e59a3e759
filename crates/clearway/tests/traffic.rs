//! Routes and filters end to end over HTTP: where requests go, what they look like there, and what comes back.

#[path = "support/running.rs"]
mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use clearway_testkit::backend::{Backend, Reply};
use clearway_testkit::client::{Answer, HttpClient};
use clearway_testkit::manifest::{Folder, Route, Rule};
use clearway_testkit::process::ReservedPort;
use clearway_testkit::wait::Gate;
use http::Method;
use support::{ATTEMPTS, REQUESTS, Running, folder, h1};

/// Backends by name, each a Service of its own, and one route with these rules.
fn stage(backends: &[&Backend], rules: Vec<Rule>) -> (Folder, ReservedPort, SocketAddr) {
    let (folder, reserved, address) = folder();
    for backend in backends {
        folder.service(backend.name(), &[backend.address()]);
    }
    let route = rules.into_iter().fold(Route::http("r").parent("gw"), Route::rule);
    folder.route(&route);
    (folder, reserved, address)
}

async fn options(client: &mut HttpClient, path: &str, headers: &[(&str, &str)]) -> Answer {
    client.request(Method::OPTIONS, path, headers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weights_share_the_traffic_out() {
    let (a, b, never) = (Backend::start("a"), Backend::start("b"), Backend::start("never"));
    let rule = Rule::new().name("split").weighted("a", 70).weighted("b", 30).weighted("never", 0);
    let (folder, _port, address) = stage(&[&a, &b, &never], vec![rule]);
    let gateway = Running::start(folder, &[]);
    let mut client = h1(address).await;
    // With 3,000 draws five points are six standard deviations.
    for _ in 0..3000 {
        assert_eq!(client.get("/").await.status, 200);
    }
    let share = |backend: &Backend| backend.count() as f64 / 30.0;
    assert!((share(&a) - 70.0).abs() < 5.0, "a has {} %", share(&a));
    assert!((share(&b) - 30.0).abs() < 5.0, "b has {} %", share(&b));
    assert_eq!(never.count(), 0);
    gateway.counted(REQUESTS, &[("route_rule", "split"), ("code", "200")], 3000).await;
    gateway.counted(ATTEMPTS, &[("backend_name", "a"), ("route_rule", "split")], a.count()).await;
    gateway.counted(ATTEMPTS, &[("backend_name", "never")], 0).await;
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn header_filters_of_rules_and_of_backends_are_applied_in_order() {
    let a = Backend::start("a");
    a.on("/h", Reply::echo().header("x-drop", "1").header("x-set", "backend").header("x-add", "backend"));
    let request = "type: RequestHeaderModifier\nrequestHeaderModifier:\n  set:\n  - {name: X-Set, value: rule}\n  \
                   - {name: X-Both, value: rule}\n  add:\n  - {name: X-Add, value: rule}\n  remove: [X-Drop]";
    let response = "type: ResponseHeaderModifier\nresponseHeaderModifier:\n  set:\n  - {name: X-Set, value: rule}\n  \
                    add:\n  - {name: X-Add, value: rule}\n  remove: [X-Drop]";
    let own = "name: a\nport: 80\nfilters:\n- type: RequestHeaderModifier\n  requestHeaderModifier:\n    set:\n    \
               - {name: X-Both, value: backend}\n- type: ResponseHeaderModifier\n  responseHeaderModifier:\n    add:\n    \
               - {name: X-From, value: a}";
    let rule = Rule::new().filter(request).filter(response).backend_yaml(own);
    let (folder, _port, address) = stage(&[&a], vec![rule]);
    let gateway = Running::start(folder, &[]);
    let headers =
        [("x-set", "client"), ("x-add", "client"), ("x-drop", "1"), ("x-keep", "1"), ("x-both", "client")];
    let answer = h1(address).await.request(Method::GET, "/h", &headers).await;
    let echo = answer.echo();
    assert_eq!(echo.header("x-set"), ["rule"]);
    assert_eq!(echo.header("x-both"), ["backend"]);
    assert_eq!(echo.header("x-add").join(","), "client,rule");
    assert!(echo.header("x-drop").is_empty());
    assert_eq!(echo.header("x-keep"), ["1"]);
    assert_eq!((answer.header("x-set"), answer.header("x-from")), ("rule", "a"));
    let added: Vec<_> = answer.headers.get_all("x-add").iter().collect();
    assert_eq!(added, ["backend", "rule"]);
    assert!(!answer.headers.contains_key("x-drop"));
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_have_their_status_and_the_right_port() {
    let filter = |fields: &str| format!("type: RequestRedirect\nrequestRedirect: {{{fields}}}");
    let rules = [
        ("/plain", "hostname: b.example"),
        ("/moved", "statusCode: 301, path: {type: ReplaceFullPath, replaceFullPath: /new}"),
        ("/s307", "statusCode: 307"),
        ("/s308", "statusCode: 308"),
        ("/s303", "statusCode: 303"),
        ("/https", "scheme: https"),
        ("/http", "scheme: http"),
        ("/port", "port: 8443, scheme: https"),
        ("/own", "scheme: https, port: 443"),
        ("/prefix", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /other}"),
    ];
    let rules = rules.map(|(path, fields)| Rule::new().prefix(path).filter(&filter(fields)));
    let (folder, reserved, address) = stage(&[], rules.to_vec());
    let gateway = Running::start(folder, &[]);
    let p = reserved.port();
    let mut client = h1(address).await;
    let cases = [
        ("/plain/x?q=1", 302, format!("http://b.example:{p}/plain/x?q=1")),
        ("/moved?q=1", 301, format!("http://a.example:{p}/new?q=1")),
        ("/s307", 307, format!("http://a.example:{p}/s307")),
        ("/s308", 308, format!("http://a.example:{p}/s308")),
        ("/s303", 303, format!("http://a.example:{p}/s303")),
        ("/https", 302, "https://a.example/https".to_owned()),
        ("/http", 302, "http://a.example/http".to_owned()),
        ("/port", 302, "https://a.example:8443/port".to_owned()),
        ("/own", 302, "https://a.example/own".to_owned()),
        ("/prefix/a/b", 302, format!("http://a.example:{p}/other/a/b")),
    ];
    for (path, status, location) in &cases {
        let answer = client.request(Method::GET, path, &[("host", "a.example:1234")]).await;
        assert_eq!((answer.status, answer.header("location")), (*status, location.as_str()), "{path}");
    }
    gateway
        .counted(REQUESTS, &[("reason", "redirect"), ("answered_by", "gateway")], cases.len() as u64)
        .await;
    assert_eq!(gateway.line_of("/https").await["flag"], "redirect");
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rewrites_change_path_and_host() {
    let a = Backend::start("a");
    let filter = |fields: &str| format!("type: URLRewrite\nurlRewrite: {{{fields}}}");
    let rules = [
        ("/full", "path: {type: ReplaceFullPath, replaceFullPath: /one}"),
        ("/prefix", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /two}"),
        ("/base", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /}"),
        ("/host", "hostname: inner.example"),
        ("/both", "hostname: inner.example, path: {type: ReplacePrefixMatch, replacePrefixMatch: /three}"),
    ];
    let rules = rules.map(|(path, fields)| Rule::new().prefix(path).filter(&filter(fields)).backend("a"));
    let (folder, _port, address) = stage(&[&a], rules.to_vec());
    let gateway = Running::start(folder, &[]);
    let mut client = h1(address).await;
    for (path, at_backend, host) in [
        ("/full/x?q=%20", "/one?q=%20", "a.example"),
        ("/prefix/x/y?q", "/two/x/y?q", "a.example"),
        ("/prefix", "/two", "a.example"),
        ("/base/x", "/x", "a.example"),
        ("/base", "/", "a.example"),
        ("/host/x", "/host/x", "inner.example"),
        ("/both/x", "/three/x", "inner.example"),
    ] {
        let echo = client.request(Method::GET, path, &[("host", "a.example")]).await.echo();
        assert_eq!((echo.path(), echo.host()), (at_backend, host), "{path}");
        assert_eq!(echo.header("x-forwarded-host"), ["a.example"], "{path}");
    }
    assert_eq!(gateway.line_of("/full/x").await["path"], "/full/x", "the log has the path as sent");
    gateway.stop();
}

fn cors(fields: &str) -> String {
    format!("type: CORS\ncors:\n{fields}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cors_preflights_are_answered_by_the_gateway() {
    let a = Backend::start("a");
    let strict = "  allowOrigins: [\"https://shop.example\", \"https://*.shop.example\"]\n  allowMethods: [GET, PUT]\n  \
                  allowHeaders: [x-one, x-two]\n  exposeHeaders: [x-out]\n  maxAge: 60";
    let open = "  allowOrigins: [\"*\"]\n  allowMethods: [\"*\"]\n  allowHeaders: [\"*\"]";
    let trusting = format!("{open}\n  allowCredentials: true");
    let rules = [("/strict", strict), ("/open", open), ("/trusting", trusting.as_str())];
    let rules = rules.map(|(path, fields)| Rule::new().prefix(path).filter(&cors(fields)).backend("a"));
    let (folder, _port, address) = stage(&[&a], rules.to_vec());
    let gateway = Running::start(folder, &[]);
    let mut client = h1(address).await;
    let asking = |origin| {
        [
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "x-one"),
        ]
    };
    let field = |answer: &Answer, name: &str| answer.header(&format!("access-control-{name}")).to_owned();
    for (path, origin, wanted) in [
        ("/strict", "https://shop.example", "https://shop.example"),
        ("/strict", "https://a.shop.example", "https://a.shop.example"),
        ("/strict", "https://a.b.shop.example", "https://a.b.shop.example"),
        ("/strict", "http://shop.example", ""),
        ("/strict", "https://evilshop.example", ""),
        ("/strict", "https://shop.example.evil", ""),
        ("/strict", "https://a.shop.example:8443", ""),
        ("/strict", "null", ""),
        ("/open", "https://any.example", "*"),
        ("/trusting", "https://any.example", "https://any.example"),
    ] {
        let answer = options(&mut client, path, &asking(origin)).await;
        assert_eq!(
            (answer.status, field(&answer, "allow-origin")),
            (204, wanted.to_owned()),
            "{path} {origin}"
        );
        assert!(
            !wanted.is_empty() || field(&answer, "allow-methods").is_empty(),
            "{path} {origin}: allowed too much"
        );
    }
    let answer = options(&mut client, "/strict", &asking("https://shop.example")).await;
    let fields = ["allow-methods", "allow-headers", "expose-headers", "max-age", "allow-credentials"];
    let fields = fields.map(|name| field(&answer, name).replace(' ', ""));
    assert_eq!(fields, ["GET,PUT", "x-one,x-two", "x-out", "60", ""]);
    let answer = options(&mut client, "/open", &asking("https://any.example")).await;
    let fields = ["allow-methods", "allow-headers", "allow-credentials"].map(|name| field(&answer, name));
    assert_eq!(fields, ["*", "*", ""]);
    let answer = options(&mut client, "/trusting", &asking("https://any.example")).await;
    let fields = ["allow-methods", "allow-headers", "allow-credentials"].map(|name| field(&answer, name));
    assert_eq!(fields, ["PUT", "x-one", "true"]);
    assert_eq!(a.count(), 0, "no preflight reaches the backend");
    gateway.counted(REQUESTS, &[("reason", "cors_preflight"), ("code", "204")], 13).await;
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cors_fields_are_added_to_what_the_backend_answers() {
    let a = Backend::start("a");
    a.on(
        "/x",
        Reply::echo()
            .header("access-control-allow-origin", "https://backend.example")
            .header("vary", "accept"),
    );
    let fields =
        "  allowOrigins: [\"https://shop.example\"]\n  allowCredentials: true\n  exposeHeaders: [x-out]";
    let (folder, _port, address) = stage(&[&a], vec![Rule::new().filter(&cors(fields)).backend("a")]);
    let gateway = Running::start(folder, &[]);
    let mut client = h1(address).await;
    let answer = client.request(Method::GET, "/x", &[("origin", "https://shop.example")]).await;
    let origins: Vec<_> = answer.headers.get_all("access-control-allow-origin").iter().collect();
    assert_eq!(answer.status, 200);
    assert_eq!(origins, ["https://shop.example"]);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("access-control-expose-headers"), "x-out");
    let vary: Vec<_> =
        answer.headers.get_all("vary").iter().filter_map(|value| value.to_str().ok()).collect();
    assert_eq!(vary.join(", ").to_lowercase(), "accept, origin");
    let other = client.request(Method::GET, "/x", &[("origin", "https://other.example")]).await;
    assert_eq!((other.status, other.header("access-control-allow-origin")), (200, ""));
    let none = client.get("/x").await;
    assert_eq!((none.status, none.header("access-control-allow-origin")), (200, ""));
    // OPTIONS without Access-Control-Request-Method is no preflight.
    let plain = options(&mut client, "/x", &[("origin", "https://shop.example")]).await;
    assert_eq!((plain.status, plain.echo().method()), (200, "OPTIONS"));
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mirrors_get_copies_and_change_nothing() {
    let (a, copy, slow) = (Backend::start("a"), Backend::start("copy"), Backend::start("slow"));
    let gate = Gate::closed();
    let held = gate.clone();
    slow.handle(move |_| Some(Reply::status(500).gate(&held)));
    let mirror = |name: &str, more: &str| {
        format!("type: RequestMirror\nrequestMirror:\n  backendRef: {{name: {name}, port: 80}}\n{more}")
    };
    let rules = vec![
        Rule::new().prefix("/all").filter(&mirror("copy", "")).filter(&mirror("slow", "")).backend("a"),
        Rule::new().prefix("/none").filter(&mirror("copy", "  percent: 0")).backend("a"),
        Rule::new()
            .prefix("/half")
            .filter(&mirror("copy", "  fraction: {numerator: 1, denominator: 2}"))
            .backend("a"),
    ];
    let (folder, _port, address) = stage(&[&a, &copy, &slow], rules);
    let gateway = Running::start(folder, &[]);
    let mut client = h1(address).await;
    let body = "b".repeat(300_000);
    let answer =
        client.try_request(Method::POST, "/all/x?q=1", &[("x-team", "t")], body.clone()).await.unwrap();
    let echo = answer.echo();
    assert_eq!((answer.status, echo.backend(), echo.0["bodyBytes"].as_u64()), (200, "a", Some(300_000)));
    let seen = copy.wait_requests("the copy's body", |all| all.iter().any(|one| one.body_complete)).await;
    let first = &seen[0];
    assert_eq!((first.method.as_str(), first.target(), first.header("x-team")), ("POST", "/all/x?q=1", "t"));
    assert_eq!((first.body_bytes, first.body.as_ref()), (300_000, body.as_bytes()));
    gate.open();
    let mirrored = "clearway_mirrored_requests_total";
    gateway.counted(mirrored, &[("outcome", "answered")], 2).await;
    let before = copy.count();
    for _ in 0..20 {
        assert_eq!(client.get("/none").await.status, 200);
    }
    for _ in 0..200 {
        assert_eq!(client.get("/half").await.status, 200);
    }
    let scrape = async || gateway.total(mirrored, &[]).await;
    gateway.until("all copies", async || (scrape().await == 2 + copy.count() - before).then_some(())).await;
    let half = copy.count() - before;
    assert!((60..=140).contains(&half), "{half} of 200");
    assert!(copy.requests().iter().all(|one| !one.target().starts_with("/none")));
    gateway.counted(REQUESTS, &[("code", "200")], 221).await;
    gateway.counted(REQUESTS, &[], 221).await;
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leads_nowhere_has_its_own_status_and_word() {
    let a = Backend::start("a");
    let rules = vec![
        Rule::new().prefix("/nothing"),
        Rule::new().prefix("/zero").weighted("a", 0),
        Rule::new().prefix("/invalid").backend("absent"),
        Rule::new().prefix("/empty").backend("empty"),
        Rule::new().prefix("/half").weighted("a", 1).weighted("absent", 1),
    ];
    let (folder, _port, address) = stage(&[&a], rules);
    folder.service("empty", &[]);
    let gateway = Running::start(folder, &[]);
    let mut client = h1(address).await;
    for (path, status, word) in [
        ("/nothing", 500, "no_backend"),
        ("/zero", 500, "no_backend"),
        ("/invalid", 500, "backend_invalid"),
        ("/empty", 503, "no_endpoint"),
        ("/elsewhere", 404, "no_route"),
    ] {
        let answer = client.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains(word), "{path}: {}", answer.text());
        let line = gateway.line_of(path).await;
        assert_eq!((&line["flag"], &line["code"]), (&word.into(), &status.into()), "{path}");
        let labels = [("reason", word), ("code", &status.to_string())];
        assert!(gateway.total(REQUESTS, &labels).await >= 1, "{path}");
    }
    let mut by_status = BTreeMap::new();
    for _ in 0..100 {
        *by_status.entry(client.get("/half").await.status).or_insert(0) += 1;
    }
    assert_eq!(by_status.keys().copied().collect::<Vec<_>>(), [200, 500]);
    assert!((25..=75).contains(&by_status[&500]), "{by_status:?}");
    gateway.stop();
}
