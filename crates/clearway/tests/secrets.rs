//! Planted secrets: every place where credentials travel or are configured holds a word of its own, and the words are looked
//! for in everything that leaves the gateway except towards client and backend. At the most talkative log level.

#[path = "support/daemon.rs"]
mod daemon;
#[path = "support/pipe.rs"]
mod pipe;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use clearway_testkit::certs::{Authority, ServerCert};
use clearway_testkit::client::{ClientTls, HttpClient, Protocol};
use clearway_testkit::manifest::{Folder, Gateway, Route, Rule};
use clearway_testkit::otlp::Sink;
use clearway_testkit::process::{ReservedPort, Stream, TempDir};
use clearway_testkit::{Backend, Gate, Reply};

use daemon::Daemon;
use pipe::Pipe;

/// Begins and ends each planted word.
const BEGIN: &str = "pl4nted";
const END: &str = "s3cret";

/// The word of one place.
fn secret(place: &str) -> String {
    format!("{BEGIN}{place}{END}")
}

/// Every planted word in a text, also when it was cut behind its place.
fn found(text: &str) -> Vec<String> {
    text.match_indices(BEGIN)
        .map(|(at, _)| text.get(at..).unwrap_or_default().chars().take(60).collect())
        .collect()
}

/// Header lines with a secret each, and one without that the allow-list names.
fn fields() -> Vec<(&'static str, String)> {
    vec![
        ("authorization", format!("Bearer {}", secret("authorization"))),
        ("proxy-authorization", format!("Basic {}", secret("proxyauthorization"))),
        ("cookie", format!("sid={}; theme=dark", secret("cookie"))),
        ("x-api-key", secret("apikey")),
        (
            "referer",
            format!("https://u:{}@r.test/from?page=7&sig={}", secret("refereruser"), secret("refererquery")),
        ),
        ("x-original-url", format!("//u:{}@r.test/x?token={}", secret("urluser"), secret("urlquery"))),
        ("x-tenant", "acme".to_owned()),
        ("x-set-header", format!("set-cookie: sid={}", secret("setcookie"))),
        (
            "x-set-header",
            format!("location: https://u:{0}@l.test/?page=7&X-Amz-Signature={0}", secret("location")),
        ),
    ]
}

/// Queries as signed URLs and log-ins have them.
fn query() -> String {
    let keys = [
        "X-Amz-Signature",
        "X-Amz-Security-Token",
        "sig",
        "%73ig",
        "SIG",
        "token",
        "access_token",
        "password",
        "key",
    ];
    let pairs: Vec<_> = keys.iter().map(|key| format!("{key}={}", secret("query"))).collect();
    format!("page=7&{}&next=https%3A%2F%2Fn.test%2F%3Fsig%3D{}", pairs.join("&"), secret("nested"))
}

struct Scene {
    gateway: Daemon,
    folder: Folder,
    files: TempDir,
    sink: Sink,
    backend: Backend,
    gate: Gate,
    cert: ServerCert,
    plain: SocketAddr,
    tls: SocketAddr,
    authority: Authority,
    _ports: [ReservedPort; 3],
}

fn scene() -> Scene {
    let (http, https, dead) = (ReservedPort::new(), ReservedPort::new(), ReservedPort::new());
    let (backend, sink, gate) = (Backend::start("shop"), Sink::start(), Gate::closed());
    backend.on("/shop/slow", Reply::text("late").gate(&gate));
    let authority = Authority::new("Clearway tests");
    let cert = authority.issue(&["a.test"]);
    let (folder, files) = (Folder::new(), TempDir::new("secrets"));
    folder.gateway(&Gateway::new("edge").http("http", http.port()).https("https", https.port(), "web"));
    folder.secret("web", &cert).service("shop", &[backend.address()]).service("dead", &[dead.address()]);
    folder.route(&route());
    std::fs::write(files.join("token"), secret("admintoken")).expect("the token's file");
    let (endpoint, token) = (sink.endpoint(), files.join("token").display().to_string());
    let headers = format!("authorization={}", secret("otlpheader"));
    let args =
        ["--otlp-traces-endpoint", &endpoint, "--otlp-logs-endpoint", &endpoint, "--otlp-headers", &headers];
    let more = ["--trace-sample-ratio", "1", "--log-level", "trace", "--admin-token-file", &token];
    let lists =
        ["--log-request-headers", "referer,x-tenant,x-original-url", "--log-response-headers", "location"];
    let args = [&args[..], &more[..], &lists[..]].concat();
    let gateway = Daemon::start(&folder, &files.join("access.log"), &args);
    let (plain, tls) = (http.address(), https.address());
    Scene {
        gateway,
        folder,
        files,
        sink,
        backend,
        gate,
        cert,
        plain,
        tls,
        authority,
        _ports: [http, https, dead],
    }
}

