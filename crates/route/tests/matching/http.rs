//! HTTPRoute conformance tests that are about matching, with their routes and requests.

use super::support::{Port, any, path, path_regex, prefix, regex, route};

#[test]
fn http_route_matching() {
    let port = Port::open([route("m")
        .rule([prefix("/"), any().header("version", "one")])
        .rule([prefix("/v2"), any().header("version", "two")])]);
    port.check(&[
        ("GET /", &[], "m/0/0"),
        ("GET /example", &[], "m/0/0"),
        ("GET /", &[("Version", "one")], "m/0/1"),
        ("GET /v2", &[], "m/1/0"),
        ("GET /v2/example", &[], "m/1/0"),
        ("GET /", &[("Version", "two")], "m/1/1"),
        ("GET /v2/", &[], "m/1/0"),
        ("GET /v2example", &[], "m/0/0"),
        ("GET /foo/v2/example", &[], "m/0/0"),
    ]);
}

#[test]
fn http_route_matching_across_routes() {
    let port = Port::open([
        route("part1")
            .hosts(&["example.com", "example.net"])
            .rule([prefix("/"), any().header("version", "one")]),
        route("part2").hosts(&["example.com"]).rule([prefix("/v2"), any().header("version", "two")]),
    ]);
    port.check(&[
        ("GET example.com/", &[], "part1/0/0"),
        ("GET example.com/example", &[], "part1/0/0"),
        ("GET example.net/example", &[], "part1/0/0"),
        ("GET example.com/example", &[("Version", "one")], "part1/0/1"),
        ("GET example.com/v2", &[], "part2/0/0"),
        ("GET example.net/v2", &[], "part1/0/0"),
        ("GET example.com/v2/example", &[], "part2/0/0"),
        ("GET example.com/", &[("Version", "two")], "part2/0/1"),
        ("GET example.org/", &[], "none"),
    ]);
}

#[test]
fn http_route_path_match_order() {
    let port = Port::open([route("p")
        .rule([path("/match")])
        .rule([path("/match/exact")])
        .rule([path("/match/exact/one")])
        .rule([prefix("/match/")])
        .rule([prefix("/match/prefix/")])
        .rule([prefix("/match/prefix/one")])]);
    port.check(&[
        ("GET /match/exact/one", &[], "p/2/0"),
        ("GET /match/exact", &[], "p/1/0"),
        ("GET /match", &[], "p/0/0"),
        ("GET /match/prefix/one/any", &[], "p/5/0"),
        ("GET /match/prefix/any", &[], "p/4/0"),
        ("GET /match/any", &[], "p/3/0"),
        ("GET /match/", &[], "p/3/0"),
        ("GET /matchbox", &[], "none"),
    ]);
}

#[test]
fn http_route_exact_path_matching() {
    let port = Port::open([route("e").rule([path("/one")]).rule([path("/two")])]);
    port.check(&[
        ("GET /one", &[], "e/0/0"),
        ("GET /two", &[], "e/1/0"),
        ("GET /", &[], "none"),
        ("GET /one/example", &[], "none"),
        ("GET /two/", &[], "none"),
        ("GET /Two", &[], "none"),
        ("GET /one?query=does&not=count", &[], "e/0/0"),
    ]);
}

#[test]
fn http_route_header_matching() {
    let port = Port::open([route("h")
        .rule([any().header("version", "one")])
        .rule([any().header("version", "two")])
        .rule([any().header("version", "two").header("color", "orange")])
        .rule([any().header("color", "blue"), any().header("color", "green")])
        .rule([any().header("color", "red"), any().header("color", "yellow")])]);
    port.check(&[
        ("GET /", &[("Version", "one")], "h/0/0"),
        ("GET /", &[("Version", "two")], "h/1/0"),
        ("GET /", &[("Version", "two"), ("Color", "orange")], "h/2/0"),
        ("GET /", &[("Version", "two"), ("Color", "blue")], "h/1/0"),
        ("GET /", &[("Color", "orange")], "none"),
        ("GET /", &[("Some-Other-Header", "one")], "none"),
        ("GET /", &[("Color", "blue")], "h/3/0"),
        ("GET /", &[("Color", "green")], "h/3/1"),
        ("GET /", &[("Color", "red")], "h/4/0"),
        ("GET /", &[("Color", "yellow")], "h/4/1"),
        ("GET /", &[("Color", "purple")], "none"),
    ]);
}

