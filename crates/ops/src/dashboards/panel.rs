//! Writes a [`Panel`]: its queries, how its numbers look, and how it draws.

use serde_json::{Value, json};

use super::json::source;
use super::kinds::{Kind, Source, Unit};
use super::model::{Panel, Target};

/// A window of a rate holds four scrapes of the default interval.
const SCRAPE_INTERVAL: &str = "30s";

/// The panel without its place.
pub(super) fn value(panel: &Panel) -> Value {
    let mut value = json!({
        "datasource": source(panel.source),
        "description": panel.description,
        "fieldConfig": { "defaults": defaults(panel), "overrides": overrides(panel) },
        "id": panel.id(),
        "interval": SCRAPE_INTERVAL,
        "links": links(panel),
        "options": options(panel),
        "targets": panel.targets.iter().zip('A'..).map(|(one, name)| target(panel, one, name)).collect::<Vec<_>>(),
        "title": panel.title,
        "transformations": transformations(panel),
        "type": panel.kind.id(),
    });
    // Heatmaps have wider steps, or their cells are too narrow to see.
    if panel.kind == Kind::Heatmap {
        value["interval"] = json!("1m");
    }
    value
}

fn target(panel: &Panel, target: &Target, name: char) -> Value {
    let mut value = json!({ "datasource": source(panel.source), "refId": name.to_string() });
    let rest = match panel.source {
        Source::Prometheus => json!({
            "editorMode": "code",
            "exemplar": panel.exemplars && !target.instant,
            "expr": target.expr,
            "format": match panel.kind { Kind::Heatmap => "heatmap", Kind::Table => "table", _ => "time_series" },
            "instant": target.instant,
            "legendFormat": target.legend,
            "range": !target.instant,
        }),
        Source::Loki => json!({
            "editorMode": "code",
            "expr": target.expr,
            "legendFormat": target.legend,
            "maxLines": 200,
            "queryType": "range",
        }),
        Source::Tempo => json!({
            "limit": 20,
            "query": target.expr,
            "queryType": "traceql",
            "tableType": "traces",
        }),
    };
    if let (Some(object), Value::Object(rest)) = (value.as_object_mut(), rest) {
        object.extend(rest);
    }
    value
}

/// A link to the deeper dashboard; what is chosen goes along.
fn links(panel: &Panel) -> Value {
    let Some(uid) = panel.deeper else { return json!([]) };
    json!([{
        "asDropdown": false,
        "icon": "dashboard",
        "includeVars": true,
        "keepTime": true,
        "tags": [],
        "targetBlank": false,
        "title": "More of this",
        "tooltip": "",
        "type": "link",
        "url": format!("/d/{uid}"),
    }])
}

fn defaults(panel: &Panel) -> Value {
    let mut value = json!({
        "color": { "mode": if panel.kind == Kind::Stat { "thresholds" } else { "palette-classic" } },
        "custom": custom(panel),
        "mappings": mappings(panel),
        "thresholds": { "mode": "absolute", "steps": steps(panel) },
        "unit": panel.unit.id(),
    });
    if panel.kind == Kind::Bars {
        value["color"] =
            json!({ "mode": if panel.thresholds.is_empty() { "continuous-BlPu" } else { "thresholds" } });
        value["min"] = json!(0);
    }
    if let Some(max) = panel.max {
        value["max"] = json!(max);
    }
    // A line that stays at zero lies on the ground and not in the middle.
    if matches!(panel.kind, Kind::Graph | Kind::Stacked)
        && !matches!(panel.unit, Unit::FromNow | Unit::BytesPerSecondSigned)
    {
        value["min"] = json!(0);
    }
    value
}

/// The steps of colour; the base is green where there are others, else it says nothing.
fn steps(panel: &Panel) -> Value {
    let base = if panel.thresholds.is_empty() { "text" } else { "green" };
    let (base, rest) = match panel.thresholds {
        [(value, color), rest @ ..] if *value == f64::NEG_INFINITY => (*color, rest),
        all => (base, all),
    };
    let mut steps = vec![json!({ "color": base, "value": null })];
    steps.extend(rest.iter().map(|(value, color)| json!({ "color": color, "value": value })));
    Value::Array(steps)
}

fn mappings(panel: &Panel) -> Value {
    if panel.mappings.is_empty() {
        return json!([]);
    }
    let options: serde_json::Map<String, Value> = panel
        .mappings
        .iter()
        .enumerate()
        .map(|(at, (value, text, color))| {
            (value.to_string(), json!({ "color": color, "index": at, "text": text }))
        })
        .collect();
    json!([{ "options": options, "type": "value" }])
}

