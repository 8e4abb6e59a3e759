//! The commands at the door: `check` names each refusal and exits 1, `explain` says what the running gateway then does, the
//! settings file is obeyed, and every help has an example.

#[path = "support/daemon.rs"]
mod daemon;
#[path = "support/pipe.rs"]
mod pipe;

use std::path::Path;

use clearway_testkit::Backend;
use clearway_testkit::manifest::{Folder, Gateway, Route, Rule};
use clearway_testkit::process::{Finished, Program, ReservedPort, TempDir};
use serde_json::Value;

use daemon::{Daemon, PATIENCE, binary};
use pipe::Pipe;

fn run(args: &[&str]) -> Finished {
    binary().args(args).run(PATIENCE)
}

/// A command whose answer is JSON, and its exit code.
fn json(args: &[&str]) -> (Value, Option<i32>) {
    let Finished { status, stdout, stderr } = run(args);
    let value =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {stdout}{stderr}"));
    (value, status.code())
}

fn shown(folder: &Folder) -> String {
    folder.path().display().to_string()
}

/// A folder that is right: two listeners, three rules, two backends.
fn good(http: u16, other: u16, backends: &[&Backend; 2]) -> Folder {
    let folder = Folder::new();
    let [one, two] = backends;
    folder.gateway(
        &Gateway::new("edge").http("any", http).http_for("shop", http, "shop.test").http("other", other),
    );
    folder.service("one", &[one.address()]).service("two", &[two.address()]);
    let header = "path:\n  type: PathPrefix\n  value: /a\nheaders:\n- name: x-team\n  value: two";
    folder.route(
        &Route::http("plain")
            .parent_section("edge", "any")
            .rule(Rule::new().name("team").matching(header).backend("two"))
            .rule(Rule::new().name("prefix").prefix("/a").backend("one"))
            .rule(Rule::new().name("exact").exact("/a/only").backend("two")),
    );
    folder.route(
        &Route::http("shop").parent_section("edge", "shop").rule(Rule::new().name("all").backend("two")),
    );
    folder
}

/// What is wrong in [`bad`]: the object, and a word of the reason.
const WRONG: [(&str, &str); 5] = [
    ("HTTPRoute default/nowhere", "NoMatchingParent"),
    ("HTTPRoute default/lost", "BackendNotFound"),
    ("HTTPRoute default/foreign", "RefNotPermitted"),
    ("HTTPRoute default/odd-kind", "InvalidKind"),
    ("Gateway default/edge", "InvalidCertificateRef"),
];

/// A folder whose files are well formed and whose references are not right.
fn bad(port: u16, tls: u16) -> Folder {
    let folder = Folder::new();
    folder.gateway(&Gateway::new("edge").http("any", port).https("tls", tls, "no-such-secret"));
    let to = |name: &str, backend: &str| {
        Route::http(name)
            .parent_section("edge", "any")
            .rule(Rule::new().prefix(&format!("/{name}")).backend_yaml(backend))
    };
    folder.route(&Route::http("nowhere").parent_section("edge", "no-such-listener").rule(Rule::new()));
    folder.route(&to("lost", "name: no-such-service\nport: 80"));
    folder.route(&to("foreign", "name: one\nnamespace: elsewhere\nport: 80"));
    folder.route(&to("odd-kind", "group: example.com\nkind: Bucket\nname: one\nport: 80"));
    folder
}

#[test]
fn check_accepts_what_is_right_in_both_forms() {
    let (http, other) = (ReservedPort::new(), ReservedPort::new());
    let (one, two) = (Backend::start("one"), Backend::start("two"));
    let folder = good(http.port(), other.port(), &[&one, &two]);
    let text = run(&["check", &shown(&folder)]).success().stdout;
    for wanted in ["default/edge/any", "default/edge/shop", "default/plain", "default/shop", "OK"] {
        assert!(text.contains(wanted), "{wanted} is not in:\n{text}");
    }
    let (answer, code) = json(&["check", "-o", "json", &shown(&folder)]);
    assert_eq!((code, &answer["ok"]), (Some(0), &Value::Bool(true)), "{answer:#}");
    let attached: Vec<_> =
        answer["listeners"].as_array().expect("listeners").iter().map(|l| &l["attachedRoutes"]).collect();
    assert_eq!(attached, [1, 1, 0]);
    let rules = &answer["routes"][0]["rules"];
    assert_eq!(answer["routes"][0]["attached"][0]["listener"], "default/edge/any");
    assert_eq!(
        (&rules[1]["rule"], &rules[1]["backends"][0]["endpoints"]),
        (&"1 (prefix)".into(), &1.into()),
        "{rules:#}"
    );
    assert_eq!(rules[1]["backends"][0]["backend"], "Service default/one:80");
}

