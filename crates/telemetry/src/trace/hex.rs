//! Hexadecimal digits of ids: lower case, fixed length, no allocation.

use super::{SpanId, TraceId};

const fn pairs() -> [[u8; 2]; 256] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        out[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    out
}

static PAIRS: [[u8; 2]; 256] = pairs();

/// Writes two digits for each byte; `out` has twice the length of `bytes`.
pub(super) fn write(bytes: &[u8], out: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        pair.copy_from_slice(&PAIRS[usize::from(*byte)]);
    }
}

/// A trace id as its 32 digits.
pub fn trace_id_hex(id: &TraceId) -> [u8; 32] {
    let mut out = [0; 32];
    write(id, &mut out);
    out
}

/// A span id as its 16 digits.
pub fn span_id_hex(id: &SpanId) -> [u8; 16] {
    let mut out = [0; 16];
    write(id, &mut out);
    out
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// Reads exactly `N` bytes from `2 N` lower-case digits.
pub(super) fn read<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

/// As [`read`], refusing all zeros: no id.
pub(super) fn read_id<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    read::<N>(text).filter(|id| id.iter().any(|&byte| byte != 0))
}
