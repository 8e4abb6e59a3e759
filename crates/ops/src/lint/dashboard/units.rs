//! The unit of a panel is that of its query, followed from the catalog through the query's operators.

use clearway_telemetry::catalog::Unit;
use promql_parser::parser::Expr;
use serde_json::Value;

use super::super::{Finding, Shape, Vocabulary};
use super::{Page, list, word};
use crate::query::Query;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// A literal: takes the measure of what it meets.
    Number,
    /// Things, seconds, bytes or a time.
    Of(Unit),
    /// The same in each second.
    Rate(Unit),
    /// A share of things of one kind.
    Ratio,
    /// Nothing can be said.
    Unknown,
}

impl Measure {
    /// Units of Grafana that show it.
    fn units(self) -> &'static [&'static str] {
        match self {
            Self::Number | Self::Of(Unit::One) => &["short", "none", "percentunit"],
            Self::Of(Unit::Seconds) => &["s"],
            Self::Of(Unit::Bytes) => &["bytes"],
            Self::Of(Unit::Timestamp) => &["dateTimeFromNow", "dateTimeAsIso"],
            Self::Rate(Unit::One) => &["reqps", "cps", "ops"],
            Self::Rate(Unit::Bytes) => &["binBps", "Bps"],
            // Seconds of each second are a share; those of a CPU are cores as well.
            Self::Rate(Unit::Seconds) => &["percentunit", "short"],
            // How many things for each other one is a ratio, too.
            Self::Ratio => &["percentunit", "short"],
            Self::Rate(Unit::Timestamp) | Self::Unknown => &[],
        }
    }
}

pub(super) fn check(page: &Page<'_>, vocabulary: &Vocabulary) -> Vec<Finding> {
    let mut found = Vec::new();
    for (panel, target) in page.promql() {
        let text = word(&target["expr"]);
        let Ok(query) = Query::parse_panel(text) else { continue };
        // A heatmap's unit is that of what its histogram observes.
        let heatmap = panel["type"] == "heatmap";
        let ask = if heatmap { observed } else { measure };
        let measure = ask(vocabulary, query.expr());
        let unit = unit_of(panel, word(&target["legendFormat"]));
        if !measure.units().is_empty() && !measure.units().contains(&unit) {
            let title = word(&panel["title"]);
            let wanted = measure.units().join(" or ");
            let sentence =
                format!("`{title}` shows `{unit}` and its query gives {measure:?}: that is {wanted}");
            found.push(page.finding(text, "unit", sentence));
        }
    }
    found
}

/// The unit of a column of a table, else that of the panel.
fn unit_of<'a>(panel: &'a Value, legend: &str) -> &'a str {
    let of_column = list(&panel["fieldConfig"], "overrides")
        .iter()
        .filter(|one| one["matcher"]["options"] == legend)
        .flat_map(|one| list(one, "properties"))
        .find(|property| property["id"] == "unit");
    of_column
        .map_or_else(|| word(&panel["fieldConfig"]["defaults"]["unit"]), |property| word(&property["value"]))
}

pub(super) fn measure(vocabulary: &Vocabulary, expr: &Expr) -> Measure {
    let inner = |expr: &Expr| measure(vocabulary, expr);
    match expr {
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Measure::Number,
        Expr::VectorSelector(selector) => of_series(vocabulary, selector.name.as_deref().unwrap_or_default()),
        Expr::MatrixSelector(matrix) => of_series(vocabulary, matrix.vs.name.as_deref().unwrap_or_default()),
        Expr::Paren(paren) => inner(&paren.expr),
        Expr::Unary(unary) => inner(&unary.expr),
        Expr::Subquery(subquery) => inner(&subquery.expr),
        Expr::Extension(_) => Measure::Unknown,
        Expr::Aggregate(aggregate) => match aggregate.op.to_string().as_str() {
            "count" | "count_values" | "group" => Measure::Of(Unit::One),
            _ => inner(&aggregate.expr),
        },
        Expr::Call(call) => {
            let last = call.args.args.last().map_or(Measure::Unknown, |argument| inner(argument));
            match (call.func.name, last) {
                ("rate" | "irate" | "deriv", Measure::Of(unit)) => Measure::Rate(unit),
                ("time" | "timestamp", _) => Measure::Of(Unit::Timestamp),
                ("changes" | "resets" | "absent" | "count_over_time", _) => Measure::Of(Unit::One),
                ("vector" | "scalar", measure) => measure,
                ("histogram_quantile", _) => {
                    call.args.args.last().map_or(Measure::Unknown, |argument| observed(vocabulary, argument))
                }
                (
                    "increase" | "delta" | "sum_over_time" | "avg_over_time" | "max_over_time"
                    | "min_over_time" | "last_over_time",
                    measure,
                ) => measure,
                _ => Measure::Unknown,
            }
        }
        Expr::Binary(binary) => of_operator(&binary.op.to_string(), inner(&binary.lhs), inner(&binary.rhs)),
    }
}

/// What a histogram observes: its buckets count things.
fn observed(vocabulary: &Vocabulary, expr: &Expr) -> Measure {
    let selectors = Query::selectors_of(expr);
    let unit = selectors.first().and_then(|selector| vocabulary.get(selector.name?)?.unit);
    unit.map_or(Measure::Unknown, Measure::Of)
}

fn of_series(vocabulary: &Vocabulary, name: &str) -> Measure {
    let Some(series) = vocabulary.get(name) else { return Measure::Unknown };
    match (series.shape, series.unit) {
        (Shape::Bucket(_), _) => Measure::Of(Unit::One),
        (_, Some(unit)) => Measure::Of(unit),
        (_, None) => Measure::Unknown,
    }
}

fn of_operator(operator: &str, left: Measure, right: Measure) -> Measure {
    use Measure::{Number, Of, Rate, Ratio, Unknown};
    match (operator, left, right) {
        ("/", Of(unit) | Rate(unit), Of(Unit::One) | Rate(Unit::One)) if unit != Unit::One => {
            if matches!((left, right), (Rate(_), Of(_))) { Rate(unit) } else { Of(unit) }
        }
        ("/", left, right) if left == right && left != Unknown => Ratio,
        ("-", Of(Unit::Timestamp), Of(Unit::Timestamp)) => Of(Unit::Seconds),
        // A share of the CPU for each worker is still one.
        ("/", Rate(Unit::Seconds), Of(Unit::One)) => Rate(Unit::Seconds),
        ("*", measure, Of(Unit::One)) => measure,
        (_, Number, measure) | (_, measure, Number) => measure,
        ("and" | "unless" | ">" | "<" | ">=" | "<=" | "==" | "!=", left, _) => left,
        ("+" | "-" | "or", left, right) if left == right => left,
        _ => Unknown,
    }
}
