//! What a tree says: selectors with what is around them, groupings, joins, functions, ranges.

use std::time::Duration;

use promql_parser::label::{Matcher, Matchers};
use promql_parser::parser::{Expr, LabelModifier, VectorMatchCardinality, VectorSelector};

/// A selector of series and the calls that it stands in.
#[derive(Clone, Debug)]
pub struct Selector<'a> {
    /// The metric's name; `None` when only matchers say it.
    pub name: Option<&'a str>,
    /// Its matchers, without the name.
    pub matchers: Vec<&'a Matcher>,
    /// The range in brackets.
    pub range: Option<Duration>,
    /// Functions and aggregations around it, inner ones first.
    pub inside: Vec<String>,
}

/// An aggregation that names labels.
#[derive(Clone, Debug)]
pub struct Grouping<'a> {
    /// What is aggregated.
    pub of: &'a Expr,
    /// The labels.
    pub labels: &'a [String],
    /// Whether they are kept (`by`) or dropped (`without`).
    pub kept: bool,
}

/// An operator between two vectors that names labels.
#[derive(Clone, Debug)]
pub struct Join<'a> {
    /// Left side.
    pub left: &'a Expr,
    /// Right side.
    pub right: &'a Expr,
    /// Labels of `on` or `ignoring`.
    pub labels: &'a [String],
    /// Whether they are those of `on`.
    pub on: bool,
    /// Labels of `group_left`, taken from the right side.
    pub from_right: &'a [String],
    /// Labels of `group_right`, taken from the left side.
    pub from_left: &'a [String],
}

/// The parts of a tree, from left to right.
pub(crate) fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(aggregate) => {
            aggregate.param.as_deref().into_iter().chain([aggregate.expr.as_ref()]).collect()
        }
        Expr::Unary(unary) => vec![&unary.expr],
        Expr::Binary(binary) => vec![&binary.lhs, &binary.rhs],
        Expr::Paren(paren) => vec![&paren.expr],
        Expr::Subquery(subquery) => vec![&subquery.expr],
        Expr::Call(call) => call.args.args.iter().map(AsRef::as_ref).collect(),
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => Vec::new(),
    }
}

/// Every part of a tree, the whole first, from left to right.
pub(crate) fn walk<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    visit(expr);
    for child in children(expr) {
        walk(child, visit);
    }
}

pub(super) fn selectors(expr: &Expr) -> Vec<Selector<'_>> {
    let mut found = Vec::new();
    collect(expr, &mut Vec::new(), &mut found);
    found
}

fn collect<'a>(expr: &'a Expr, around: &mut Vec<String>, found: &mut Vec<Selector<'a>>) {
    let name = match expr {
        Expr::Call(call) => Some(call.func.name.to_owned()),
        Expr::Aggregate(aggregate) => Some(aggregate.op.to_string()),
        _ => None,
    };
    match expr {
        Expr::VectorSelector(selector) => found.push(selector_of(selector, None, around)),
        Expr::MatrixSelector(matrix) => found.push(selector_of(&matrix.vs, Some(matrix.range), around)),
        _ => {
            around.extend(name.clone());
            children(expr).into_iter().for_each(|child| collect(child, around, found));
            around.truncate(around.len() - usize::from(name.is_some()));
        }
    }
}

fn selector_of<'a>(selector: &'a VectorSelector, range: Option<Duration>, around: &[String]) -> Selector<'a> {
    let matchers = all_matchers(&selector.matchers);
    let by_matcher = || matchers.iter().find(|matcher| matcher.name == "__name__");
    let name = selector.name.as_deref().or_else(|| by_matcher().map(|matcher| matcher.value.as_str()));
    let matchers = matchers.iter().copied().filter(|matcher| matcher.name != "__name__").collect();
    Selector { name, matchers, range, inside: around.iter().rev().cloned().collect() }
}

fn all_matchers(matchers: &Matchers) -> Vec<&Matcher> {
    matchers.matchers.iter().chain(matchers.or_matchers.iter().flatten()).collect()
}

pub(super) fn groupings(expr: &Expr) -> Vec<Grouping<'_>> {
    let mut found = Vec::new();
    walk(expr, &mut |part| {
        if let Expr::Aggregate(aggregate) = part
            && let Some(modifier) = &aggregate.modifier
        {
            let (labels, kept) = (&modifier.labels().labels, modifier.is_include());
            found.push(Grouping { of: &aggregate.expr, labels, kept });
        }
    });
    found
}

pub(super) fn joins(expr: &Expr) -> Vec<Join<'_>> {
    let mut found = Vec::new();
    walk(expr, &mut |part| {
        if let Expr::Binary(binary) = part
            && let Some(modifier) = &binary.modifier
        {
            let (labels, on): (&[String], bool) = match &modifier.matching {
                Some(LabelModifier::Include(labels)) => (&labels.labels, true),
                Some(LabelModifier::Exclude(labels)) => (&labels.labels, false),
                None => (&[], false),
            };
            let (from_right, from_left): (&[String], &[String]) = match &modifier.card {
                VectorMatchCardinality::ManyToOne(labels) => (&labels.labels, &[]),
                VectorMatchCardinality::OneToMany(labels) => (&[], &labels.labels),
                VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => (&[], &[]),
            };
            found.push(Join { left: &binary.lhs, right: &binary.rhs, labels, on, from_right, from_left });
        }
    });
    found
}

pub(super) fn functions(expr: &Expr) -> Vec<&'static str> {
    let mut found = Vec::new();
    walk(expr, &mut |part| {
        if let Expr::Call(call) = part {
            found.push(call.func.name);
        }
    });
    found
}

pub(super) fn ranges(expr: &Expr) -> Vec<Duration> {
    let mut found = Vec::new();
    walk(expr, &mut |part| match part {
        Expr::MatrixSelector(matrix) => found.push(matrix.range),
        Expr::Subquery(subquery) => found.push(subquery.range),
        _ => {}
    });
    found
}
