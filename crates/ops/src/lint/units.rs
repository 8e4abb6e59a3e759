//! What an expression counts: seconds, bytes, things, or a moment. Who adds or compares different things is found.

use clearway_telemetry::catalog::Unit;
use promql_parser::parser::{BinaryExpr, Call, Expr};

use super::check::Found;
use super::vocabulary::{Shape, Vocabulary};
use crate::query::{Query, walk};

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A bare number fits everything.
    Number,
    /// It cannot be said.
    Unknown,
    /// Seconds and bytes, each with its power: bytes a second are -1 and 1, things are 0 and 0.
    Of {
        /// Power of seconds.
        seconds: i8,
        /// Power of bytes.
        bytes: i8,
    },
    /// Seconds since 1970.
    Moment,
}

impl Measure {
    /// Things, shares, states.
    pub const THINGS: Self = Self::Of { seconds: 0, bytes: 0 };
    /// Seconds.
    pub const SECONDS: Self = Self::Of { seconds: 1, bytes: 0 };
    /// Things a second.
    pub const PER_SECOND: Self = Self::Of { seconds: -1, bytes: 0 };
    /// Bytes.
    pub const BYTES: Self = Self::Of { seconds: 0, bytes: 1 };
    /// Bytes a second.
    pub const BYTES_PER_SECOND: Self = Self::Of { seconds: -1, bytes: 1 };

    /// The measure of a unit of the catalog.
    pub fn of(unit: Unit) -> Self {
        match unit {
            Unit::One => Self::THINGS,
            Unit::Seconds => Self::SECONDS,
            Unit::Bytes => Self::BYTES,
            Unit::Timestamp => Self::Moment,
        }
    }

    /// Whether the two can be compared or added.
    pub fn fits(self, other: Self) -> bool {
        self == other || [self, other].iter().any(|side| matches!(side, Self::Number | Self::Unknown))
    }

    fn times(self, other: Self, sign: i8) -> Self {
        match (self, other) {
            (Self::Of { seconds, bytes }, Self::Of { seconds: more, bytes: many }) => {
                Self::Of { seconds: seconds + sign * more, bytes: bytes + sign * many }
            }
            (side, Self::Number) => side,
            (Self::Number, side) if sign > 0 => side,
            (Self::Number, Self::Of { seconds, bytes }) => Self::Of { seconds: -seconds, bytes: -bytes },
            _ => Self::Unknown,
        }
    }

    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Number => "a number".to_owned(),
            Self::Unknown => "unknown".to_owned(),
            Self::Moment => "a moment (seconds since 1970)".to_owned(),
            Self::THINGS => "things or a share".to_owned(),
            Self::SECONDS => "seconds".to_owned(),
            Self::PER_SECOND => "things a second".to_owned(),
            Self::BYTES => "bytes".to_owned(),
            Self::BYTES_PER_SECOND => "bytes a second".to_owned(),
            Self::Of { seconds, bytes } => format!("seconds^{seconds} bytes^{bytes}"),
        }
    }
}

/// What the result counts.
pub(super) fn measure(vocabulary: &Vocabulary, expr: &Expr) -> Measure {
    match expr {
        Expr::NumberLiteral(_) => Measure::Number,
        Expr::StringLiteral(_) | Expr::Extension(_) => Measure::Unknown,
        Expr::VectorSelector(selector) => of_name(vocabulary, selector.name.as_deref()),
        Expr::MatrixSelector(matrix) => of_name(vocabulary, matrix.vs.name.as_deref()),
        Expr::Paren(paren) => measure(vocabulary, &paren.expr),
        Expr::Unary(unary) => measure(vocabulary, &unary.expr),
        Expr::Subquery(subquery) => measure(vocabulary, &subquery.expr),
        Expr::Aggregate(aggregate) => match aggregate.op.to_string().as_str() {
            "count" | "count_values" | "group" => Measure::THINGS,
            "stdvar" => Measure::Unknown,
            _ => measure(vocabulary, &aggregate.expr),
        },
        Expr::Call(call) => of_call(vocabulary, call),
        Expr::Binary(binary) => of_binary(vocabulary, binary),
    }
}

