//! What a description says when its alert fires: the small part of Prometheus's templates that our texts use.

use super::Firing;

/// Fills `{{ $labels.x }}`, `{{ $value ... }}` and `{{ with $labels.x }} ... {{ . }} ... {{ else }} ... {{ end }}`.
pub(super) fn render(template: &str, firing: &Firing) -> String {
    let mut out = String::new();
    let mut rest = template;
    // What `.` is, and whether this branch is shown.
    let (mut dot, mut shown) = ("", true);
    while let Some((before, after)) = rest.split_once("{{") {
        let (action, tail) = after.split_once("}}").unwrap_or((after, ""));
        if shown {
            out.push_str(before);
        }
        rest = tail;
        match action.trim() {
            "else" => shown = !shown,
            "end" => shown = true,
            "." if shown => out.push_str(dot),
            action => match (action.strip_prefix("with $labels."), action.strip_prefix("$labels.")) {
                (Some(name), _) => {
                    dot = label(firing, name);
                    shown = !dot.is_empty();
                }
                (_, Some(name)) if shown => out.push_str(label(firing, name)),
                _ if shown => out.push_str(firing.value),
                _ => {}
            },
        }
    }
    if shown {
        out.push_str(rest);
    }
    out
}

fn label(firing: &Firing, name: &str) -> &'static str {
    firing.labels.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}
