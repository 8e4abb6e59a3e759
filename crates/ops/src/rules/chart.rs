//! The rules as the Helm chart carries them: the names of thresholds in place of values, for templates to fill.
//!
//! [`super::assets`] calls it. What always holds: filled with the defaults these files are `prometheus-rules/`, to the
//! rule (`tests/chart` compares), and no threshold is filled in anywhere else.

use serde_json::json;

use super::thresholds::{self, Thresholds, Value};
use super::{FILES, alerts, yaml};
use crate::Asset;

/// Where the chart's copies are.
const FOLDER: &str = "charts/clearway/files/rules";

/// The files of rules, and the list of alerts and thresholds that the chart's values may name.
pub(super) fn assets() -> Vec<Asset> {
    let names = Thresholds::names();
    let files = FILES.iter().map(|file| {
        let name = file.path.rsplit('/').next().unwrap_or(file.path);
        Asset::new(format!("{FOLDER}/{name}.in"), yaml::file(file, &names))
    });
    files.chain([Asset::new(format!("{FOLDER}/names.json"), names_json())]).collect()
}

/// Every alert, and every threshold with its default: a number stays one.
fn names_json() -> String {
    let alerts: Vec<_> = alerts().map(|alert| json!({ "name": alert.name, "help": alert.summary })).collect();
    let thresholds: Vec<_> = thresholds::ALL
        .iter()
        .map(|threshold| {
            let default = match threshold.default {
                Value::Ratio(number)
                | Value::Seconds(number)
                | Value::Count(number)
                | Value::PerSecond(number) => json!(number),
                Value::Duration(text) | Value::Link(text) => json!(text),
            };
            json!({
                "name": threshold.name,
                "kind": threshold.default.kind(),
                "default": default,
                "help": threshold.help,
            })
        })
        .collect();
    // A list of maps of texts and finite numbers always has a JSON form.
    let text = serde_json::to_string_pretty(&json!({ "alerts": alerts, "thresholds": thresholds }));
    text.unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filled_with_the_defaults_it_is_what_prometheus_loads() {
        let defaults = Thresholds::default();
        let expected = super::super::render(&defaults);
        for (asset, file) in assets().iter().zip(&expected) {
            let mut text = asset.content.clone();
            for threshold in thresholds::ALL {
                let value = defaults.get(threshold.name).unwrap_or_default();
                text = text.replace(&format!("@@{}@@", threshold.name), value);
            }
            assert_eq!(text.replace("        for: 0s\n", ""), file.content, "{}", asset.path);
        }
    }
}
