//! Random tables against a naive reading of the specification: all matches that hold, sorted by precedence, the
//! first one taken. Small vocabularies make collisions, ties and fall-through the rule. The seed is fixed.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;

use super::support::{Ask, M, any, call, exact, listener, path, path_regex, prefix, regex, route, rules};
use clearway_model::{HeaderMatch, Hostname, Match, PathMatch, QueryMatch, RouteKind, Rule, TextMatch};
use clearway_route::{Before, Found, Table};

/// xorshift64* (Vigna, 2016).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("smaller than a usize")
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const HOSTS: [&str; 8] =
    ["*", "a.test", "b.a.test", "*.test", "*.a.test", "*.b.a.test", "c.b.a.test", "other.example"];
const ASKED_HOSTS: [&str; 8] =
    ["a.test", "b.a.test", "c.b.a.test", "d.c.b.a.test", "x.test", "test", "other.example", ""];
const PATHS: [&str; 10] = ["/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/a/b/", "//", "/a//b", "/pkg.A/Get"];
const ASKED_PATHS: [&str; 14] = [
    "",
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a/b/c",
    "/a/b/c/d",
    "/ab",
    "/abc",
    "//",
    "/a//b",
    "/pkg.A/Get",
    "/pkg.B/Put",
    "/pkg.A/Put",
];
const CALLED_PATHS: [&str; 6] = ["/pkg.A/Get", "/pkg.A/Put", "/pkg.B/Get", "/pkg.B/b", "/pkg.C/Post", "/a/b"];
const REGEXES: [&str; 8] =
    ["/.*", "/a.*", "/a/b?.*", "/a/[a-z]+", "/a/b|/ab", "/(a|x)/b/.*", "(?i)/A/B", "/pkg[.].*/Get"];
const VALUES: [&str; 7] = ["1", "2", "3", "1,2", "a b", "x", ""];
const VALUE_REGEXES: [&str; 4] = ["[0-9]", ".*", "1.*", "a b|x"];
const NAMES: [&str; 3] = ["h", "H", "k"];
const SERVICES: [&str; 3] = ["pkg.A", "pkg.B", "a"];
const SERVICE_REGEXES: [&str; 3] = ["pkg[.].*", "pkg[.](A|B)", ".*"];
const METHODS: [&str; 3] = ["Get", "Put", "b"];
const METHOD_REGEXES: [&str; 2] = ["G.*", "[GP]et"];

fn text(dice: &mut Dice, exacts: &[&str], regexes: &[&str]) -> TextMatch {
    if dice.chance(75) { exact(dice.one(exacts)) } else { regex(dice.one(regexes)) }
}

fn random_match(dice: &mut Dice, grpc: bool) -> M {
    let mut one = if grpc {
        let service = dice.chance(60).then(|| text(dice, &SERVICES, &SERVICE_REGEXES));
        let method = dice.chance(50).then(|| text(dice, &METHODS, &METHOD_REGEXES));
        call(service, method)
    } else {
        match dice.below(10) {
            0..3 => path(dice.one(&PATHS)),
            3..5 => path_regex(dice.one(&REGEXES)),
            5..9 => prefix(dice.one(&PATHS)),
            _ => any(),
        }
    };
    for _ in 0..dice.below(3) {
        one = one.header_is(dice.one(&NAMES), text(dice, &VALUES, &VALUE_REGEXES));
    }
    if !grpc {
        for _ in 0..dice.below(5).saturating_sub(2) {
            one = one.query_is(dice.one(&NAMES), text(dice, &VALUES, &VALUE_REGEXES));
        }
        if dice.chance(25) {
            one = one.method(dice.one(&["GET", "POST"]));
        }
    }
    one
}