#[test]
fn several_fields_of_a_header_are_one_value_joined_by_commas() {
    let port = Port::open([route("h")
        .rule([any().header("x", "a,b")])
        .rule([any().header_is("x", regex("c,.*"))])
        .rule([any().header("X", "d").header("x", "never looked at")])]);
    port.check(&[
        ("GET /", &[("x", "a"), ("x", "b")], "h/0/0"),
        ("GET /", &[("x", "a,b")], "h/0/0"),
        ("GET /", &[("x", "a")], "none"),
        ("GET /", &[("x", "a"), ("x", "b"), ("x", "c")], "none"),
        ("GET /", &[("x", "b"), ("x", "a")], "none"),
        ("GET /", &[("x", "c"), ("x", "1")], "h/1/0"),
        ("GET /", &[("x", "d")], "h/2/0"),
    ]);
}

#[test]
fn http_route_query_param_matching() {
    let port = Port::open([route("q")
        .rule([any().query("animal", "whale")])
        .rule([any().query("animal", "dolphin")])
        .rule([any().query("animal", "dolphin").query("color", "blue"), any().query("ANIMAL", "Whale")])
        .rule([prefix("/path1").query("animal", "whale")])
        .rule([any().header("version", "one").query("animal", "whale")])
        .rule([prefix("/path2").header("version", "two").query("animal", "whale")])
        .rule([
            prefix("/path3").query("animal", "shark"),
            prefix("/path4").header("version", "three").query("animal", "kraken"),
        ])
        .rule([prefix("/path5")])
        .rule([any().query("animal", "hydra")])
        .rule([any().header("version", "four")])]);
    port.check(&[
        ("GET /?animal=whale", &[], "q/0/0"),
        ("GET /?animal=dolphin", &[], "q/1/0"),
        ("GET /?animal=dolphin&color=blue", &[], "q/2/0"),
        ("GET /?ANIMAL=Whale", &[], "q/2/1"),
        ("GET /?animal=whale&otherparam=irrelevant", &[], "q/0/0"),
        ("GET /?animal=dolphin&color=yellow", &[], "q/1/0"),
        ("GET /?color=blue", &[], "none"),
        ("GET /?animal=dog", &[], "none"),
        ("GET /?animal=whaledolphin", &[], "none"),
        ("GET /", &[], "none"),
        ("GET /path1?animal=whale", &[], "q/3/0"),
        ("GET /?animal=whale", &[("version", "one")], "q/4/0"),
        ("GET /path2?animal=whale", &[("version", "two")], "q/5/0"),
        ("GET /path3?animal=shark", &[], "q/6/0"),
        ("GET /path4?animal=kraken", &[("version", "three")], "q/6/1"),
        ("GET /?animal=shark", &[], "none"),
        ("GET /path4?animal=kraken", &[], "none"),
        ("GET /path5?animal=hydra", &[], "q/7/0"),
        ("GET /?animal=hydra", &[("version", "four")], "q/9/0"),
    ]);
}

#[test]
fn query_parameters_are_decoded_and_the_first_of_a_name_counts() {
    let port = Port::open([route("q")
        .rule([any().query("name", "two words").query("name", "never looked at")])
        .rule([any().query_is("name", regex("[a-z]+@[a-z]+"))])
        .rule([any().query("flag", "")])]);
    port.check(&[
        ("GET /?name=two+words", &[], "q/0/0"),
        ("GET /?n%61me=two%20words", &[], "q/0/0"),
        ("GET /?name=other&name=two+words", &[], "none"),
        ("GET /?name=a%40b", &[], "q/1/0"),
        ("GET /?name=a@b", &[], "q/1/0"),
        ("GET /?flag", &[], "q/2/0"),
        ("GET /?flag=", &[], "q/2/0"),
        ("GET /?flag=1", &[], "none"),
    ]);
}

