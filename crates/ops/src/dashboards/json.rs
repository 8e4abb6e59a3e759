//! Writes a [`Dashboard`] as the classic model of Grafana (schema version 41), which files, the sidecar and provisioning of
//! Grafana 10 to 13 take.
//!
//! Always holds: the same dashboard gives the same bytes; panels fill the 24 columns from left to right without overlap.

use serde_json::{Map, Value, json};

use super::choices::{Annotation, LabelVariable, Variable};
use super::kinds::Source;
use super::model::{Dashboard, Row};
use super::panel;

/// Version of the classic model.
pub(crate) const SCHEMA_VERSION: u32 = 41;
/// Columns of a dashboard.
pub(crate) const COLUMNS: u64 = 24;
/// All dashboards have it; links between them are made by it.
pub(crate) const TAG: &str = "clearway";

/// The dashboard as a file.
pub(super) fn text(dashboard: &Dashboard) -> String {
    format!("{:#}\n", value(dashboard))
}

/// The dashboard as JSON.
pub(super) fn value(dashboard: &Dashboard) -> Value {
    json!({
        "annotations": { "list": dashboard.annotations.iter().map(annotation).collect::<Vec<_>>() },
        "description": dashboard.description,
        "editable": false,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": null,
        "links": [{
            "asDropdown": true,
            "icon": "external link",
            "includeVars": true,
            "keepTime": true,
            "tags": [TAG],
            "targetBlank": false,
            "title": "Clearway",
            "tooltip": "The other dashboards, with what is chosen here",
            "type": "dashboards",
            "url": "",
        }],
        "liveNow": false,
        "panels": panels(dashboard),
        "refresh": "30s",
        "schemaVersion": SCHEMA_VERSION,
        "tags": [TAG],
        "templating": { "list": dashboard.variables.iter().map(variable).collect::<Vec<_>>() },
        "time": { "from": "now-1h", "to": "now" },
        "timepicker": {},
        "timezone": "browser",
        "title": dashboard.title,
        "uid": dashboard.uid,
        "version": 1,
        "weekStart": "",
    })
}

pub(super) fn source(source: Source) -> Value {
    json!({ "type": source.kind(), "uid": format!("${{{}}}", source.variable()) })
}

fn annotation(annotation: &Annotation) -> Value {
    json!({
        "datasource": source(Source::Prometheus),
        "enable": true,
        "hide": false,
        "iconColor": annotation.color,
        "name": annotation.name,
        "target": { "expr": annotation.target().expr, "refId": "Anno", "range": true, "instant": false },
        "textFormat": annotation.text,
        "titleFormat": annotation.name,
        "useValueForTime": true,
    })
}

fn variable(variable: &Variable) -> Value {
    match variable {
        Variable::Source(of) => json!({
            "hide": 0,
            "includeAll": false,
            "label": of.label(),
            "multi": false,
            "name": of.variable(),
            "query": of.kind(),
            "refresh": 1,
            "regex": "",
            "type": "datasource",
        }),
        Variable::Label(label) => label_variable(label),
        Variable::Choice { name, label, description, values } => {
            let options: Vec<Value> = values
                .iter()
                .enumerate()
                .map(|(at, (value, text))| json!({ "selected": at == 0, "text": text, "value": value }))
                .collect();
            let query: Vec<String> = values.iter().map(|(value, text)| format!("{text} : {value}")).collect();
            json!({
                "current": options.first(),
                "description": description,
                "hide": 0,
                "includeAll": false,
                "label": label,
                "multi": false,
                "name": name,
                "options": options,
                "query": query.join(", "),
                "type": "custom",
            })
        }
        Variable::Text { name, label, description, value } => {
            let option = json!({ "selected": true, "text": value, "value": value });
            json!({
                "current": option,
                "description": description,
                "hide": 0,
                "label": label,
                "name": name,
                "options": [option],
                "query": value,
                "type": "textbox",
            })
        }
    }
}

fn label_variable(variable: &LabelVariable) -> Value {
    let series = variable.selector();
    json!({
        "allValue": variable.all,
        "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
        "datasource": source(Source::Prometheus),
        "description": variable.description,
        "hide": 0,
        "includeAll": true,
        "label": variable.label,
        "multi": true,
        "name": variable.name,
        "query": { "qryType": 1, "query": format!("label_values({series}, {})", variable.of), "refId": variable.name },
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "type": "query",
    })
}

/// Rows and panels, each at its place.
fn panels(dashboard: &Dashboard) -> Vec<Value> {
    let mut out = Vec::new();
    let mut y = 0;
    for (at, row) in dashboard.rows.iter().enumerate() {
        let place = json!({ "h": 1, "w": COLUMNS, "x": 0, "y": y });
        y += 1;
        let (inside, end) = place_panels(row, y);
        let (inner, after) = if row.collapsed { (inside, Vec::new()) } else { (Vec::new(), inside) };
        // Ids of panels are below 100 000.
        let id = 100_000 + at;
        out.push(json!({
            "collapsed": row.collapsed, "gridPos": place, "id": id, "panels": inner, "title": row.title, "type": "row",
        }));
        out.extend(after);
        if !row.collapsed {
            y = end;
        }
    }
    out
}

/// The panels of a row from `top` down, and where the next row begins.
fn place_panels(row: &Row, top: u64) -> (Vec<Value>, u64) {
    let (mut x, mut y, mut line) = (0, top, 0);
    let mut out = Vec::new();
    for one in &row.panels {
        let (width, height) = (u64::from(one.width), u64::from(one.height));
        if x + width > COLUMNS {
            (x, y, line) = (0, y + line, 0);
        }
        let mut value = panel::value(one);
        let place: Map<String, Value> = [("h", height), ("w", width), ("x", x), ("y", y)]
            .map(|(k, v)| (k.to_owned(), v.into()))
            .into_iter()
            .collect();
        if let Some(object) = value.as_object_mut() {
            object.insert("gridPos".to_owned(), Value::Object(place));
        }
        out.push(value);
        x += width;
        line = line.max(height);
    }
    (out, y + line)
}