fn random_rules(dice: &mut Dice) -> Vec<Rule> {
    let count = if dice.chance(20) { 80 } else { 1 + dice.below(12) };
    // Many routes under `/` told apart by one header: the lists that the table splits by value.
    let crowded = count == 80 && dice.chance(70);
    let routes: Vec<_> = (0..count)
        .map(|number| {
            let grpc = dice.chance(25);
            let tenant = crowded && !grpc && dice.chance(90);
            let name = format!("{}/r{number}", dice.one(&["n", "n-1", "m"]));
            let hosts: Vec<&str> = (0..1 + dice.below(3)).map(|_| dice.one(&HOSTS)).collect();
            let listener = if dice.chance(90) { "main" } else { "other" };
            let created = i64::try_from(dice.below(3)).expect("small");
            let mut route = route(&name).created(created).hosts(&hosts).on(&[listener]);
            for _ in 0..1 + dice.below(2) {
                let one = |dice: &mut Dice| match random_match(dice, grpc) {
                    _ if tenant => any().header("h", dice.one(&VALUES)),
                    other => other,
                };
                let matches: Vec<M> = (0..1 + dice.below(3)).map(|_| one(dice)).collect();
                route = route.rule(matches);
            }
            route
        })
        .collect();
    rules(routes)
}

fn random_ask(dice: &mut Dice) -> Ask {
    let host = dice.one(&ASKED_HOSTS);
    let grpc = dice.chance(30);
    let (method, path) = if grpc {
        ("POST", dice.one(&CALLED_PATHS))
    } else {
        (dice.one(&["GET", "POST"]), dice.one(&ASKED_PATHS))
    };
    let mut headers: Vec<(&str, &str)> =
        (0..dice.below(4)).map(|_| (dice.one(&NAMES), dice.one(&VALUES))).collect();
    if grpc || dice.chance(20) {
        headers
            .push(("content-type", dice.one(&["application/grpc", "application/grpc+proto", "text/plain"])));
    }
    let mut ask = Ask::new(&format!("{method} {host}{path}"), &headers);
    if dice.chance(60) {
        let pairs: Vec<String> = (0..dice.below(4))
            .map(|_| {
                let name = dice.one(&["h", "H", "k", "%68"]);
                format!("{name}={}", dice.one(&["1", "2", "3", "1%2C2", "a+b", "a%20b", "x", ""]))
            })
            .collect();
        ask.query = Some(pairs.join("&"));
    }
    ask
}

fn text_holds(condition: &TextMatch, text: &str) -> bool {
    match condition {
        TextMatch::Exact(want) => **want == *text,
        TextMatch::Regex(source) => whole(source, text),
    }
}

fn whole(source: &str, text: &str) -> bool {
    thread_local! {
        static COMPILED: RefCell<HashMap<String, regex::Regex>> = RefCell::default();
    }
    let compile = || regex::Regex::new(&format!("^(?:{source})$")).expect("a good expression");
    COMPILED.with_borrow_mut(|known| known.entry(source.to_owned()).or_insert_with(compile).is_match(text))
}

/// Conditions with those of a name seen before left out.
fn first_of_name<T>(conditions: &[T], name: impl Fn(&T) -> String) -> Vec<&T> {
    let repeated = |at: usize| conditions[..at].iter().any(|earlier| name(earlier) == name(&conditions[at]));
    (0..conditions.len()).filter(|at| !repeated(*at)).map(|at| &conditions[at]).collect()
}

fn own_headers(headers: &[HeaderMatch]) -> Vec<&HeaderMatch> {
    first_of_name(headers, |one| one.name.to_lowercase())
}

fn own_queries(queries: &[QueryMatch]) -> Vec<&QueryMatch> {
    first_of_name(queries, |one| one.name.to_string())
}

fn headers_hold(headers: &[HeaderMatch], ask: &Ask) -> bool {
    own_headers(headers).iter().all(|one| {
        let fields: Vec<&str> =
            ask.headers.get_all(&*one.name).iter().map(|value| value.to_str().expect("ASCII")).collect();
        !fields.is_empty() && text_holds(&one.value, &fields.join(","))
    })
}

fn queries_hold(queries: &[QueryMatch], ask: &Ask) -> bool {
    let decode =
        |raw: &str| raw.replace('+', " ").replace("%20", " ").replace("%2C", ",").replace("%68", "h");
    let pairs: Vec<(String, String)> = ask
        .query
        .iter()
        .flat_map(|query| query.split('&'))
        .filter_map(|pair| pair.split_once('=').map(|(name, value)| (decode(name), decode(value))))
        .collect();
    own_queries(queries).iter().all(|one| {
        pairs
            .iter()
            .find(|(name, _)| *name == *one.name)
            .is_some_and(|(_, value)| text_holds(&one.value, value))
    })
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').collect()
}

