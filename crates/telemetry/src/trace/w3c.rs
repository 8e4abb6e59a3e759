//! `traceparent` and `tracestate` (W3C Trace Context level 1, with the level 2 random flag).

use http::{HeaderMap, HeaderValue};

use super::{Remote, TRACEPARENT, TRACESTATE, hex};

/// Members of `tracestate` that are passed on (section 3.3.1.1).
const MAX_MEMBERS: usize = 32;
const LENGTH: usize = 55;

/// The client's context and its decision; `None` when there is none that is valid. Two headers are none.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<(Remote, bool)> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    parse(value.as_bytes())
}

/// Section 3.2.2 and 4: version ff is invalid; version 00 is exactly 55 characters; of a higher version the first 55
/// are read, and a dash must follow if anything does.
pub(super) fn parse(text: &[u8]) -> Option<(Remote, bool)> {
    let (known, rest) = text.split_at_checked(LENGTH)?;
    let [version] = hex::read::<1>(&known[..2])?;
    if version == 0xff || (version == 0 && !rest.is_empty()) || rest.first().is_some_and(|&b| b != b'-') {
        return None;
    }
    if known[2] != b'-' || known[35] != b'-' || known[52] != b'-' {
        return None;
    }
    let trace_id = hex::read_id::<16>(&known[3..35])?;
    let span_id = hex::read_id::<8>(&known[36..52])?;
    let [flags] = hex::read::<1>(&known[53..55])?;
    Some((Remote { trace_id, span_id, random: flags & 2 != 0, w3c: true }, flags & 1 != 0))
}

/// The client's `tracestate` as one value; `None` when there is none or it has too many members.
pub(super) fn tracestate(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(TRACESTATE).iter();
    let first = values.next()?;
    let state = match values.next() {
        None => first.clone(),
        Some(second) => {
            let mut joined = first.as_bytes().to_vec();
            for value in std::iter::once(second).chain(values) {
                joined.push(b',');
                joined.extend_from_slice(value.as_bytes());
            }
            HeaderValue::from_bytes(&joined).ok()?
        }
    };
    let members =
        state.as_bytes().split(|&byte| byte == b',').filter(|member| !member.trim_ascii().is_empty()).count();
    (1..=MAX_MEMBERS).contains(&members).then_some(state)
}
