//! Names of backends (BackendTLSPolicy, GEP-1897): which certificates are believed, and that nothing goes out without one.

use std::sync::Arc;

use clearway_model::{BackendProtocol, SubjectAltName, TrustedRoots};
use clearway_testkit::Backend;
use clearway_testkit::certs::{Authority, Leaf};
use clearway_testkit::client::HttpClient;
use clearway_testkit::process::ReservedPort;

use crate::support::{Plan, Scene, http, service};

fn dns(name: &str) -> SubjectAltName {
    SubjectAltName::Dns(name.into())
}

fn uri(name: &str) -> SubjectAltName {
    SubjectAltName::Uri(name.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_is_believed_by_its_name_or_by_the_alternative_names_and_else_answers_502() {
    let (authority, other, port) = (Authority::new("ca"), Authority::new("other"), ReservedPort::new());
    let leaf = Leaf::new(&["abc.example.com", "other.example.com", "*.wild.example"])
        .uri("spiffe://abc.example.com/test-identity");
    let backend = Backend::builder("app").tls(&authority.issue_leaf(&leaf)).start();
    let listener = http("gw", "*", 80, &[port.port()]);
    let pem = |authority: &Authority| TrustedRoots::Pem(Arc::from(authority.pem().as_bytes()));
    let spiffe = "spiffe://abc.example.com/test-identity";
    let mine = || pem(&authority);
    let name = "abc.example.com";
    let cases = [
        (name, vec![], mine(), 200),
        ("dce.example.com", vec![], mine(), 502),
        (name, vec![], pem(&other), 502),
        (name, vec![], TrustedRoots::Broken("ConfigMap default/ca has no ca.crt".into()), 502),
        (name, vec![], TrustedRoots::Pem(Arc::from(&b"no PEM"[..])), 502),
        (name, vec![dns(name)], mine(), 200),
        (name, vec![dns("ABC.example.com")], mine(), 200),
        (name, vec![dns("dce.example.com")], mine(), 502),
        (name, vec![dns("x.wild.example")], mine(), 200),
        (name, vec![dns("wild.example")], mine(), 502),
        // A name in the certificate is no URI, and a URI no name.
        (name, vec![dns(spiffe)], mine(), 502),
        (name, vec![uri(name)], mine(), 502),
        (name, vec![uri(spiffe)], mine(), 200),
        (name, vec![uri("spiffe://def.example.com/test-identity")], mine(), 502),
        (name, vec![dns("dce.example.com"), uri(spiffe)], mine(), 200),
        (name, vec![uri("spiffe://x/y"), dns("other.example.com")], mine(), 200),
        (name, vec![uri("spiffe://x/y"), dns("dce.example.com")], mine(), 502),
        // The alternative names replace the host name, which is then only asked for.
        ("front.example", vec![uri(spiffe)], mine(), 200),
        ("front.example", vec![uri(spiffe)], pem(&other), 502),
    ];
    let mut scene: Option<Scene> = None;
    for (hostname, names, roots, wanted) in cases {
        let what = format!("{hostname} {names:?} {roots:?}");
        let mut plan = Plan::default()
            .backend("app", backend.address(), BackendProtocol::Http1, Some(&authority))
            .listener(&listener)
            .route("all", &[&listener], "app", Vec::new());
        let served = plan.0.backends.get_mut(&service("app")).map(Arc::make_mut);
        let tls = served.and_then(|served| served.tls.as_mut()).unwrap();
        (tls.hostname, tls.subject_alt_names, tls.roots) = (hostname.into(), names, roots);
        match &scene {
            None => scene = Some(Scene::start(&plan.0).await),
            Some(scene) => scene.apply(&plan.0).await,
        }
        let seen = backend.count();
        let answer = HttpClient::h1(port.address()).await.unwrap().get("/").await;
        assert_eq!(answer.status, wanted, "{what}: {}", answer.text());
        if wanted == 200 {
            assert_eq!(backend.last().tls.unwrap().sni.as_deref(), Some(hostname), "{what}");
        } else {
            assert!(answer.text().contains("upstream_tls"), "{what}: {}", answer.text());
            assert_eq!(backend.count(), seen, "{what}: a request got there");
        }
    }
    scene.unwrap().stop().await;
}