/// `Some(prefix_len)` when the path falls under the condition.
fn path_holds(condition: &PathMatch, path: &str) -> Option<Option<usize>> {
    match condition {
        PathMatch::Exact(want) => (**want == *path).then_some(None),
        PathMatch::Regex(source) => whole(source, path).then_some(None),
        PathMatch::Prefix(want) => {
            let stem = want.strip_suffix('/').unwrap_or(want);
            segments(path).starts_with(&segments(stem)).then_some(Some(stem.len()))
        }
    }
}

fn narrowness(condition: Option<&TextMatch>) -> Reverse<(u8, usize)> {
    Reverse(match condition {
        Some(TextMatch::Exact(text)) => (2, text.len()),
        Some(TextMatch::Regex(source)) => (1, source.len()),
        None => (0, 0),
    })
}

/// What a match has of its own: path and method (for gRPC service and method), then headers and query parameters.
type Specifics = ([Reverse<(u8, usize)>; 2], usize, usize);

/// Everything that is compared, in its order; the least wins.
type Rank = (
    Reverse<(u8, usize)>,
    // Whether it is an HTTPRoute: a GRPCRoute stands before it.
    bool,
    [Reverse<(u8, usize)>; 2],
    Reverse<usize>,
    Reverse<usize>,
    (i64, String, u32, usize),
);

fn host_rank(rule: &Rule, host: &str) -> Option<Reverse<(u8, usize)>> {
    let rank = |hostname: &Hostname| match hostname {
        Hostname::Any => (0, 0),
        Hostname::Wildcard(suffix) => (1, suffix.len()),
        Hostname::Exact(name) => (2, name.len()),
    };
    let parents = rule.parents.iter().filter(|parent| parent.listener == listener("main"));
    let hostnames = parents.flat_map(|parent| &parent.hostnames).filter(|hostname| hostname.covers(host));
    hostnames.map(rank).max().map(Reverse)
}

/// The match's own part of the rank, and the prefix length, when the match holds.
fn match_rank(one: &Match, ask: &Ask) -> Option<(Specifics, Option<usize>)> {
    let path = if ask.path.is_empty() { "/" } else { &ask.path };
    match one {
        Match::Http { path: want, headers, query, method } => {
            let prefix_len = path_holds(want, path)?;
            let holds = method.as_ref().is_none_or(|method| **method == *ask.method.as_str())
                && headers_hold(headers, ask)
                && queries_hold(query, ask);
            let narrow = match want {
                PathMatch::Exact(text) => (3, text.len()),
                PathMatch::Regex(source) => (2, source.len()),
                PathMatch::Prefix(text) => (1, text.strip_suffix('/').unwrap_or(text).len()),
            };
            let specifics = [Reverse(narrow), Reverse((u8::from(method.is_some()), 0))];
            holds.then(|| ((specifics, own_headers(headers).len(), own_queries(query).len()), prefix_len))
        }
        Match::Grpc { method, headers } => {
            let content_type = ask.headers.get("content-type")?.to_str().expect("ASCII");
            let (_, rest) = path.split_once('/')?;
            let (service, name) = rest.rsplit_once('/')?;
            let (want_service, want_name) = match method {
                Some(method) => (method.service.as_ref(), method.method.as_ref()),
                None => (None, None),
            };
            let holds = ask.method == http::Method::POST
                && content_type.starts_with("application/grpc")
                && !service.is_empty()
                && !name.is_empty()
                && want_service.is_none_or(|want| text_holds(want, service))
                && want_name.is_none_or(|want| text_holds(want, name))
                && headers_hold(headers, ask);
            let specifics = [narrowness(want_service), narrowness(want_name)];
            holds.then(|| ((specifics, own_headers(headers).len(), 0), None))
        }
    }
}

fn naive(rules: &[Rule], ask: &Ask) -> Option<Found> {
    let mut best: Option<(Rank, Found)> = None;
    for (number, rule) in rules.iter().enumerate() {
        let Some(host) = host_rank(rule, &ask.host) else { continue };
        let object = &rule.rule.route.object;
        for (match_index, one) in rule.matches.iter().enumerate() {
            let Some(((specifics, headers, queries), prefix_len)) = match_rank(one, ask) else { continue };
            let ties =
                (rule.created, format!("{}/{}", object.namespace, object.name), rule.rule.index, match_index);
            let http = rule.rule.route.kind == RouteKind::Http;
            let rank = (host, http, specifics, Reverse(headers), Reverse(queries), ties);
            if best.as_ref().is_none_or(|(least, _)| rank < *least) {
                best = Some((rank, Found { rule: number, match_index, prefix_len }));
            }
        }
    }
    best.map(|(_, found)| found)
}