#[test]
fn check_names_each_refusal_and_exits_1() {
    let (port, tls) = (ReservedPort::new(), ReservedPort::new());
    let folder = bad(port.port(), tls.port());
    let text = run(&["check", &shown(&folder)]);
    assert_eq!(text.status.code(), Some(1), "{}", text.stdout);
    let (answer, code) = json(&["check", "-o", "json", &shown(&folder)]);
    assert_eq!((code, &answer["ok"]), (Some(1), &Value::Bool(false)));
    let problems = answer["problems"].to_string();
    for (object, reason) in WRONG {
        let name = object.rsplit('/').next().unwrap_or_default();
        assert!(
            text.stdout.contains(name) && text.stdout.contains(reason),
            "{object} {reason}:\n{}",
            text.stdout
        );
        assert!(
            problems.contains(name) && problems.contains(reason),
            "{object} {reason}:\n{:#}",
            answer["problems"]
        );
    }
}

#[test]
fn check_names_file_line_object_and_field_of_what_cannot_be_read() {
    let folder = Folder::new();
    folder.write("broken.yaml", "kind: [\n");
    folder.write(
        "port.yaml",
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: odd, namespace: default}\nspec:\n  \
         gatewayClassName: clearway\n  listeners:\n  - {name: a, port: 70000, protocol: HTTP}\n",
    );
    let text = run(&["check", &shown(&folder)]);
    assert_eq!(text.status.code(), Some(1));
    for wanted in ["broken.yaml:", "port.yaml:", "Gateway default/odd", "spec.listeners[0].port"] {
        assert!(text.stdout.contains(wanted), "{wanted} is not in:\n{}", text.stdout);
    }
    let (answer, code) = json(&["check", "-o", "json", &shown(&folder)]);
    assert_eq!((code, answer["errors"].as_array().map(Vec::len)), (Some(1), Some(2)), "{answer:#}");
    let missing = run(&["check", "/no/such/folder"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(missing.stdout.contains("/no/such/folder"), "{}{}", missing.stdout, missing.stderr);
}

type Case = (&'static str, &'static str, &'static [&'static str], &'static str, &'static str, &'static str);

/// A request, the listener and rule that take it, and the backend that answers.
const REQUESTS: [Case; 6] = [
    ("any.test", "/a/b", &[], "default/edge/any", "prefix", "one"),
    ("any.test", "/a/b", &["x-team: two"], "default/edge/any", "team", "two"),
    ("any.test", "/a/only", &[], "default/edge/any", "exact", "two"),
    ("shop.test", "/a/b", &[], "default/edge/shop", "all", "two"),
    ("SHOP.test", "/", &[], "default/edge/shop", "all", "two"),
    ("any.test", "/ab", &[], "default/edge/any", "", ""),
];

#[test]
fn explain_says_what_the_running_gateway_does() {
    let (http, other) = (ReservedPort::new(), ReservedPort::new());
    let (one, two) = (Backend::start("one"), Backend::start("two"));
    let folder = good(http.port(), other.port(), &[&one, &two]);
    let files = TempDir::new("explain");
    let log = files.join("access.log");
    let gateway = Daemon::start(&folder, &log, &[]);
    for (host, path, headers, listener, rule, backend) in REQUESTS {
        let url = format!("http://{host}:{}{path}", http.port());
        let mut args = vec!["explain", "--config", folder.path().to_str().expect("a path"), &url];
        headers.iter().for_each(|header| args.extend(["-H", header]));
        let text = run(&args);
        let (answer, code) = json(&[&args[..], &["-o", "json"]].concat());
        assert_eq!(code, Some(i32::from(backend.is_empty())), "{url}: {answer:#}");
        assert_eq!(text.status.code(), code);
        assert_eq!(answer["listener"], listener, "{url}");
        assert!(text.stdout.contains(&format!("listener  {listener}")), "{}", text.stdout);
        let backends = answer["backends"].to_string();
        let lines: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n");
        let mut got = (0, String::new());
        let sent = Pipe::connect(http.address()).exchange(request.as_bytes(), 1, |_, head, body| {
            got = (head.status, String::from_utf8_lossy(body).into_owned());
        });
        sent.expect("an answer");
        if backend.is_empty() {
            assert_eq!((got.0, backends.as_str()), (404, "[]"), "{url}");
            continue;
        }
        assert!(backends.contains(&format!("default/{backend}:80")), "{url}: {backends}");
        let taken = answer["explanation"]["taken"].to_string();
        assert!(taken.contains(rule), "{url}: {rule} is not in {taken}");
        let echo: Value = serde_json::from_str(&got.1).expect("the backend's echo");
        assert_eq!(
            (got.0, echo["backend"].as_str().or(echo["pod"].as_str())),
            (200, Some(backend)),
            "{url}: {echo:#}"
        );
    }
    gateway.stop();
    // The access log of the real requests names the same rules, in the same order.
    let lines = std::fs::read_to_string(&log).expect("the access log");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), REQUESTS.len());
    for (_, path, _, listener, rule, _) in REQUESTS {
        let line = lines.iter().find(|line| {
            let name = format!("default/edge/{}", line["listener"].as_str().unwrap_or_default());
            line["path"] == path
                && name == listener
                && line["route_rule"].as_str().unwrap_or_default() == rule
        });
        assert!(line.is_some(), "{path} {listener} {rule}: {lines:#?}");
    }
}