/// What only the plugin of the panel knows.
fn custom(panel: &Panel) -> Value {
    match panel.kind {
        Kind::Graph | Kind::Stacked => json!({
            "axisPlacement": "auto",
            "drawStyle": "line",
            "fillOpacity": if panel.kind == Kind::Stacked { 40 } else { 8 },
            "lineWidth": 1,
            "pointSize": 4,
            "showPoints": "never",
            "spanNulls": false,
            "stacking": { "group": "A", "mode": if panel.kind == Kind::Stacked { "normal" } else { "none" } },
        }),
        Kind::Heatmap => json!({ "scaleDistribution": { "type": "linear" } }),
        Kind::Table => json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false }),
        _ => json!({}),
    }
}

fn options(panel: &Panel) -> Value {
    let tooltip = json!({ "mode": "multi", "sort": "desc" });
    match panel.kind {
        Kind::Stat => json!({
            "colorMode": "value",
            "graphMode": if panel.targets.iter().any(|target| target.instant) { "none" } else { "area" },
            "justifyMode": "auto",
            "orientation": "auto",
            "percentChangeColorMode": "standard",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "showPercentChange": false,
            "textMode": if panel.targets.len() > 1 { "value_and_name" } else { "value" },
            "wideLayout": true,
        }),
        Kind::Graph | Kind::Stacked => json!({
            "legend": { "calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": true },
            "tooltip": tooltip,
        }),
        Kind::Heatmap => heatmap(panel),
        Kind::Bars => json!({
            "displayMode": "basic",
            "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": false },
            "maxVizHeight": 300,
            "minVizHeight": 12,
            "minVizWidth": 8,
            "namePlacement": "auto",
            "orientation": "horizontal",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "showUnfilled": true,
            "sizing": "auto",
            "valueMode": "color",
        }),
        Kind::Table | Kind::Traces => {
            json!({ "cellHeight": "sm", "frameIndex": 0, "showHeader": true, "sortBy": sorting(panel) })
        }
        Kind::Logs => json!({
            "dedupStrategy": "none",
            "enableLogDetails": true,
            "prettifyLogMessage": false,
            "showCommonLabels": false,
            "showLabels": false,
            "showLogContextToggle": false,
            "showTime": true,
            "sortOrder": "Descending",
            "wrapLogMessage": true,
        }),
    }
}

fn heatmap(panel: &Panel) -> Value {
    json!({
        "calculate": false,
        "cellGap": 1,
        "cellValues": {},
        "color": {
            "exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "reverse": false, "scale": "exponential",
            "scheme": "Turbo", "steps": 64,
        },
        "exemplars": { "color": "rgba(255,0,255,0.7)" },
        "filterValues": { "le": 1e-9 },
        "legend": { "show": true },
        "rowsFrame": { "layout": "auto" },
        "showValue": "never",
        "tooltip": { "mode": "single", "showColorScale": true, "yHistogram": true },
        "yAxis": { "axisPlacement": "left", "reverse": false, "unit": panel.unit.id() },
    })
}

/// Tables begin with the largest value of their first column.
fn sorting(panel: &Panel) -> Value {
    match panel.targets.first() {
        Some(first) if panel.kind == Kind::Table => json!([{ "desc": true, "displayName": first.legend }]),
        _ => json!([]),
    }
}

/// Tables: the unit of each column.
fn overrides(panel: &Panel) -> Value {
    if panel.kind != Kind::Table {
        return json!([]);
    }
    let columns = panel.targets.iter().map(|target| {
        json!({
            "matcher": { "id": "byName", "options": target.legend },
            "properties": [{ "id": "unit", "value": target.unit.unwrap_or(panel.unit).id() }],
        })
    });
    Value::Array(columns.collect())
}

/// Tables: one line for each object, the labels first, then the columns of the queries in their order.
fn transformations(panel: &Panel) -> Value {
    if panel.kind != Kind::Table {
        return json!([]);
    }
    let values: Vec<String> = match panel.targets.len() {
        1 => vec!["Value".to_owned()],
        count => ('A'..).take(count).map(|name| format!("Value #{name}")).collect(),
    };
    let labels = panel.labels.iter().map(|(label, title)| ((*label).to_owned(), (*title).to_owned()));
    let columns = values.into_iter().zip(panel.targets.iter().map(|target| target.legend.clone()));
    let all: Vec<(String, String)> = labels.chain(columns).collect();
    let order: serde_json::Map<String, Value> =
        all.iter().enumerate().map(|(at, (name, _))| (name.clone(), json!(at))).collect();
    let names: serde_json::Map<String, Value> =
        all.into_iter().map(|(name, title)| (name, Value::String(title))).collect();
    json!([
        { "id": "merge", "options": {} },
        { "id": "organize", "options": { "excludeByName": { "Time": true }, "indexByName": order, "renameByName": names } },
    ])
}
