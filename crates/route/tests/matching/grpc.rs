//! GRPCRoute conformance tests that are about matching, and the precedence of gRPC matches.

use super::support::{Port, any, call, exact, prefix, regex, route};

const ECHO: &str = "gateway_api_conformance.echo_basic.grpcecho.GrpcEcho";
const GRPC: (&str, &str) = ("content-type", "application/grpc");

#[test]
fn grpc_exact_method_matching() {
    let method = |name| call(Some(exact(ECHO)), Some(exact(name)));
    let port = Port::open([route("g").rule([method("Echo")]).rule([method("EchoTwo")])]);
    port.check(&[
        (&format!("POST /{ECHO}/Echo"), &[GRPC], "g/0/0"),
        (&format!("POST /{ECHO}/EchoTwo"), &[GRPC], "g/1/0"),
        (&format!("POST /{ECHO}/EchoThree"), &[GRPC], "none"),
        (&format!("POST /{ECHO}/echo"), &[GRPC], "none"),
        ("POST /Other/Echo", &[GRPC], "none"),
    ]);
}

#[test]
fn grpc_route_header_matching() {
    let every = || call(None, None);
    let port = Port::open([route("h")
        .rule([every().header("version", "one")])
        .rule([every().header("version", "two")])
        .rule([every().header("version", "two").header("color", "orange")])
        .rule([every().header("color", "blue"), every().header("color", "green")])
        .rule([every().header("color", "red"), every().header("color", "yellow")])]);
    let line = format!("POST /{ECHO}/Echo");
    let cases: [(&[(&str, &str)], &str); 11] = [
        (&[GRPC, ("version", "one")], "h/0/0"),
        (&[GRPC, ("version", "two")], "h/1/0"),
        (&[GRPC, ("version", "two"), ("color", "orange")], "h/2/0"),
        (&[GRPC, ("version", "two"), ("color", "blue")], "h/1/0"),
        (&[GRPC, ("color", "orange")], "none"),
        (&[GRPC, ("some-other-header", "one")], "none"),
        (&[GRPC, ("color", "blue")], "h/3/0"),
        (&[GRPC, ("color", "green")], "h/3/1"),
        (&[GRPC, ("color", "red")], "h/4/0"),
        (&[GRPC, ("color", "yellow")], "h/4/1"),
        (&[GRPC, ("color", "purple")], "none"),
    ];
    for (headers, want) in cases {
        assert_eq!(port.take(&line, headers), want, "{headers:?}");
    }
}

#[test]
fn grpc_route_listener_hostname_matching() {
    let every = |name| route(name).rule([call(None, None)]);
    let port = Port::new(
        &[("1", "bar.com"), ("2", "foo.bar.com"), ("3", "*.bar.com"), ("4", "*.foo.com")],
        [every("v1").on(&["1"]), every("v2").on(&["2"]), every("v3").on(&["3", "4"])],
    );
    port.check(&[
        ("POST bar.com/s/m", &[GRPC], "v1/0/0"),
        ("POST foo.bar.com/s/m", &[GRPC], "v2/0/0"),
        ("POST baz.bar.com/s/m", &[GRPC], "v3/0/0"),
        ("POST boo.bar.com/s/m", &[GRPC], "v3/0/0"),
        ("POST multiple.prefixes.bar.com/s/m", &[GRPC], "v3/0/0"),
        ("POST multiple.prefixes.foo.com/s/m", &[GRPC], "v3/0/0"),
        ("POST foo.com/s/m", &[GRPC], "none"),
        ("POST no.matching.host/s/m", &[GRPC], "none"),
    ]);
}

#[test]
fn only_grpc_calls_take_grpc_rules() {
    let port = Port::open([route("g").rule([call(None, None)])]);
    port.check(&[
        ("POST /pkg.Service/Method", &[GRPC], "g/0/0"),
        ("POST /pkg.Service/Method", &[("content-type", "Application/gRPC+proto")], "g/0/0"),
        ("POST /pkg.Service/Method", &[("content-type", "application/grpc; charset=utf-8")], "g/0/0"),
        ("POST /pkg.Service/Method", &[("content-type", "application/json")], "none"),
        ("POST /pkg.Service/Method", &[], "none"),
        ("GET /pkg.Service/Method", &[GRPC], "none"),
        ("POST /pkg.Service", &[GRPC], "none"),
        ("POST /pkg.Service/", &[GRPC], "none"),
        ("POST //Method", &[GRPC], "none"),
    ]);
}

#[test]
fn service_then_method_then_headers_decide_exact_before_regular_expression() {
    let port = Port::open([route("g")
        .rule([call(None, None).header("a", "1").header("b", "1")])
        .rule([call(None, Some(exact("Get")))])
        .rule([call(None, Some(regex("G.*")))])
        .rule([call(Some(regex("pkg[.].*")), None)])
        .rule([call(Some(regex("pkg[.](A|B)")), None)])
        .rule([call(Some(exact("pkg.A")), None)])
        .rule([call(Some(exact("pkg.A")), Some(regex("Get.*")))])
        .rule([call(Some(exact("pkg.A")), Some(regex("GetOr.*")))])
        .rule([call(Some(exact("pkg.A")), Some(exact("Get")))])
        .rule([call(Some(exact("pkg.A")), Some(exact("Get"))).header("a", "1")])]);
    let both = [GRPC, ("a", "1"), ("b", "1")];
    port.check(&[
        ("POST /pkg.A/Get", &[GRPC], "g/8/0"),
        ("POST /pkg.A/Get", &both, "g/9/0"),
        ("POST /pkg.A/GetAll", &[GRPC], "g/6/0"),
        ("POST /pkg.A/GetOrSet", &[GRPC], "g/7/0"),
        ("POST /pkg.A/Put", &both, "g/5/0"),
        ("POST /pkg.B/Get", &[GRPC], "g/4/0"),
        ("POST /pkg.C/Get", &both, "g/3/0"),
        ("POST /other.A/Get", &both, "g/1/0"),
        ("POST /other.A/Go", &both, "g/2/0"),
        ("POST /other.A/Put", &both, "g/0/0"),
        ("POST /other.A/Put", &[GRPC], "none"),
    ]);
}

#[test]
fn a_call_takes_grpc_routes_first_and_http_routes_where_none_matches() {
    let port = Port::open([
        route("web").rule([prefix("/")]),
        route("web-exact-host").hosts(&["shop.example"]).rule([any()]),
        route("calls").rule([call(Some(exact("pkg.A")), None)]),
    ]);
    port.check(&[
        ("POST x.example/pkg.A/Get", &[GRPC], "calls/0/0"),
        ("POST x.example/pkg.B/Get", &[GRPC], "web/0/0"),
        ("POST x.example/pkg.A/Get", &[], "web/0/0"),
        ("POST shop.example/pkg.A/Get", &[GRPC], "web-exact-host/0/0"),
    ]);
}
