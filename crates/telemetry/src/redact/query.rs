//! Query strings: the values of secret parameters become `REDACTED`, their names stay.

use std::borrow::Cow;

use super::REDACTED;

/// Names of secret parameters, lower case.
#[derive(Debug)]
pub(super) struct SecretKeys {
    names: Vec<Box<str>>,
    /// Bit `n`: some name has `n` bytes. Most parameters are told apart by it.
    lengths: u64,
}

impl SecretKeys {
    pub(super) fn new(names: &[String]) -> Self {
        let names: Vec<Box<str>> = names.iter().map(|name| name.to_ascii_lowercase().into()).collect();
        let lengths = names.iter().fold(0, |bits, name| bits | 1_u64 << name.len().min(63));
        Self { names, lengths }
    }

    fn contains(&self, key: &str) -> bool {
        if key.contains('%') {
            return self.plain(&percent_decoded(key));
        }
        self.plain(key)
    }

    fn plain(&self, key: &str) -> bool {
        self.lengths >> key.len().min(63) & 1 == 1
            && self.names.iter().any(|name| name.eq_ignore_ascii_case(key))
    }

    /// Whether a value is itself a URL with a secret parameter, percent-encoded as a parameter of another.
    fn nested(&self, value: &str) -> bool {
        if !value.contains("%3D") && !value.contains("%3d") {
            return false;
        }
        let text = percent_decoded(value);
        let query = text.split_once('?').map_or(text.as_str(), |(_, query)| query);
        matches!(self.redacted(query), Cow::Owned(_))
    }

    fn hides(&self, key: &str, value: &str) -> bool {
        !value.is_empty() && (self.contains(key) || self.nested(value))
    }

    /// The query with the values of secret parameters replaced; borrowed when there are none. `&` and `;` separate
    /// parameters, and `#` ends the last.
    pub(super) fn redacted<'a>(&self, query: &'a str) -> Cow<'a, str> {
        let secret = |part: &str| part.split_once('=').is_some_and(|(key, value)| self.hides(key, value));
        if !query.split(['&', ';', '#']).any(secret) {
            return Cow::Borrowed(query);
        }
        let mut out = String::with_capacity(query.len());
        for part in query.split_inclusive(['&', ';', '#']) {
            let bare = part.trim_end_matches(['&', ';', '#']);
            match bare.split_once('=') {
                Some((key, value)) if self.hides(key, value) => {
                    out.push_str(key);
                    out.push('=');
                    out.push_str(REDACTED);
                    out.push_str(part.strip_prefix(bare).unwrap_or_default());
                }
                _ => out.push_str(part),
            }
        }
        Cow::Owned(out)
    }

    /// A header value that may hold a URL: userinfo and secret parameters are replaced.
    pub(super) fn redacted_value<'a>(&self, value: &'a str) -> Cow<'a, str> {
        let bare = without_userinfo(value);
        let Some((head, query)) = bare.split_once('?') else { return bare };
        match self.redacted(query) {
            Cow::Borrowed(_) => bare,
            Cow::Owned(query) => Cow::Owned(format!("{head}?{query}")),
        }
    }
}

/// Replaces what stands between `//` and `@` within each authority.
fn without_userinfo(value: &str) -> Cow<'_, str> {
    if !value.contains("//") || !value.contains('@') {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len());
    for (at, part) in value.split("//").enumerate() {
        if at == 0 {
            out.push_str(part);
            continue;
        }
        out.push_str("//");
        let end = part.find(['/', '?', '#', ' ']).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                out.push_str(REDACTED);
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        out.push_str(rest);
    }
    Cow::Owned(out)
}

/// Percent-encoded text as it was meant; what is not UTF-8 becomes U+FFFD.
pub(crate) fn percent_decoded(text: &str) -> String {
    String::from_utf8_lossy(&decoded_bytes(text)).into_owned()
}

/// Bytes of percent-encoded text; a percent sign that begins no pair of digits stays.
fn decoded_bytes(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|&b| char::from(b).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = digit(bytes.get(at + 1)).zip(digit(bytes.get(at + 2)));
        match pair.filter(|_| byte == b'%').and_then(|(high, low)| u8::try_from(high << 4 | low).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}