fn of_name(vocabulary: &Vocabulary, name: Option<&str>) -> Measure {
    let Some(series) = name.and_then(|name| vocabulary.get(name)) else { return Measure::Unknown };
    match (series.shape, series.unit) {
        (Shape::Bucket(_) | Shape::Count, _) => Measure::THINGS,
        (_, Some(unit)) => Measure::of(unit),
        (_, None) => series.measure,
    }
}

fn of_call(vocabulary: &Vocabulary, call: &Call) -> Measure {
    let vector = call.args.args.iter().find(|argument| super::flow::is_vector(argument));
    let inner = || vector.map_or(Measure::Number, |argument| measure(vocabulary, argument));
    match call.func.name {
        "time" | "timestamp" => Measure::Moment,
        "rate" | "irate" | "deriv" => inner().times(Measure::SECONDS, -1),
        "histogram_quantile" | "histogram_avg" | "histogram_sum" => of_buckets(vocabulary, call),
        "absent" | "absent_over_time" | "present_over_time" | "count_over_time" | "changes" | "resets"
        | "histogram_fraction" | "histogram_count" | "sgn" => Measure::THINGS,
        "exp" | "ln" | "log2" | "log10" | "sqrt" | "stdvar_over_time" => Measure::Unknown,
        _ => inner(),
    }
}

/// The values of a histogram, whatever is done to the counts of its buckets.
fn of_buckets(vocabulary: &Vocabulary, call: &Call) -> Measure {
    let selectors = call.args.args.iter().flat_map(|argument| Query::selectors_of(argument));
    let series = selectors.filter_map(|selector| vocabulary.get(selector.name?));
    let metric = series.filter_map(|series| match series.shape {
        Shape::Bucket(_) | Shape::Histogram => series.metric,
        _ => None,
    });
    metric.map(|metric| Measure::of(metric.unit)).next().unwrap_or(Measure::Unknown)
}

fn of_binary(vocabulary: &Vocabulary, binary: &BinaryExpr) -> Measure {
    let left = measure(vocabulary, &binary.lhs);
    let right = measure(vocabulary, &binary.rhs);
    match binary.op.to_string().as_str() {
        // `part or 0 * whole`: nothing of something is nothing of anything.
        "*" if [&binary.lhs, &binary.rhs].into_iter().any(|side| is_zero(side)) => Measure::Number,
        "*" => left.times(right, 1),
        "/" => left.times(right, -1),
        "+" | "-" => match (left, right) {
            (Measure::Moment, Measure::Moment) => Measure::SECONDS,
            (Measure::Moment, _) | (_, Measure::Moment) => Measure::Moment,
            (Measure::Number, side) => side,
            (side, _) => side,
        },
        "^" | "%" | "atan2" => Measure::Unknown,
        _ if binary.modifier.as_ref().is_some_and(|modifier| modifier.return_bool) => Measure::THINGS,
        _ if left == Measure::Number => right,
        _ => left,
    }
}

fn is_zero(expr: &Expr) -> bool {
    matches!(expr, Expr::NumberLiteral(number) if number.val == 0.0)
}

/// Sums and comparisons of what cannot be added or compared.
pub(super) fn check(vocabulary: &Vocabulary, query: &Query) -> Vec<Found> {
    let mut found = Vec::new();
    walk(query.expr(), &mut |part| {
        let Expr::Binary(binary) = part else { return };
        let op = binary.op.to_string();
        if !["+", "-", ">", "<", ">=", "<=", "==", "!=", "or"].contains(&op.as_str()) {
            return;
        }
        let (left, right) = (measure(vocabulary, &binary.lhs), measure(vocabulary, &binary.rhs));
        let shifted = ["+", "-"].contains(&op.as_str())
            && [(left, right), (right, left)].contains(&(Measure::Moment, Measure::SECONDS));
        // 0 and 1 are states of a gauge; a moment is compared with a moment.
        let bare_moment = left == Measure::Moment && right == Measure::Number && op != "-" && op != "+";
        if (!left.fits(right) && !shifted) || bare_moment {
            let sentence = format!("`{op}` between {} and {}", left.words(), right.words());
            found.push(("unit", sentence));
        }
    });
    found
}
