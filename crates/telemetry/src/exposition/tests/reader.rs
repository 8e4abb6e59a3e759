//! A strict little reader of both text formats, written from the specifications, not from the writer.

use std::collections::BTreeMap;

pub(super) type Labels = BTreeMap<String, String>;

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// Name with its suffix.
    pub(super) name: String,
    pub(super) labels: Labels,
    pub(super) value: f64,
    /// Labels, value, timestamp.
    pub(super) exemplar: Option<(Labels, f64, f64)>,
}

/// A page that was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// `(name, type)` in order.
    pub(super) families: Vec<(String, String)>,
    pub(super) units: BTreeMap<String, String>,
    pub(super) samples: Vec<Sample>,
    pub(super) ended: bool,
}

pub(super) fn read(page: &str) -> Read {
    let mut read = Read::default();
    let mut helped = String::new();
    assert!(page.ends_with('\n'), "the last line is whole");
    for line in page.lines() {
        assert!(!read.ended, "nothing follows # EOF: {line}");
        if line == "# EOF" {
            read.ended = true;
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            helped = rest.split_once(' ').expect("help text").0.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("type");
            assert_eq!(helped, name, "HELP and TYPE stand together");
            assert!(read.families.iter().all(|(other, _)| other != name), "{name} comes twice");
            read.families.push((name.to_owned(), kind.to_owned()));
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let (name, unit) = rest.split_once(' ').expect("unit");
            assert!(name.ends_with(&format!("_{unit}")), "{line}");
            assert!(read.units.insert(name.to_owned(), unit.to_owned()).is_none());
        } else {
            let sample = sample(line);
            let (family, _) = read.families.last().expect("a family before its samples");
            assert!(sample.name.starts_with(family.as_str()), "{line} stands under {family}");
            read.samples.push(sample);
        }
    }
    read
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).expect("a name");
    let (name, rest) = line.split_at(end);
    let (labels, rest) = if rest.starts_with('{') { labels(rest) } else { (Labels::new(), rest) };
    let rest = rest.strip_prefix(' ').expect("a blank before the value");
    let (value, exemplar) = match rest.split_once(" # ") {
        Some((value, exemplar)) => {
            let (labels, rest) = self::labels(exemplar);
            let (value_of, at) = rest.trim_start().split_once(' ').expect("value and time");
            (value, Some((labels, number(value_of), number(at))))
        }
        None => (rest, None),
    };
    Sample { name: name.to_owned(), labels, value: number(value), exemplar }
}

fn labels(text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    let mut rest = text.strip_prefix('{').expect("a bracket");
    while !rest.starts_with('}') {
        let (name, after) = rest.split_once("=\"").expect("a quoted value");
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().expect("a closing quote") {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().expect("an escaped character").1 {
                    'n' => '\n',
                    escaped @ ('\\' | '"') => escaped,
                    other => panic!("\\{other} is no escape"),
                }),
                (_, other) => value.push(other),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} twice in {text}");
        rest = after.split_at(end + 1).1;
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    (labels, rest.split_at(1).1)
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        _ => text.parse().unwrap_or_else(|_| panic!("{text} is a number")),
    }
}
