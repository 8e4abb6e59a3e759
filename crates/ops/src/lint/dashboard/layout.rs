//! Where panels stand: inside the 24 columns, none on another, each with an id and a title of its own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::Finding;
use super::{Page, list, word};

const COLUMNS: u64 = 24;

/// Left, top, right and bottom.
#[derive(Clone, Copy)]
struct Place {
    x: u64,
    y: u64,
    right: u64,
    bottom: u64,
}

impl Place {
    fn of(panel: &Value) -> Option<Self> {
        let side = |name: &str| panel["gridPos"][name].as_u64();
        let (x, y, w, h) = (side("x")?, side("y")?, side("w")?, side("h")?);
        (w > 0 && h > 0).then_some(Self { x, y, right: x + w, bottom: y + h })
    }

    fn meets(self, other: Self) -> bool {
        self.x < other.right && other.x < self.right && self.y < other.bottom && other.y < self.bottom
    }
}

pub(super) fn check(page: &Page<'_>) -> Vec<Finding> {
    let mut found = within(page, list(&page.value, "panels"));
    // Panels of a collapsed row stand by themselves until it is opened.
    for row in list(&page.value, "panels") {
        found.extend(within(page, list(row, "panels")));
    }
    found.extend(twice(page));
    found
}

fn within(page: &Page<'_>, panels: &[Value]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut placed: Vec<(&str, Place)> = Vec::new();
    for panel in panels {
        let title = word(&panel["title"]);
        let Some(place) = Place::of(panel) else {
            found.push(page.finding(title, "grid", format!("`{title}` has no place (gridPos)")));
            continue;
        };
        if place.right > COLUMNS {
            found.push(page.finding(
                title,
                "grid",
                format!("`{title}` ends at column {}, beyond {COLUMNS}", place.right),
            ));
        }
        for (other, _) in placed.iter().filter(|(_, other)| place.meets(*other)) {
            found.push(page.finding(title, "grid", format!("`{title}` lies on `{other}`")));
        }
        placed.push((title, place));
    }
    found
}

/// Ids and titles that two panels have: links by id, and readers by title, would find the wrong one.
fn twice(page: &Page<'_>) -> Vec<Finding> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut found = Vec::new();
    for panel in page.panels() {
        let title = word(&panel["title"]);
        for key in [format!("id {}", panel["id"]), format!("title {title:?}")] {
            if let Some(other) = seen.insert(key.clone(), title) {
                found.push(page.finding(
                    title,
                    "unique",
                    format!("`{title}` and `{other}` have the same {key}"),
                ));
            }
        }
    }
    found
}
