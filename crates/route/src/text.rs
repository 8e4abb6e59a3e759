//! Conditions on a text: equal, or covered by a regular expression. Used for paths, headers, query values and gRPC
//! names.
//!
//! Always holds: an expression covers the whole text, its compiled size is bounded, and one expression is compiled
//! once per table however many rules use it.

use std::sync::Arc;

use clearway_model::TextMatch;
use regex::bytes::{Regex, RegexBuilder};

use crate::Map;

/// Greatest size of a compiled expression in bytes; a larger one is refused, so one rule cannot fill the memory.
const COMPILED_LIMIT_BYTES: usize = 1 << 20;
/// Bounds that tell cheap expressions from dear ones.
const SMALLER_BOUNDS: &[usize] = &[16 << 10, 128 << 10];
/// Greatest size in bytes of the states that one thread caches for one expression.
const CACHE_LIMIT_BYTES: usize = 256 << 10;

/// A compiled regular expression.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    source: Arc<str>,
    regex: Regex,
    head: Box<[u8]>,
}

impl Pattern {
    fn new(source: &Arc<str>) -> Result<Self, String> {
        let regex = compile(source)?;
        Ok(Self(Arc::new(Compiled { source: source.clone(), regex, head: literal_head(source) })))
    }

    /// Whether the expression covers the whole text.
    pub(crate) fn covers(&self, text: &[u8]) -> bool {
        (self.0.head.is_empty() || text.starts_with(&self.0.head)) && self.0.regex.is_match(text)
    }

    /// Bytes that every text begins with that the expression covers: a cheap test before the automaton.
    pub(crate) fn head(&self) -> &[u8] {
        &self.0.head
    }

    pub(crate) fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether the two are one compiled expression.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Expressions of a table, each compiled once.
#[derive(Debug, Default)]
pub(crate) struct Patterns(Map<Arc<str>, Pattern>);

impl Patterns {
    pub(crate) fn get(&mut self, source: &Arc<str>) -> Result<Pattern, String> {
        if let Some(pattern) = self.0.get(source) {
            return Ok(pattern.clone());
        }
        let pattern = Pattern::new(source)?;
        self.0.insert(source.clone(), pattern.clone());
        Ok(pattern)
    }
}

/// A condition on a text.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Exact(Arc<str>),
    Regex(Pattern),
}

impl Text {
    pub(crate) fn compile(condition: &TextMatch, patterns: &mut Patterns) -> Result<Self, String> {
        match condition {
            TextMatch::Exact(text) => Ok(Self::Exact(text.clone())),
            TextMatch::Regex(source) => patterns.get(source).map(Self::Regex),
        }
    }

    pub(crate) fn covers(&self, text: &[u8]) -> bool {
        match self {
            Self::Exact(want) => want.as_bytes() == text,
            Self::Regex(pattern) => pattern.covers(text),
        }
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(text) => write!(f, "\"{text}\""),
            Self::Regex(pattern) => write!(f, "/{}/", pattern.source()),
        }
    }
}

/// What a regular expression of a route costs a data plane, in bytes: the least of a few bounds that it fits under when
/// compiled. Whoever adds costs up keeps one object from filling the memory with many expressions, each of a fair size.
///
/// # Errors
/// Why it cannot be served, in one line: its syntax, or its compiled size.
pub fn expression_cost(source: &str) -> Result<usize, String> {
    for bound in SMALLER_BOUNDS {
        match compile_within(source, *bound) {
            Ok(_) => return Ok(*bound),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(error) => return Err(plain(&error)),
        }
    }
    compile(source).map(|_| COMPILED_LIMIT_BYTES)
}

fn compile(source: &str) -> Result<Regex, String> {
    compile_within(source, COMPILED_LIMIT_BYTES).map_err(|error| plain(&error))
}

fn compile_within(source: &str, bound: usize) -> Result<Regex, regex::Error> {
    let whole = build(&format!("^(?:{source})$"), bound);
    match whole {
        // `a)|(?:b` is no expression, but becomes one inside the anchors.
        Ok(regex) if source.contains(')') => build(source, bound).map(|_| regex),
        Ok(regex) => Ok(regex),
        // The words about the user's own text are clearer than those about the anchored one.
        Err(error) => Err(build(source, bound).err().unwrap_or(error)),
    }
}

/// As in RE2, `\d`, `\w`, `\s` and `\b` are about ASCII. What can only be said in Unicode (`[é]`) is compiled in
/// Unicode mode, there they are about all of Unicode.
fn build(text: &str, bound: usize) -> Result<Regex, regex::Error> {
    let mode = |unicode: bool| {
        RegexBuilder::new(text).unicode(unicode).size_limit(bound).dfa_size_limit(CACHE_LIMIT_BYTES).build()
    };
    match mode(false) {
        Err(regex::Error::Syntax(_)) => mode(true),
        other => other,
    }
}

/// The one line of an error that says what is wrong.
fn plain(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => {
            format!(
                "the regular expression needs more than {limit} bytes when compiled; use smaller repetitions"
            )
        }
        other => {
            let text = other.to_string();
            let line = text.lines().rev().find_map(|line| line.strip_prefix("error: ")).unwrap_or(&text);
            format!("the regular expression is not valid: {line}")
        }
    }
}

