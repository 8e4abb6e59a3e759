//! A query of a page, made that of one firing alert: labels filled in, ranges as short as a run is.

use std::collections::BTreeMap;

use crate::rules::thresholds::seconds;

/// Ranges shorter than this stay as they are.
const SHORTEST: u64 = 60;

/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// The names after `$`, in order.
pub fn names(text: &str) -> Vec<&str> {
    let name = |part: &str| {
        part.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(part.len())
    };
    text.split('$')
        .skip(1)
        .filter_map(|part| part.get(..name(part)))
        .filter(|name| !name.is_empty())
        .collect()
}

/// The text with each `$label` replaced by its value; a label that is not there is empty, as Prometheus sees it.
pub fn fill(text: &str, labels: &Labels) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('$');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end =
            part.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        if name.is_empty() {
            out.push('$');
        } else {
            let value = labels.get(name).map_or("", String::as_str);
            out.push_str(&value.replace('\\', "\\\\").replace('"', "\\\""));
        }
        out.push_str(rest);
    }
    out
}

/// The text with every range and offset of a minute and more replaced by `window`: what was written for days of data is
/// asked of a server that runs for minutes.
pub fn shorten(text: &str, window: &str) -> String {
    let (mut out, mut rest, mut quoted) = (String::with_capacity(text.len()), text, false);
    while let Some(letter) = rest.chars().next() {
        quoted ^= letter == '"';
        let before = match letter {
            '[' if !quoted => "[",
            'o' if !quoted && rest.starts_with("offset ") => "offset ",
            _ => "",
        };
        let duration = rest.get(before.len()..).unwrap_or_default();
        let end = duration.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(duration.len());
        let long =
            !before.is_empty() && duration.get(..end).and_then(seconds).is_some_and(|long| long >= SHORTEST);
        if long {
            out.push_str(before);
            out.push_str(window);
            rest = duration.get(end..).unwrap_or_default();
        } else {
            out.push(letter);
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        }
    }
    out
}

/// A series of an answer as one line: `{label="value",...} VALUE`, labels in the order of their names, without the name
/// of the metric.
pub fn line(labels: &Labels, value: &str) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .filter(|(name, _)| *name != "__name__")
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    format!("{{{}}} {value}", pairs.join(","))
}
