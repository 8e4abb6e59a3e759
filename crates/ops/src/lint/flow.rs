//! Which labels come out of an expression, and what its values are: Prometheus's own rules, without data.

use promql_parser::parser::value::ValueType;
use promql_parser::parser::{BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality};

use super::vocabulary::{KnownLabel, Shape, Vocabulary};

/// The labels that series of the result can have; `None` when a metric in it is unknown.
pub(super) fn labels(vocabulary: &Vocabulary, expr: &Expr) -> Option<Vec<KnownLabel>> {
    match expr {
        Expr::VectorSelector(selector) => vocabulary.labels(selector.name.as_deref()?),
        Expr::MatrixSelector(matrix) => vocabulary.labels(matrix.vs.name.as_deref()?),
        Expr::Paren(paren) => labels(vocabulary, &paren.expr),
        Expr::Unary(unary) => labels(vocabulary, &unary.expr),
        Expr::Subquery(subquery) => labels(vocabulary, &subquery.expr),
        Expr::Aggregate(aggregate) => {
            let inner = labels(vocabulary, &aggregate.expr)?;
            // These choose among series and change none of them.
            if ["topk", "bottomk", "limitk", "limit_ratio"].contains(&aggregate.op.to_string().as_str()) {
                return Some(inner);
            }
            let mut kept = match &aggregate.modifier {
                Some(modifier) => select(inner, &modifier.labels().labels, modifier.is_include()),
                None => Vec::new(),
            };
            // `count_values("version", ...)` makes the label that its parameter names.
            if let Some(Expr::StringLiteral(made)) = aggregate.param.as_deref() {
                kept.push(KnownLabel::any(&made.val));
            }
            Some(kept)
        }
        Expr::Call(call) => of_call(vocabulary, call),
        Expr::Binary(binary) => of_binary(vocabulary, binary),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Some(Vec::new()),
    }
}

fn select(labels: Vec<KnownLabel>, named: &[String], kept: bool) -> Vec<KnownLabel> {
    labels.into_iter().filter(|label| named.contains(&label.name) == kept).collect()
}

fn of_call(vocabulary: &Vocabulary, call: &Call) -> Option<Vec<KnownLabel>> {
    let argument = |number: usize| call.args.args.get(number).map(AsRef::as_ref);
    let text = |number: usize| match argument(number) {
        Some(Expr::StringLiteral(literal)) => Some(literal.val.as_str()),
        _ => None,
    };
    match call.func.name {
        "vector" | "scalar" | "time" | "pi" => Some(Vec::new()),
        "histogram_quantile" | "histogram_fraction" => {
            let inner = labels(vocabulary, call.args.args.last()?)?;
            Some(inner.into_iter().filter(|label| label.name != "le").collect())
        }
        "label_replace" | "label_join" => {
            let mut inner = labels(vocabulary, argument(0)?)?;
            let made = text(1)?;
            inner.retain(|label| label.name != made);
            inner.push(KnownLabel::any(made));
            Some(inner)
        }
        "absent" | "absent_over_time" => Some(equalities(argument(0)?)),
        _ => {
            let vector = call.args.args.iter().find(|argument| is_vector(argument))?;
            labels(vocabulary, vector)
        }
    }
}

/// What `absent` gives: the labels that the selector says with `=`.
fn equalities(expr: &Expr) -> Vec<KnownLabel> {
    let matchers = match expr {
        Expr::VectorSelector(selector) => &selector.matchers,
        Expr::MatrixSelector(matrix) => &matrix.vs.matchers,
        _ => return Vec::new(),
    };
    let equal = |matcher: &&promql_parser::label::Matcher| matcher.op.to_string() == "=";
    matchers.matchers.iter().filter(equal).map(|matcher| KnownLabel::any(&matcher.name)).collect()
}

fn of_binary(vocabulary: &Vocabulary, binary: &BinaryExpr) -> Option<Vec<KnownLabel>> {
    let side = |expr: &Expr| labels(vocabulary, expr);
    match (is_vector(&binary.lhs), is_vector(&binary.rhs)) {
        (true, false) => return side(&binary.lhs),
        (false, _) => return side(&binary.rhs),
        (true, true) => {}
    }
    match binary.op.to_string().as_str() {
        "and" | "unless" => return side(&binary.lhs),
        "or" => return Some([side(&binary.lhs)?, side(&binary.rhs)?].concat()),
        _ => {}
    }
    let Some(modifier) = &binary.modifier else { return side(&binary.lhs) };
    let with_extra = |many: &Expr, one: &Expr, extra: &[String]| {
        Some([side(many)?, select(side(one)?, extra, true)].concat())
    };
    match (&modifier.card, &modifier.matching) {
        (VectorMatchCardinality::ManyToOne(extra), _) => with_extra(&binary.lhs, &binary.rhs, &extra.labels),
        (VectorMatchCardinality::OneToMany(extra), _) => with_extra(&binary.rhs, &binary.lhs, &extra.labels),
        (_, Some(LabelModifier::Include(on))) => Some(select(side(&binary.lhs)?, &on.labels, true)),
        (_, Some(LabelModifier::Exclude(ignored))) => {
            Some(select(side(&binary.lhs)?, &ignored.labels, false))
        }
        (_, None) => side(&binary.lhs),
    }
}

pub(super) fn is_vector(expr: &Expr) -> bool {
    matches!(expr.value_type(), ValueType::Vector | ValueType::Matrix)
}

/// What the values of the result are: sums and copies of counters rise only, all else may fall.
pub(super) fn shape(vocabulary: &Vocabulary, expr: &Expr) -> Shape {
    match expr {
        Expr::VectorSelector(selector) => {
            let series = selector.name.as_deref().and_then(|name| vocabulary.get(name));
            series.map_or(Shape::Gauge, |series| series.shape)
        }
        Expr::Paren(paren) => shape(vocabulary, &paren.expr),
        Expr::Aggregate(aggregate) if aggregate.op.to_string() == "sum" => shape(vocabulary, &aggregate.expr),
        Expr::Call(call) if ["label_replace", "label_join"].contains(&call.func.name) => {
            call.args.args.first().map_or(Shape::Gauge, |inner| shape(vocabulary, inner))
        }
        _ => Shape::Gauge,
    }
}