/// Whether a `|` may stand outside of all groups. Errs on the side of yes where classes and comments make counting
/// parentheses hard.
fn may_alternate(source: &str) -> bool {
    if !source.contains('|') {
        return false;
    }
    let (mut depth, mut chars) = (0_usize, source.chars());
    while let Some(char) = chars.next() {
        match char {
            '\\' => drop(chars.next()),
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => return true,
            '[' | '#' => return true,
            _ => {}
        }
    }
    false
}

/// The literal that a pattern begins with, perhaps empty. Errs on the short side: it stops at the first character
/// that could mean anything else.
fn literal_head(source: &str) -> Box<[u8]> {
    let source = source.strip_prefix('^').unwrap_or(source);
    if may_alternate(source) {
        return Box::default();
    }
    let mut head = Vec::new();
    let mut chars = source.chars().peekable();
    while let Some(char) = chars.next() {
        let literal = match char {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '/' | '-' | '_' | '~' | '%' | '=' | ',' => char,
            '\\' => match chars.next() {
                Some(escaped @ ('.' | '-' | '/' | '+')) => escaped,
                _ => break,
            },
            _ => break,
        };
        // A quantifier belongs to the character before it, which may then be absent.
        if matches!(chars.peek(), Some('*' | '+' | '?' | '{')) {
            break;
        }
        head.push(literal as u8);
    }
    head.into()
}

#[cfg(test)]
mod tests {
    use super::{Patterns, expression_cost, literal_head};

    fn covers(source: &str, text: &[u8]) -> Result<bool, String> {
        Patterns::default().get(&source.into()).map(|pattern| pattern.covers(text))
    }

    #[test]
    fn expressions_cover_the_whole_text() {
        let cases: [(&str, &[u8], bool); 16] = [
            ("a|b", b"a", true),
            ("a|b", b"ab", false),
            ("/v[0-9]+", b"/v12", true),
            ("/v[0-9]+", b"/v12/", false),
            ("^/v1$", b"/v1", true),
            ("/v1", b"x/v1", false),
            ("", b"", true),
            ("", b"a", false),
            ("(?i)Chrome.*", b"chrome/120", true),
            ("(?m)a$", b"a\nb", false),
            (r"\d+", "٣".as_bytes(), false),
            (r"\w+", "é".as_bytes(), false),
            ("caf[é]", "café".as_bytes(), true),
            ("caf[^/]+", b"caf\xff", true),
            ("ab?", b"a", true),
            (r"a\.b{2}", b"a.bb", true),
        ];
        for (source, text, want) in cases {
            assert_eq!(covers(source, text), Ok(want), "{source} on {text:?}");
        }
    }

    #[test]
    fn bad_and_too_large_expressions_are_refused_with_a_reason() {
        let cases = [
            ("a(", "not valid: unclosed group"),
            ("a)|(?:b", "not valid: unopened group"),
            ("[z-a]", "not valid: invalid character class range"),
            (r"(?=a)", "not valid: look-around"),
            ("(?x)a # comment", "not valid"),
            ("((a{100}){100}){100}", "needs more than 1048576 bytes"),
        ];
        for (source, want) in cases {
            let reason = covers(source, b"").expect_err(source);
            assert!(reason.contains(want), "{source}: {reason}");
            assert!(!reason.contains('\n'), "{reason}");
        }
        assert_eq!(covers(r"[\w.-]{1,253}", b"shop.example"), Ok(true), "a host name fits the limit");
    }

    #[test]
    fn expressions_cost_what_they_take() {
        assert_eq!(expression_cost("/v[0-9]+"), Ok(16 << 10));
        assert_eq!(expression_cost("([a-z0-9]{1,30}[.]){1,20}x"), Ok(128 << 10));
        assert_eq!(expression_cost(r"[\w.-]{1,4000}"), Ok(1 << 20));
        assert!(
            expression_cost("((a{100}){100}){100}").unwrap_err().contains("needs more than 1048576 bytes")
        );
        assert!(expression_cost("a(").is_err() && expression_cost("a)|(?:b").is_err());
    }

    #[test]
    fn a_head_is_what_every_covered_text_begins_with() {
        let cases = [
            ("/api/v[0-9]", "/api/v"),
            ("^/api", "/api"),
            ("/apis?", "/api"),
            ("/api+", "/ap"),
            ("/a{0}b", "/"),
            (r"/a\.b", "/a.b"),
            (r"/a\d", "/a"),
            (r"/a\.?", "/a"),
            ("/a|/b", ""),
            ("/a/(b|c)", "/a/"),
            (r"/a/(b|c\))|/d", ""),
            ("/a/([)]|b)", ""),
            ("(?i)/a", ""),
            ("/é", "/"),
            (".*", ""),
        ];
        for (source, want) in cases {
            assert_eq!(&*literal_head(source), want.as_bytes(), "{source}");
        }
    }
}
