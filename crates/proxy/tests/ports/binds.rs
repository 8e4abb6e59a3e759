//! One listener on several ports, several Gateways on one port: hosts choose, the spec's port is what clients are told.

use clearway_model::{BackendProtocol, Filter, Redirect};
use clearway_testkit::Backend;
use clearway_testkit::certs::Authority;
use clearway_testkit::client::{ClientTls, HttpClient, Protocol};
use clearway_testkit::process::ReservedPort;
use http::Method;

use crate::support::{Plan, Scene, http, https};

const CLOSED: &str = "clearway_downstream_connections_closed_total";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_answers_on_every_port_it_is_bound_to_and_redirects_to_its_own() {
    let (one, two, three) = (ReservedPort::new(), ReservedPort::new(), ReservedPort::new());
    let app = Backend::start("app");
    let redirect = Redirect { scheme: None, hostname: None, path: None, port: None, status: 302 };
    let to_https = Redirect { scheme: Some("https".into()), ..redirect.clone() };
    let listener = http("gw", "*", 80, &[one.port(), two.port()]);
    let odd = http("gw", "*", 8080, &[three.port()]);
    let secure = http("gw2", "secure.example", 80, &[three.port()]);
    let nowhere = http("gw3", "*", 80, &[]);
    let plan = Plan::default()
        .backend("app", app.address(), BackendProtocol::Http1, None)
        .listener(&listener)
        .listener(&odd)
        .listener(&secure)
        .listener(&nowhere)
        .route("redirect", &[&listener, &odd, &nowhere], "app", vec![Filter::Redirect(redirect)])
        .route("secure", &[&secure], "app", vec![Filter::Redirect(to_https)]);
    let scene = Scene::start(&plan.0).await;
    for (port, host, wanted) in [
        (&one, "a.example", "http://a.example/x?q"),
        (&two, "a.example:1234", "http://a.example/x?q"),
        (&three, "a.example", "http://a.example:8080/x?q"),
        (&three, "secure.example", "https://secure.example/x?q"),
    ] {
        let mut client = HttpClient::h1(port.address()).await.unwrap();
        let answer = client.request(Method::GET, "/x?q", &[("host", host)]).await;
        assert_eq!((answer.status, answer.header("location")), (302, wanted), "{host}");
    }
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_on_one_port_are_told_apart_by_host_and_a_change_of_one_disturbs_no_other() {
    let (own_a, own_b, merged) = (ReservedPort::new(), ReservedPort::new(), ReservedPort::new());
    let (a_app, b_app) = (Backend::start("a"), Backend::start("b"));
    let a = http("a", "*.a.example", 80, &[own_a.port(), merged.port()]);
    let b = http("b", "b.example", 80, &[own_b.port(), merged.port()]);
    let only_a = Plan::default()
        .backend("a", a_app.address(), BackendProtocol::Http1, None)
        .backend("b", b_app.address(), BackendProtocol::Http1, None)
        .listener(&a)
        .route("a", &[&a], "a", Vec::new());
    let both = only_a.clone().listener(&b).route("b", &[&b], "b", Vec::new());
    let scene = Scene::start(&both.0).await;
    let mut kept = HttpClient::h1(merged.address()).await.unwrap();
    let mut kept_h2 = HttpClient::h2c(merged.address()).await.unwrap();
    for (port, host, wanted) in [
        (&own_a, "x.a.example", Ok("a")),
        (&own_a, "b.example", Err(404)),
        (&own_b, "b.example", Ok("b")),
        (&own_b, "x.a.example", Err(404)),
        (&merged, "x.a.example", Ok("a")),
        (&merged, "b.example", Ok("b")),
        (&merged, "a.example", Err(404)),
        (&merged, "c.example", Err(404)),
    ] {
        let mut client = HttpClient::h1(port.address()).await.unwrap();
        let answer = client.request(Method::GET, "/", &[("host", host)]).await;
        let got =
            if answer.status == 200 { Ok(answer.echo().backend().to_owned()) } else { Err(answer.status) };
        assert_eq!(got, wanted.map(str::to_owned), "{host}");
    }
    // Gateway b goes and comes back; neither its port's going nor its coming touches connections that serve a.
    for plan in [&both, &only_a, &both, &only_a] {
        scene.apply(&plan.0).await;
        for client in [&mut kept, &mut kept_h2] {
            assert_eq!(client.request(Method::GET, "/", &[("host", "x.a.example")]).await.status, 200);
        }
    }
    assert_eq!(kept.request(Method::GET, "/", &[("host", "b.example")]).await.status, 404);
    scene.counted(CLOSED, &[("port", &merged.port().to_string()), ("reason", "drained")], 0).await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_of_another_gateway_on_the_merged_port_is_misdirected_and_unknown_on_a_private_one() {
    let (own, merged) = (ReservedPort::new(), ReservedPort::new());
    let (authority, app) = (Authority::new("ca"), Backend::start("app"));
    let a = https("a", "a.example", 443, &[own.port(), merged.port()]);
    let b = https("b", "b.example", 443, &[merged.port()]);
    let plan = Plan::default()
        .secret("server", &authority.issue(&["a.example", "b.example"]))
        .backend("app", app.address(), BackendProtocol::Http1, None)
        .listener(&a)
        .listener(&b)
        .route("all", &[&a, &b], "app", Vec::new());
    let scene = Scene::start(&plan.0).await;
    for (port, protocol, at_b) in [
        (&merged, Protocol::Http2, 421),
        (&merged, Protocol::Http1, 421),
        (&own, Protocol::Http2, 404),
        (&own, Protocol::Http1, 404),
    ] {
        let tls = ClientTls::new(&authority, "a.example");
        let mut client = HttpClient::tls(port.address(), &tls, protocol).await.unwrap();
        for (host, wanted) in [("a.example", 200), ("b.example", at_b), ("c.example", 404)] {
            let answer = client.request(Method::GET, "/", &[("host", host)]).await;
            assert_eq!(answer.status, wanted, "{host} on {protocol:?}");
        }
    }
    assert!(ClientTls::new(&authority, "b.example").connect(own.address()).await.is_err());
    scene.stop().await;
}

/// Scheme and port of the filter, then the origin of the `Location` for HTTP on 80 and 8080, HTTPS on 443 and 8443.
const REDIRECTS: [(Option<&str>, Option<u16>, [&str; 4]); 10] = [
    (
        None,
        None,
        ["http://example.org", "http://example.org:8080", "https://example.org", "https://example.org:8443"],
    ),
    (
        None,
        Some(80),
        ["http://example.org", "http://example.org", "https://example.org:80", "https://example.org:80"],
    ),
    (
        None,
        Some(8080),
        [
            "http://example.org:8080",
            "http://example.org:8080",
            "https://example.org:8080",
            "https://example.org:8080",
        ],
    ),
    (
        None,
        Some(443),
        ["http://example.org:443", "http://example.org:443", "https://example.org", "https://example.org"],
    ),
    (Some("http"), None, ["http://example.org"; 4]),
    (Some("http"), Some(80), ["http://example.org"; 4]),
    (Some("http"), Some(8080), ["http://example.org:8080"; 4]),
    (Some("https"), None, ["https://example.org"; 4]),
    (Some("https"), Some(443), ["https://example.org"; 4]),
    (Some("https"), Some(8443), ["https://example.org:8443"; 4]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_names_the_port_only_where_the_scheme_does_not() {
    let ports: Vec<_> = (0..4).map(|_| ReservedPort::new()).collect();
    let (authority, app) = (Authority::new("ca"), Backend::start("app"));
    let redirect = |scheme: Option<&str>, port| {
        let scheme = scheme.map(Into::into);
        Filter::Redirect(Redirect {
            scheme,
            hostname: Some("example.org".into()),
            path: None,
            port,
            status: 302,
        })
    };
    let mut scene: Option<Scene> = None;
    for (scheme, port, wanted) in REDIRECTS {
        let listeners = [
            http("gw", "*", 80, &[ports[0].port()]),
            http("gw", "*", 8080, &[ports[1].port()]),
            https("gw", "*", 443, &[ports[2].port()]),
            https("gw", "*", 8443, &[ports[3].port()]),
        ];
        let all: Vec<_> = listeners.iter().collect();
        let plan = Plan::default()
            .secret("server", &authority.issue(&["a.example"]))
            .backend("app", app.address(), BackendProtocol::Http1, None)
            .route("all", &all, "app", vec![redirect(scheme, port)]);
        let plan = listeners.iter().fold(plan, Plan::listener);
        match &scene {
            None => scene = Some(Scene::start(&plan.0).await),
            Some(scene) => scene.apply(&plan.0).await,
        }
        for (bound, wanted) in ports.iter().zip(wanted) {
            let tls = ClientTls::new(&authority, "a.example");
            let secure = bound.port() == ports[2].port() || bound.port() == ports[3].port();
            let client = if secure {
                HttpClient::tls(bound.address(), &tls, Protocol::Http1).await
            } else {
                HttpClient::h1(bound.address()).await
            };
            let mut client = client.unwrap();
            let answer = client.request(Method::GET, "/p", &[("host", "a.example")]).await;
            assert_eq!(
                (answer.status, answer.header("location")),
                (302, format!("{wanted}/p").as_str()),
                "{scheme:?} {port:?}"
            );
        }
    }
    scene.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_host_on_a_connection_for_another_listener_is_misdirected() {
    let port = ReservedPort::new();
    let (authority, app) = (Authority::new("ca"), Backend::start("app"));
    let hostnames = ["*", "second-example.org", "*.wildcard.org", "fourth-example.wildcard.org"];
    let listeners = hostnames.map(|hostname| https("gw", hostname, 443, &[port.port()]));
    let plan = Plan::default().secret("server", &authority.issue(&["*.org"])).backend(
        "app",
        app.address(),
        BackendProtocol::Http1,
        None,
    );
    let mut plan = listeners.iter().fold(plan, Plan::listener);
    for (number, listener) in listeners.iter().enumerate() {
        plan = plan.route(&format!("r{number}"), &[listener], "app", Vec::new());
    }
    // The listener for every host has a route for one host only.
    for rule in plan.0.rules.values_mut().filter(|rule| *rule.rule.route.object.name == *"r0") {
        std::sync::Arc::make_mut(rule).parents[0].hostnames =
            vec![clearway_model::Hostname::parse("example.org")];
    }
    let scene = Scene::start(&plan.0).await;
    for (name, host, wanted) in [
        ("example.org", "example.org", 200),
        ("example.org", "second-example.org", 421),
        ("example.org", "unknown-example.org", 404),
        ("second-example.org", "second-example.org", 200),
        ("second-example.org", "example.org", 421),
        ("second-example.org", "unknown-example.org", 421),
        ("third-example.wildcard.org", "third-example.wildcard.org", 200),
        ("third-example.wildcard.org", "fith-example.wildcard.org", 200),
        ("third-example.wildcard.org", "fourth-example.wildcard.org", 421),
        ("third-example.wildcard.org", "second-example.org", 421),
        ("third-example.wildcard.org", "unknown-example.org", 421),
        ("fourth-example.wildcard.org", "fourth-example.wildcard.org", 200),
        ("fourth-example.wildcard.org", "fith-example.wildcard.org", 421),
        ("unknown-example.org", "example.org", 200),
        ("unknown-example.org", "unknown-example.org", 404),
    ] {
        for protocol in [Protocol::Http2, Protocol::Http1] {
            let tls = ClientTls::unverified(name);
            let mut client = HttpClient::tls(port.address(), &tls, protocol).await.unwrap();
            let answer = client.request(Method::GET, "/", &[("host", host)]).await;
            assert_eq!(answer.status, wanted, "{name} {host} {protocol:?}");
        }
    }
    scene.stop().await;
}