#[test]
fn http_route_method_matching() {
    let port = Port::open([route("m")
        .rule([any().method("POST")])
        .rule([any().method("GET")])
        .rule([prefix("/path1").method("GET")])
        .rule([any().header("version", "one").method("PUT")])
        .rule([prefix("/path2").header("version", "two").method("POST")])
        .rule([
            prefix("/path3").method("PATCH"),
            prefix("/path4").header("version", "three").method("DELETE"),
        ])
        .rule([prefix("/path5")])
        .rule([any().method("PATCH")])
        .rule([any().header("version", "four")])]);
    port.check(&[
        ("POST /", &[], "m/0/0"),
        ("GET /", &[], "m/1/0"),
        ("HEAD /", &[], "none"),
        ("GET /path1", &[], "m/2/0"),
        ("PUT /", &[("version", "one")], "m/3/0"),
        ("POST /path2", &[("version", "two")], "m/4/0"),
        ("PATCH /path3", &[], "m/5/0"),
        ("DELETE /path4", &[("version", "three")], "m/5/1"),
        ("PUT /", &[], "none"),
        ("DELETE /path4", &[], "none"),
        ("PATCH /path5", &[], "m/6/0"),
        ("PATCH /", &[("version", "four")], "m/7/0"),
    ]);
}

#[test]
fn http_route_rule_order() {
    let port = Port::open([route("r")
        .rule([prefix("/same"), prefix("/same/")])
        .rule([prefix("/same")])
        .rule([path("/x"), path("/x")])]);
    port.check(&[("GET /same", &[], "r/0/0"), ("GET /same/more", &[], "r/0/0"), ("GET /x", &[], "r/2/0")]);
}

#[test]
fn regular_expressions_stand_between_exact_paths_and_prefixes() {
    let port = Port::open([route("x")
        .rule([path_regex("/api/.*")])
        .rule([path_regex("/api/v[0-9]+/.*")])
        .rule([prefix("/api/v1/users")])
        .rule([path("/api/v1/users")])
        .rule([path_regex(".*[.]png")])
        .rule([path_regex("/api/v[0-9]+/.*").method("PUT")])
        .rule([prefix("/")])]);
    port.check(&[
        ("GET /api/v1/users", &[], "x/3/0"),
        ("GET /api/v1/users/7", &[], "x/1/0"),
        ("PUT /api/v1/users/7", &[], "x/5/0"),
        ("GET /api/users", &[], "x/0/0"),
        ("GET /api/logo.png", &[], "x/4/0"),
        ("GET /logo.png", &[], "x/4/0"),
        ("GET /logo.png/", &[], "x/6/0"),
        ("GET /api", &[], "x/6/0"),
    ]);
}

#[test]
fn prefixes_are_whole_segments_of_the_path_as_received() {
    let port =
        Port::open([route("p").rule([prefix("/foo/")]).rule([prefix("/a//b")]).rule([prefix("/%2F")])]);
    port.check(&[
        ("GET /foo", &[], "p/0/0"),
        ("GET /foo/", &[], "p/0/0"),
        ("GET /foo/bar", &[], "p/0/0"),
        ("GET /foo//bar", &[], "p/0/0"),
        ("GET /foobar", &[], "none"),
        ("GET /Foo", &[], "none"),
        ("GET //foo", &[], "none"),
        ("GET /a//b/c", &[], "p/1/0"),
        ("GET /a/b/c", &[], "none"),
        ("GET /%2F/x", &[], "p/2/0"),
        ("GET ///", &[], "none"),
    ]);
}
