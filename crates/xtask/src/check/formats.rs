//! Every JSON and YAML file can be read.

use serde::de::IgnoredAny;

use super::Finding;

/// Files in a folder of this name are broken on purpose, for tests.
const BROKEN: &str = "broken";

/// Whether the file is what its ending says.
pub(super) fn valid(path: &str, content: &str) -> Option<Finding> {
    let mut folders = path.split('/').rev().skip(1);
    // Templates of a chart become YAML when helm renders them; the chart's own tests read what comes out.
    if folders.any(|folder| folder == BROKEN || folder == "templates") {
        return None;
    }
    let error = match path.rsplit_once('.')?.1 {
        "json" => serde_json::from_str::<IgnoredAny>(content).err()?.to_string(),
        "yaml" | "yml" => serde_saphyr::from_multiple::<IgnoredAny>(content).err()?.to_string(),
        _ => return None,
    };
    Some(Finding::new(path, format!("cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_documents_and_names_what_is_broken() {
        assert_eq!(valid("a.json", "{\"a\": [1, null]}\n"), None);
        assert!(valid("a.json", "{\"a\": 1,}").is_some());
        assert_eq!(valid("a.yaml", "a: 1\nb: [x, {y: z}]\n---\n- c\n---\n"), None);
        assert!(valid("x/a.yml", "a: [1\n").is_some());
        assert_eq!(valid("tests/broken/a.yaml", "a: [1\n"), None);
        assert_eq!(valid("a.toml", "a: [1\n"), None);
    }
}