#[test]
fn the_table_agrees_with_a_linear_scan_on_random_tables() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    // How many requests took an exact path, a regular expression, a prefix, a gRPC rule, or nothing.
    let mut taken = [0_usize; 5];
    for round in 0..600 {
        let rules = random_rules(&mut dice);
        let borrowed: Vec<&Rule> = rules.iter().collect();
        let table = Table::compile(&listener("main"), &borrowed).expect("good rules");
        for _ in 0..25 {
            let ask = random_ask(&mut dice);
            let want = naive(&rules, &ask);
            let found = table.find(&ask.request());
            assert_eq!(found, want, "round {round}: {:?}\n{rules:#?}", ask.request());
            let told = table.explain(&ask.request(), &borrowed);
            let said = told.taken.map(|taken| (taken.rule, taken.match_index));
            let meant = want.map(|found| (rules[found.rule].rule.clone(), found.match_index));
            assert_eq!(said, meant, "round {round}: {:?}", ask.request());
            assert_eq!(told.losers.len() + usize::from(want.is_some()), rules.len());
            taken[match want.map(|found| &rules[found.rule].matches[found.match_index]) {
                Some(Match::Http { path: PathMatch::Exact(_), .. }) => 0,
                Some(Match::Http { path: PathMatch::Regex(_), .. }) => 1,
                Some(Match::Http { path: PathMatch::Prefix(_), .. }) => 2,
                Some(Match::Grpc { .. }) => 3,
                None => 4,
            }] += 1;
        }
    }
    assert!(
        taken.iter().all(|count| *count > 300),
        "every kind is met often enough to mean something: {taken:?}"
    );
}

/// Rules of one set with those of another: taken out, changed, put in between.
fn edited(dice: &mut Dice, rules: &[Rule]) -> Vec<Rule> {
    let mut after = rules.to_vec();
    for _ in 0..1 + dice.below(4) {
        match dice.below(3) {
            0 if !after.is_empty() => drop(after.remove(dice.below(after.len()))),
            1 if !after.is_empty() => {
                let at = dice.below(after.len());
                let other = random_rules(dice).swap_remove(0);
                after[at] = Rule { rule: after[at].rule.clone(), created: after[at].created, ..other };
            }
            _ => after.extend(random_rules(dice).into_iter().take(1)),
        }
    }
    after.sort_by(|a, b| a.rule.cmp(&b.rule));
    after.dedup_by(|a, b| a.rule == b.rule);
    after
}

#[test]
fn a_table_that_was_compiled_after_others_answers_as_one_that_was_compiled_alone() {
    let mut dice = Dice(0x1234_5678_9ABC_DEF1);
    for round in 0..60 {
        let mut rules = edited(&mut dice, &[]);
        rules.extend(random_rules(&mut dice));
        rules.sort_by(|a, b| a.rule.cmp(&b.rule));
        rules.dedup_by(|a, b| a.rule == b.rule);
        let borrowed: Vec<&Rule> = rules.iter().collect();
        let mut table = Table::compile(&listener("main"), &borrowed).expect("good rules");
        for step in 0..12 {
            let after = edited(&mut dice, &rules);
            let old: Vec<&Rule> = rules.iter().collect();
            let new: Vec<&Rule> = after.iter().collect();
            let same: Vec<Option<usize>> =
                new.iter().map(|rule| old.iter().position(|other| other == rule)).collect();
            let before = Before { table: &table, rules: &old, same: &same };
            let next = Table::compile_after(&listener("main"), &new, before).expect("good rules");
            let alone = Table::compile(&listener("main"), &new).expect("good rules");
            for _ in 0..25 {
                let ask = random_ask(&mut dice);
                let (found, want) = (next.find(&ask.request()), alone.find(&ask.request()));
                assert_eq!(found, want, "round {round}, step {step}: {:?}\n{after:#?}", ask.request());
                assert_eq!(next.explain(&ask.request(), &new), alone.explain(&ask.request(), &new));
            }
            (table, rules) = (next, after);
        }
    }
}
