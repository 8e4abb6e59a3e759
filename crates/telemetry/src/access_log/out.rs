//! Numbers, addresses and strings, straight into a buffer.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Fills `out` with the decimal digits of `n`, zeros in front; higher digits are lost.
pub(super) fn digits(out: &mut [u8], mut n: u32) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (n % 10) as u8;
        n /= 10;
    }
}

const fn pairs() -> [[u8; 2]; 100] {
    let mut out = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        out[n as usize] = [b'0' + n / 10, b'0' + n % 10];
        n += 1;
    }
    out
}

static PAIRS: [[u8; 2]; 100] = pairs();

/// The nine digits of nanoseconds. The divisions do not wait for each other, as they do digit by digit.
pub(super) fn nine_digits(nanos: u32) -> [u8; 9] {
    let (high, low) = (nanos / 10_000, nanos % 10_000);
    let (first, middle) = (high / 10_000 % 10, high % 10_000);
    let pair = |n: u32| PAIRS[n as usize % 100];
    let [a, b] = pair(middle / 100);
    let [c, d] = pair(middle);
    let [e, f] = pair(low / 100);
    let [g, h] = pair(low);
    [b'0' + first as u8, a, b, c, d, e, f, g, h]
}

pub(super) fn push_number(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// Seconds with nine decimals: exact, so that phases add up in the log as they do in the record.
pub(super) fn push_seconds(out: &mut Vec<u8>, time: Duration) {
    match time.as_secs() {
        0 => out.extend_from_slice(b"0."),
        seconds => {
            push_number(out, seconds);
            out.push(b'.');
        }
    }
    out.extend_from_slice(&nine_digits(time.subsec_nanos()));
}

pub(super) fn push_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(v4) => {
            for (at, octet) in v4.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                let [tens, ones] = PAIRS[usize::from(octet % 100)];
                match octet {
                    0..=9 => out.push(ones),
                    10..=99 => out.extend_from_slice(&[tens, ones]),
                    _ => out.extend_from_slice(&[b'0' + octet / 100, tens, ones]),
                }
            }
        }
        // Writing into memory cannot fail.
        IpAddr::V6(v6) => write!(out, "{v6}").unwrap_or_default(),
    }
}

pub(super) fn push_socket(out: &mut Vec<u8>, socket: SocketAddr) {
    match socket {
        SocketAddr::V4(v4) => {
            push_ip(out, (*v4.ip()).into());
            out.push(b':');
            push_number(out, v4.port().into());
        }
        SocketAddr::V6(v6) => write!(out, "{v6}").unwrap_or_default(),
    }
}

/// Appends bytes as a JSON string of at most `cap` bytes of text and `2 * cap + 2` of JSON; returns whether it was
/// cut. Bytes that are not UTF-8 become U+FFFD.
pub(super) fn push_text(out: &mut Vec<u8>, bytes: &[u8], cap: usize) -> bool {
    let kept = cut(bytes, cap);
    if is_plain(kept) {
        out.push(b'"');
        out.extend_from_slice(kept);
        out.push(b'"');
        return kept.len() < bytes.len();
    }
    let mark = out.len();
    crate::json::push_bytes(out, kept);
    if out.len() - mark <= 2 * cap + 2 {
        return kept.len() < bytes.len();
    }
    // Escapes are six bytes at most: a third of the cap fits for certain.
    out.truncate(mark);
    crate::json::push_bytes(out, cut(kept, cap / 3));
    true
}

/// Printable ASCII without quote and back slash. No branch within: the compiler checks many bytes at once.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |plain, &b| plain & (0x20..0x7f).contains(&b) & (b != b'"') & (b != b'\\'))
}

/// The longest prefix of at most `cap` bytes that ends between characters.
fn cut(bytes: &[u8], cap: usize) -> &[u8] {
    if bytes.len() <= cap {
        return bytes;
    }
    let is_inner = |byte: u8| byte & 0xc0 == 0x80;
    let end = (cap.saturating_sub(3)..=cap).rev().find(|&end| bytes.get(end).is_some_and(|&b| !is_inner(b)));
    bytes.get(..end.unwrap_or(cap)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).expect("utf-8")
    }

    #[test]
    fn numbers_and_addresses_are_written_as_the_standard_library_writes_them() {
        for address in ["192.0.2.7:80", "[2001:db8::1]:65535", "0.9.10.99:0", "255.100.109.200:9"] {
            let socket: SocketAddr = address.parse().expect("address");
            assert_eq!(text(|out| push_socket(out, socket)), address);
            assert_eq!(text(|out| push_ip(out, socket.ip())), socket.ip().to_string());
        }
        assert_eq!(text(|out| push_seconds(out, Duration::new(61, 20_000_001))), "61.020000001");
        assert_eq!(text(|out| push_seconds(out, Duration::ZERO)), "0.000000000");
        for nanos in [1, 9_999, 10_000, 99_999_999, 100_000_000, 123_456_789, 999_999_999] {
            assert_eq!(text(|out| push_seconds(out, Duration::new(0, nanos))), format!("0.{nanos:09}"));
        }
    }

    #[test]
    fn strings_are_cut_between_characters_and_stay_within_twice_the_cap() {
        let push = |bytes: &[u8], cap: usize| {
            let mut cut = false;
            (text(|out| cut = push_text(out, bytes, cap)), cut)
        };
        assert_eq!(push(b"abc", 3), ("\"abc\"".into(), false));
        assert_eq!(push(b"abcd", 3), ("\"abc\"".into(), true));
        assert_eq!(push("aé".as_bytes(), 2), ("\"a\"".into(), true));
        assert_eq!(push(b"a\"b", 9), ("\"a\\\"b\"".into(), false));
        assert_eq!(push(b"\xff", 9), ("\"\u{fffd}\"".into(), false));
        let (json, cut) = push(&[1; 600], 600);
        assert!(cut && json.len() <= 1202, "{}", json.len());
        assert!(serde_json::from_str::<String>(&json).is_ok());
    }
}