/// Rules with secrets in what they match and in what they set.
fn route() -> Route {
    let matching = format!(
        "path:\n  type: PathPrefix\n  value: /keyed\nheaders:\n- name: x-api-key\n  value: {}\nqueryParams:\n- name: code\n  \
         value: {}",
        secret("headermatch"),
        secret("querymatch")
    );
    let filter = |kind: &str, field: &str, place: &str| {
        format!("type: {kind}\n{field}:\n  set:\n  - name: x-upstream-key\n    value: {}", secret(place))
    };
    let redirect = "type: RequestRedirect\nrequestRedirect:\n  hostname: b.test\n  statusCode: 302";
    Route::http("shop")
        .parent("edge")
        .rule(Rule::new().matching(&matching).backend("shop"))
        .rule(
            Rule::new()
                .prefix("/shop")
                .filter(&filter("RequestHeaderModifier", "requestHeaderModifier", "requestedit"))
                .filter(&filter("ResponseHeaderModifier", "responseHeaderModifier", "responseedit"))
                .yaml("retry:\n  codes: [503]\n  attempts: 2\n  backoff: 1ms")
                .backend("shop"),
        )
        .rule(Rule::new().prefix("/dead").backend("dead"))
        .rule(Rule::new().prefix("/moved").filter(redirect))
}

impl Scene {
    /// Requests that end in every way: well, at the gateway, after retries, refused, malformed, aborted.
    fn traffic(&self) {
        let head: String = fields().iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let query = query();
        let wanted =
            [("/shop/a", 200), ("/keyed/a", 404), ("/dead/a", 503), ("/moved/a", 302), ("/nowhere", 404)];
        for (path, status) in wanted {
            self.ask(&format!("GET {path}?{query} HTTP/1.1\r\nhost: a.test\r\n{head}\r\n"), &[status, 502]);
        }
        self.ask(
            &format!("GET /shop/b?{query} HTTP/1.1\r\nhost: a.test\r\nx-status: 503\r\n{head}\r\n"),
            &[503],
        );
        self.ask(
            &format!("GET /shop/c?{query} HTTP/1.1\r\nhost: a.test\r\nx-fault: reset\r\n{head}\r\n"),
            &[502],
        );
        let user = secret("userinfo");
        self.ask(
            &format!("GET http://u:{user}@a.test/shop/d?{query} HTTP/1.1\r\nhost: a.test\r\n{head}\r\n"),
            &[200, 400],
        );
        self.ask(&format!("GET /shop/e HTTP/1.1\r\nhost: u:{user}@a.test\r\n{head}\r\n"), &[200, 400]);
        self.ask(
            &format!("CONNECT u:{user}@a.test:443 HTTP/1.1\r\nhost: u:{user}@a.test:443\r\n{head}\r\n"),
            &[400, 405, 501],
        );
        let malformed =
            format!("GET /shop?{query} HTTP/1.1\r\nhost: a.test\r\nauthorization : {user}\r\n\r\n");
        self.refused(&malformed);
        self.ask(
            &format!(
                "GET /shop?{query} HTTP/1.1\r\nhost: a.test\r\n{head}x-large: {}\r\n\r\n",
                "a".repeat(70_000)
            ),
            &[431],
        );
        let mut leaving = TcpStream::connect(self.plain).expect("a connection");
        write!(leaving, "GET /shop/slow?{query} HTTP/1.1\r\nhost: a.test\r\n{head}\r\n")
            .expect("the request is sent");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            self.gate.arrived(1).await;
            drop(leaving);
            let tls = ClientTls::new(&self.authority, "a.test");
            let clear = HttpClient::h2c(self.plain).await.expect("h2c");
            let encrypted = HttpClient::tls(self.tls, &tls, Protocol::Http2).await.expect("h2");
            for mut client in [clear, encrypted] {
                let fields = fields();
                let mut headers: Vec<_> =
                    fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                headers.push(("host", "a.test"));
                let answer = client.request(http::Method::GET, &format!("/shop/f?{query}"), &headers).await;
                assert_eq!(answer.status, 200);
            }
        });
    }

    fn ask(&self, request: &str, wanted: &[u16]) {
        let done = Pipe::connect(self.plain).exchange(request.as_bytes(), 1, |_, head, _| {
            assert!(wanted.contains(&head.status), "{head:?}, wanted {wanted:?}, for {request}");
        });
        done.unwrap_or_else(|error| panic!("{error}: {request}"));
    }

    /// Sends what is no HTTP; the connection ends, after a 400 or without a word.
    fn refused(&self, request: &str) {
        let mut stream = TcpStream::connect(self.plain).expect("a connection");
        stream.write_all(request.as_bytes()).expect("the request is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the end of the connection");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }

    /// Breaks the configuration around secrets, so that messages speak of them; gives what the admin server says then.
    fn broken(&self) -> Vec<(String, String)> {
        let secret_of = |data: &str| {
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata:\n  name: odd\n  namespace: default\ntype: kubernetes.io/tls\n{data}"
            )
        };
        let (key, header) = (secret("brokenkey"), secret("brokenmatch"));
        let breaks = [
            secret_of(&format!("stringData:\n  tls.crt: \"{key}\"\n  tls.key: |\n{key}\n   {key}: [\n")),
            secret_of(&format!("data:\n  tls.crt: \"{key}!\"\n  tls.key: [\"{key}\"]\n")),
            secret_of(&format!("data: \"{key}\"\n")),
            format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: odd, namespace: default}}\nspec:\n  \
                 parentRefs: [{{name: edge}}]\n  rules:\n  - matches:\n    - headers: [{{name: x-key, type: RegularExpression, \
                 value: \"{header}[\"}}]\n    - headers: [{{name: x-key, type: Nope, value: \"{header}\"}}]\n"
            ),
        ];
        let mut answers = Vec::new();
        for (number, text) in breaks.iter().enumerate() {
            self.folder.write("odd.yaml", text);
            let named = |config: &str| config.contains("\"Refused\"") && config.contains("odd");
            self.gateway.wait_admin("/config", &format!("break {number}"), named);
            answers.extend(self.answers());
            self.folder.remove("odd.yaml");
            self.gateway.wait_admin("/config", "mended", |config| !config.contains("\"Refused\""));
        }
        answers
    }

    /// Everything that the admin server says.
    fn answers(&self) -> Vec<(String, String)> {
        let mut admin = self.gateway.admin();
        let paths = ["/config", "/readyz?verbose", "/readyz", "/livez", "/", "/log-level", "/metrics"];
        let mut answers: Vec<_> = paths.iter().map(|path| ((*path).to_owned(), admin.get(path))).collect();
        let protobuf =
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        for format in ["application/openmetrics-text;version=1.0.0", protobuf] {
            let body = admin.get_as("/metrics", &format!("accept: {format}\r\n"));
            answers.push((format!("/metrics as {format}"), String::from_utf8_lossy(&body).into_owned()));
        }
        answers
    }
}

