//! Lists of conditions: ours are set, those of others are kept, and times move only when a status does.

use serde_json::{Map, Value, json};

use clearway_translate::status::OWN_CONDITIONS;

/// Most conditions that the API takes in one list.
const MOST: usize = 8;
/// Longest message, in characters.
const LONGEST_MESSAGE: usize = 32_768;
/// Longest reason, in characters.
const LONGEST_REASON: usize = 1024;

/// The list that should stand where `current` stands. `wanted` holds our conditions, without times.
pub(crate) fn merge(current: &[Value], wanted: &[Value], now: &str) -> Vec<Value> {
    let mut merged: Vec<Value> = wanted.iter().map(|one| timed(one, find(current, kind(one)), now)).collect();
    merged.truncate(MOST);
    let foreign = current.iter().filter(|one| !is_ours(kind(one)) && find(wanted, kind(one)).is_none());
    let room = MOST - merged.len();
    merged.extend(foreign.take(room).cloned());
    merged
}

/// Whether two lists say the same, whatever their order and times.
pub(crate) fn same(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len()
        && a.iter().all(|one| find(b, kind(one)).is_some_and(|other| timeless(one) == timeless(other)))
}

/// The newest generation that our conditions of a list speak of.
pub(crate) fn generation(list: &[Value]) -> Option<i64> {
    let ours = list.iter().filter(|one| is_ours(kind(one)));
    ours.filter_map(|one| one.get("observedGeneration")?.as_i64()).max()
}

/// Sets a condition in a wanted list, with the generation that its neighbours speak of.
pub(crate) fn set_false(list: &mut Vec<Value>, kind_name: &str, reason: &str, message: &str) {
    let generation = generation(list).unwrap_or_default();
    list.retain(|one| kind(one) != kind_name);
    list.push(json!({
        "type": kind_name, "status": "False", "reason": reason, "message": message,
        "observedGeneration": generation,
    }));
}

/// The condition of a type.
pub(crate) fn find<'v>(list: &'v [Value], kind_name: &str) -> Option<&'v Value> {
    list.iter().find(|one| kind(one) == kind_name)
}

/// A text of a condition; empty when it is absent.
pub(crate) fn text<'v>(condition: &'v Value, key: &str) -> &'v str {
    condition.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Its type.
pub(crate) fn kind(condition: &Value) -> &str {
    text(condition, "type")
}

fn is_ours(kind_name: &str) -> bool {
    OWN_CONDITIONS.contains(&kind_name)
}

fn timeless(condition: &Value) -> Map<String, Value> {
    let mut map = condition.as_object().cloned().unwrap_or_default();
    map.remove("lastTransitionTime");
    map
}

/// A condition as the apiserver takes it. The time is the old one while the status stays.
fn timed(wanted: &Value, before: Option<&Value>, now: &str) -> Value {
    let kept = before.filter(|before| text(before, "status") == text(wanted, "status"));
    let time = kept.map(|before| text(before, "lastTransitionTime")).filter(|time| !time.is_empty());
    let mut map = wanted.as_object().cloned().unwrap_or_default();
    map.insert("lastTransitionTime".to_owned(), time.unwrap_or(now).into());
    map.insert("reason".to_owned(), reason(text(wanted, "reason")).into());
    map.insert("message".to_owned(), message(text(wanted, "message")).into());
    Value::Object(map)
}

/// A reason that matches `^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`: the apiserver refuses the whole status otherwise.
fn reason(text: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | ',' | ':');
    let kept: String = text.chars().filter(allowed).collect();
    let head: String =
        kept.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).chars().take(LONGEST_REASON).collect();
    let whole = head.trim_end_matches([',', ':']);
    if whole.is_empty() { "Unknown".to_owned() } else { whole.to_owned() }
}

/// A message of a length that the apiserver takes; what is cut is seen.
pub(crate) fn message(text: &str) -> String {
    shortened(text, LONGEST_MESSAGE)
}

/// At most `longest` characters, the last of which says that something was cut.
pub(crate) fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(kind: &str, status: &str, time: Option<&str>) -> Value {
        let mut value =
            json!({"type": kind, "status": status, "reason": "R", "message": "m", "observedGeneration": 2});
        if let Some(time) = time {
            value["lastTransitionTime"] = time.into();
        }
        value
    }

    #[test]
    fn the_time_moves_only_with_the_status() {
        let current = [one("Accepted", "True", Some("old")), one("Programmed", "False", Some("old"))];
        let wanted = [
            one("Programmed", "True", None),
            one("Accepted", "True", None),
            one("ResolvedRefs", "True", None),
        ];
        let merged = merge(&current, &wanted, "now");
        let times: Vec<_> = merged.iter().map(|c| (kind(c), text(c, "lastTransitionTime"))).collect();
        assert_eq!(times, [("Programmed", "now"), ("Accepted", "old"), ("ResolvedRefs", "now")]);
    }

    #[test]
    fn foreign_conditions_stay_and_own_stale_ones_go() {
        let foreign = one("example.com/Audited", "True", Some("then"));
        let current =
            [foreign.clone(), one("Conflicted", "True", Some("old")), one("Accepted", "True", Some("old"))];
        let merged = merge(&current, &[one("Accepted", "True", None)], "now");
        assert_eq!(merged, [one("Accepted", "True", Some("old")), foreign]);
    }

    #[test]
    fn no_list_grows_past_what_the_api_takes() {
        let current: Vec<_> = (0..8).map(|n| one(&format!("x/{n}"), "True", Some("t"))).collect();
        let merged =
            merge(&current, &[one("Accepted", "True", None), one("Programmed", "True", None)], "now");
        assert_eq!(merged.len(), 8);
        assert_eq!((kind(&merged[0]), kind(&merged[1]), kind(&merged[2])), ("Accepted", "Programmed", "x/0"));
    }

    #[test]
    fn lists_are_compared_without_order_and_times() {
        let a = [one("A", "True", Some("1")), one("B", "True", Some("1"))];
        let b = [one("B", "True", Some("2")), one("A", "True", None)];
        assert!(same(&a, &b));
        assert!(!same(&a, &a[..1]) && !same(&a[..1], &a));
        assert!(!same(&a, &[one("A", "True", None), one("B", "False", None)]));
    }

    #[test]
    fn reasons_and_messages_are_made_fit() {
        let cases = [
            ("Accepted", "Accepted"),
            ("not found: x/y", "notfound:xy"),
            ("", "Unknown"),
            ("9:Lives,", "Lives"),
            ("::", "Unknown"),
            ("Größe", "Gre"),
        ];
        for (given, want) in cases {
            assert_eq!(reason(given), want, "{given}");
        }
        let long = "é".repeat(40_000);
        let cut = message(&long);
        assert_eq!((cut.chars().count(), cut.ends_with('…')), (32_768, true));
        assert_eq!(message("short"), "short");
    }

    #[test]
    fn a_condition_is_set_with_the_generation_of_its_neighbours() {
        let mut list = vec![one("Accepted", "True", None), one("Programmed", "True", None)];
        set_false(&mut list, "Programmed", "Invalid", "no");
        assert_eq!(list.len(), 2);
        assert_eq!((text(&list[1], "status"), list[1]["observedGeneration"].as_i64()), ("False", Some(2)));
    }
}
