//! Reading one query parameter without allocating: called by the query conditions.
//!
//! Always holds: nothing here fails; a `%` that begins no valid escape stands for itself.

use std::borrow::Cow;

/// The raw value of the first parameter named `name` after decoding; a parameter without `=` has an empty value.
pub(crate) fn first_value<'q>(query: &'q str, name: &str) -> Option<&'q [u8]> {
    query.as_bytes().split(|byte| *byte == b'&').find_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=');
        let (raw_name, rest) = pair.split_at(equals.unwrap_or(pair.len()));
        is(raw_name, name.as_bytes()).then(|| rest.get(1..).unwrap_or_default())
    })
}

/// Whether `raw` decodes to `text`.
pub(crate) fn is(raw: &[u8], text: &[u8]) -> bool {
    // Decoding never lengthens.
    raw.len() >= text.len() && Decoded(raw).eq(text.iter().copied())
}

/// The decoded bytes of `raw`; borrowed when there is nothing to decode.
pub(crate) fn decode(raw: &[u8]) -> Cow<'_, [u8]> {
    if raw.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        Decoded(raw).collect()
    } else {
        Cow::Borrowed(raw)
    }
}

/// Bytes of a form-encoded text (WHATWG URL section 5.1): `+` is a space, `%XX` a byte.
struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if *first == b'%'
            && let [high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            self.0 = after;
            return Some(high << 4 | low);
        }
        self.0 = rest;
        Some(if *first == b'+' { b' ' } else { *first })
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::{decode, first_value};

    #[test]
    fn the_first_parameter_of_a_name_counts_decoded() {
        let cases: [(&str, Option<&[u8]>); 14] = [
            ("a=1", Some(b"1")),
            ("b=2&a=1&a=3", Some(b"1")),
            ("a", Some(b"")),
            ("a=", Some(b"")),
            ("a=x=y", Some(b"x=y")),
            ("%61=1", Some(b"1")),
            ("a=one+two%20three", Some(b"one two three")),
            ("a=%C3%A9", Some("é".as_bytes())),
            ("a=%4", Some(b"%4")),
            ("a=%zz%", Some(b"%zz%")),
            ("A=1", None),
            ("aa=1", None),
            ("", None),
            ("&&=a", None),
        ];
        for (query, want) in cases {
            assert_eq!(first_value(query, "a").map(decode).as_deref(), want, "{query}");
        }
        assert_eq!(first_value("two+words=1", "two words"), Some(&b"1"[..]));
    }
}