#[test]
fn no_planted_secret_is_in_anything_that_is_told() {
    let scene = scene();
    scene.traffic();
    let mut told = scene.answers();
    told.extend(scene.broken());
    scene.gate.open();
    let stderr = scene.gateway.process.text(Stream::Stderr);
    let Scene { gateway, folder, files, sink, backend, cert, .. } = scene;
    told.push(("standard output and error".into(), gateway.stop()));
    let log = std::fs::read_to_string(files.join("access.log")).expect("the access log");
    let spans = sink.spans().iter().map(|span| format!("{span:?}\n")).collect::<String>();
    let records = sink.logs().iter().map(|record| format!("{record:?}\n")).collect::<String>();
    told.push(("access log".into(), log.clone()));
    told.push(("spans".into(), spans.clone()));
    told.push(("log records".into(), records.clone()));
    let keys: Vec<&str> = cert.key_pem.lines().filter(|line| !line.starts_with("---")).collect();
    assert!(keys.len() > 1);
    for (place, text) in &told {
        assert_eq!(found(text), Vec::<String>::new(), "{place}");
        assert!(!keys.iter().any(|line| text.contains(line)), "{place} holds the private key");
    }
    // The words were there, and what is no secret was told: this test can fail.
    let got = format!("{:?}", backend.requests());
    for place in ["authorization", "cookie", "query", "refereruser", "requestedit"] {
        assert!(got.contains(&secret(place)), "{place} did not reach the backend");
    }
    assert_eq!(log.lines().count(), records.lines().count());
    for text in [&log, &spans, &records] {
        for wanted in ["/shop/a", "page=7", "REDACTED", "acme", "r.test/from", "/shop/slow"] {
            assert!(
                text.contains(wanted),
                "{wanted} is not told: {}",
                text.lines().next().unwrap_or_default()
            );
        }
    }
    let config = told.iter().find(|(place, _)| place == "/config").expect("an answer");
    assert!(config.1.contains("x-api-key") && config.1.contains("x-upstream-key"), "{}", config.1);
    assert!(stderr.contains("TRACE") || stderr.contains("DEBUG"), "the talkative level");
    assert!(
        sink.exports().iter().all(|export| export.headers["authorization"] == secret("otlpheader").as_str())
    );
    drop(folder);
}