#[test]
fn explain_names_what_did_not_take_the_request() {
    let (http, other) = (ReservedPort::new(), ReservedPort::new());
    let (one, two) = (Backend::start("one"), Backend::start("two"));
    let folder = good(http.port(), other.port(), &[&one, &two]);
    let url = format!("http://any.test:{}/a/only", http.port());
    let text = run(&["explain", "--config", &shown(&folder), &url]).success().stdout;
    for wanted in [
        "not default/edge/shop: hostname shop.test does not cover any.test".to_owned(),
        format!("not default/edge/other: listens on port {}, not {}", other.port(), http.port()),
        "x-team".to_owned(),
    ] {
        assert!(text.contains(&wanted), "{wanted} is not in:\n{text}");
    }
    let nobody = run(&["explain", "--config", &shown(&folder), "http://any.test:1/"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(nobody.stdout.contains("listener  none"), "{}", nobody.stdout);
    let no_host = run(&["explain", "--config", &shown(&folder), "/a"]);
    assert_eq!(no_host.status.code(), Some(1));
    assert!(no_host.stderr.contains("write http://host:port/path"), "{}", no_host.stderr);
}

#[test]
fn run_obeys_the_settings_file_below_the_command_line() {
    let (port, other) = (ReservedPort::new(), ReservedPort::new());
    let (one, two) = (Backend::start("one"), Backend::start("two"));
    let folder = good(port.port(), other.port(), &[&one, &two]);
    let files = TempDir::new("settings");
    let log = files.join("access.log");
    let settings = files.join("settings.yaml");
    let text = |more: &str| {
        format!(
            "config: {}\naccess-log: {}\nadmin-address: 127.0.0.1:0\nworkers: 3\nlatency-metrics: off\n\
             log-request-headers: [x-a, x-b]\n{more}",
            folder.path().display(),
            log.display()
        )
    };
    std::fs::write(&settings, text("")).expect("settings");
    let with = |path: &Path| binary().args(["run", "--settings"]).arg(path);
    let gateway = Daemon::of(with(&settings).args(["--workers", "2"]));
    let request = "GET /a HTTP/1.1\r\nhost: a.test\r\nx-b: seen\r\n\r\n";
    Pipe::connect(port.address())
        .exchange(request.as_bytes(), 1, |_, head, _| assert_eq!(head.status, 200))
        .expect("sent");
    let scrape = gateway.scrape();
    let workers = scrape.metric("clearway_runtime_alive_tasks").values_of("worker");
    assert!(workers.contains("worker-1") && !workers.contains("worker-2"), "{workers:?}");
    assert_eq!(scrape.metric("clearway_request_duration_seconds_count").count(), 0, "switched off");
    assert_eq!(scrape.metric("clearway_requests_total").total(), 1);
    gateway.stop();
    let line: Value =
        serde_json::from_str(&std::fs::read_to_string(&log).expect("the log")).expect("one line");
    assert_eq!(line["request_headers"]["x-b"], "seen");
    let refused = |program: Program, wanted: &str| {
        let finished = program.run(PATIENCE);
        assert!(
            !finished.status.success() && finished.stderr.contains(wanted),
            "{wanted}: {}",
            finished.stderr
        );
    };
    std::fs::write(&settings, text("wrokers: 3\n")).expect("settings");
    refused(with(&settings), "`wrokers` is no setting of `clearway run`");
    refused(with(&files.join("none.yaml")), "none.yaml");
    refused(
        binary().args(["run"]).arg("--config").arg(folder.path()).args(["--trace-sample-ratio", "2"]),
        "trace-sample-ratio",
    );
}

#[test]
fn every_command_has_an_example_that_it_understands() {
    for command in ["run", "check", "explain", "demo-backend"] {
        let help = run(&[command, "--help"]).success().stdout;
        let example = help.lines().find(|line| line.trim_start().starts_with(&format!("clearway {command}")));
        assert!(help.contains("Example") && example.is_some(), "{help}");
    }
    let help = run(&["--help"]).success().stdout;
    assert!(help.contains("Example") && help.contains("demo-backend"), "{help}");
    assert_eq!(run(&[]).status.code(), Some(2));
    assert_eq!(run(&["serve"]).status.code(), Some(2));
    // The example of the help is the example of the repository.
    let repository = clearway_testkit::process::repository();
    let quickstart = repository.join("examples/quickstart").display().to_string();
    let checked = run(&["check", &quickstart]).success();
    assert!(checked.stdout.contains("default/demo/http"), "{}", checked.stdout);
    let explained =
        run(&["explain", "--config", &quickstart, "http://localhost:10080/rewrite/a", "-H", "x-team: a"])
            .success();
    assert!(explained.stdout.contains("listener  default/demo/http"), "{}", explained.stdout);
}

/// What runbooks tell people to ask for and to set is there.
#[test]
fn runbooks_name_paths_and_flags_that_exist() {
    let paths: Vec<&str> = clearway_admin::surface::PATHS.iter().map(|path| path.path).collect();
    assert_eq!(paths, clearway_ops::lint::runbook::ADMIN_PATHS);
    let commands = ["run", "controlplane", "dataplane", "check", "explain", "demo-backend"];
    let helps: String = commands.iter().map(|command| run(&[command, "--help"]).success().stdout).collect();
    let named = regex::Regex::new(r"`(--[a-z][a-z0-9-]+)|\b(CLEARWAY_[A-Z0-9_]+)").expect("an expression");
    let known = regex::Regex::new(r"--[a-z][a-z0-9-]+|CLEARWAY_[A-Z0-9_]+").expect("an expression");
    let known: std::collections::BTreeSet<&str> =
        known.find_iter(&helps).map(|found| found.as_str()).collect();
    let folder = clearway_testkit::process::repository().join("runbooks");
    for entry in std::fs::read_dir(folder).expect("the runbooks") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a page");
        for found in named.captures_iter(&text) {
            let name = found.get(1).or(found.get(2)).map_or("", |name| name.as_str());
            assert!(known.contains(name), "{}: there is no {name}", path.display());
        }
    }
}
