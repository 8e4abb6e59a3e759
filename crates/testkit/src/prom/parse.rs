//! The grammar of both text formats, line by line.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::{Exemplar, Exposition, Family, Format, Kind, Sample};

/// The first line that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
    /// The line.
    pub text: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: {}", self.line, self.why, self.text)
    }
}

impl std::error::Error for ParseError {}

type Result<T> = std::result::Result<T, String>;

pub(super) fn parse(text: &str, format: Format) -> std::result::Result<Exposition, ParseError> {
    let exposition = Exposition { format, families: Vec::new(), samples: Vec::new(), bytes: text.len() };
    let mut parser = Parser { exposition, index: HashMap::new(), ended: false };
    let mut lines = 0;
    for (number, line) in text.split_terminator('\n').enumerate() {
        lines = number + 1;
        let error = |why| ParseError { line: number + 1, why, text: line.to_owned() };
        parser.line(number + 1, line).map_err(error)?;
    }
    let end = |why: &str| ParseError { line: lines, why: why.to_owned(), text: String::new() };
    if format == Format::OpenMetrics && !parser.ended {
        return Err(end("OpenMetrics ends with # EOF"));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(end("the last line does not end with a line feed"));
    }
    Ok(parser.exposition)
}

struct Parser {
    exposition: Exposition,
    index: HashMap<String, usize>,
    ended: bool,
}

impl Parser {
    fn line(&mut self, number: usize, line: &str) -> Result<()> {
        if self.ended {
            return Err("a line after # EOF".to_owned());
        }
        let strict = self.exposition.format == Format::OpenMetrics;
        if strict && line == "# EOF" {
            self.ended = true;
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix("# ") {
            return self.comment(rest);
        }
        if line.starts_with('#') || line.is_empty() {
            return if strict {
                Err("OpenMetrics has no free comments and no empty lines".to_owned())
            } else {
                Ok(())
            };
        }
        let sample = sample(line, number, self.exposition.format)?;
        let family = self.family_of(&sample.name)?;
        let index = self.exposition.samples.len();
        if let Some(family) = self.exposition.families.get_mut(family) {
            family.samples.push(index);
        }
        self.exposition.samples.push(sample);
        Ok(())
    }

    fn comment(&mut self, rest: &str) -> Result<()> {
        let mut words = rest.splitn(3, ' ');
        let (word, name, value) = (words.next(), words.next().unwrap_or_default(), words.next());
        let strict = self.exposition.format == Format::OpenMetrics;
        match word {
            Some("HELP") => {
                let help = unescape(value.unwrap_or_default(), strict)?;
                let family = self.declare(name)?;
                if !std::mem::replace(&mut family.help, help).is_empty() {
                    return Err("a second HELP".to_owned());
                }
            }
            Some("TYPE") => {
                let kind = kind(value.unwrap_or_default(), strict)?;
                let family = self.declare(name)?;
                if std::mem::replace(&mut family.kind, kind) != Kind::Unknown {
                    return Err("a second TYPE".to_owned());
                }
            }
            Some("UNIT") if strict => {
                let unit = value.unwrap_or_default().to_owned();
                if !unit.is_empty() && !name.ends_with(&format!("_{unit}")) {
                    return Err(format!("the name does not end with its unit {unit}"));
                }
                self.declare(name)?.unit = unit;
            }
            _ if strict => return Err("neither HELP, TYPE nor UNIT".to_owned()),
            _ => {}
        }
        Ok(())
    }

    /// The family of a comment line; its samples must not have begun.
    fn declare(&mut self, name: &str) -> Result<&mut Family> {
        metric_name(name)?;
        let index = self.add(name);
        match self.exposition.families.get_mut(index) {
            Some(family) if family.samples.is_empty() => Ok(family),
            _ => Err("a comment of a family after its samples".to_owned()),
        }
    }

    fn add(&mut self, name: &str) -> usize {
        if let Some(&index) = self.index.get(name) {
            return index;
        }
        let index = self.exposition.families.len();
        let (help, unit) = (String::new(), String::new());
        let name = name.to_owned();
        self.index.insert(name.clone(), index);
        self.exposition.families.push(Family { name, kind: Kind::Unknown, help, unit, samples: Vec::new() });
        index
    }

    /// The family that a sample belongs to by its name and suffix.
    fn family_of(&mut self, name: &str) -> Result<usize> {
        let strict = self.exposition.format == Format::OpenMetrics;
        let named = |family: &str| self.index.get(family).copied();
        let kind_of = |index: usize| self.exposition.families.get(index).map(|family| family.kind);
        let suffixes = ["", "_total", "_created", "_bucket", "_count", "_sum", "_info", "_gcount", "_gsum"];
        for suffix in suffixes {
            let Some(index) = name.strip_suffix(suffix).and_then(named) else { continue };
            let fits = kind_of(index).is_some_and(|kind| allowed(kind, strict).contains(&suffix));
            if fits {
                return Ok(index);
            }
        }
        if named(name).is_some() {
            return Err("a sample without the suffix that its family's type wants".to_owned());
        }
        Ok(self.add(name))
    }
}

/// Suffixes of a family's samples.
fn allowed(kind: Kind, strict: bool) -> &'static [&'static str] {
    match kind {
        Kind::Counter if strict => &["_total", "_created"],
        Kind::Histogram => &["_bucket", "_count", "_sum", "_created"],
        Kind::GaugeHistogram => &["_bucket", "_gcount", "_gsum"],
        Kind::Summary => &["", "_count", "_sum", "_created"],
        Kind::Info => &["_info"],
        Kind::Counter | Kind::Gauge | Kind::StateSet | Kind::Unknown => &[""],
    }
}

fn kind(word: &str, strict: bool) -> Result<Kind> {
    Ok(match word {
        "counter" => Kind::Counter,
        "gauge" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        "summary" => Kind::Summary,
        "untyped" if !strict => Kind::Unknown,
        "unknown" if strict => Kind::Unknown,
        "gaugehistogram" if strict => Kind::GaugeHistogram,
        "info" if strict => Kind::Info,
        "stateset" if strict => Kind::StateSet,
        other => return Err(format!("no type of this format: {other}")),
    })
}

fn metric_name(name: &str) -> Result<()> {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':';
    let good = name.bytes().next().is_some_and(first)
        && name.bytes().all(|byte| first(byte) || byte.is_ascii_digit());
    if good { Ok(()) } else { Err(format!("not a metric name: {name:?}")) }
}

fn sample(line: &str, number: usize, format: Format) -> Result<Sample> {
    let end = line.find(['{', ' ', '\t']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    metric_name(name)?;
    let mut sample_labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        (sample_labels, rest) = labels(inside)?;
    }
    let (rest, exemplar) = match rest.split_once(" # ") {
        Some((rest, text)) if format == Format::OpenMetrics => (rest, Some(exemplar(text)?)),
        _ => (rest, None),
    };
    let (value, timestamp) = numbers(rest, format)?;
    let (name, labels) = (name.to_owned(), sample_labels);
    Ok(Sample { name, labels, value, timestamp, exemplar, line: number })
}

/// `value [timestamp]`, after a space.
fn numbers(text: &str, format: Format) -> Result<(f64, Option<f64>)> {
    let strict = format == Format::OpenMetrics;
    let words: Vec<&str> = if strict {
        text.strip_prefix(' ').ok_or("no space before the value")?.split(' ').collect()
    } else {
        text.split_ascii_whitespace().collect()
    };
    match words.as_slice() {
        [value] => Ok((float(value)?, None)),
        [value, time] => Ok((float(value)?, Some(float(time)?))),
        _ => Err(format!("not a value and a timestamp: {text:?}")),
    }
}

/// A Go-style float; Rust's own words for the special ones are not of the formats.
fn float(text: &str) -> Result<f64> {
    match text.to_ascii_lowercase().as_str() {
        "nan" => return Ok(f64::NAN),
        "+inf" | "inf" => return Ok(f64::INFINITY),
        "-inf" => return Ok(f64::NEG_INFINITY),
        _ => {}
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|_| plain).ok_or_else(|| format!("not a number: {text:?}"))
}

fn exemplar(text: &str) -> Result<Exemplar> {
    let inside = text.strip_prefix('{').ok_or("an exemplar without labels")?;
    let (labels, rest) = labels(inside)?;
    let length: usize = labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
    if length > 128 {
        return Err(format!("an exemplar with {length} characters of labels, 128 are allowed"));
    }
    let (value, timestamp) = numbers(rest, Format::OpenMetrics)?;
    Ok(Exemplar { labels, value, timestamp })
}

/// Labels behind the opening brace, and what follows the closing one.
fn labels(text: &str) -> Result<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let (name, after) = rest.split_once("=\"").ok_or("a label without =\"")?;
        let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        let good =
            name.bytes().next().is_some_and(first) && name.bytes().all(|b| first(b) || b.is_ascii_digit());
        if !good {
            return Err(format!("not a label name: {name:?}"));
        }
        let (value, after) = quoted(after)?;
        if labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("label {name} twice"));
        }
        rest = match after.strip_prefix(',') {
            Some(next) => next,
            None if after.starts_with('}') => after,
            None => return Err(format!("neither , nor }} after label {name}")),
        };
    }
}

/// A value up to its closing quote, unescaped, and what follows.
fn quoted(text: &str) -> Result<(String, &str)> {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let (value, rest) = text.split_at(at);
                return Ok((unescape(value, true)?, rest.strip_prefix('"').unwrap_or(rest)));
            }
            _ => {}
        }
    }
    Err("a label value without its closing quote".to_owned())
}

/// `\\`, `\n` and, where quotes are escaped, `\"`.
fn unescape(text: &str, quotes: bool) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('\\') => out.push('\\'),
            Some('n') => out.push('\n'),
            Some('"') if quotes => out.push('"'),
            other => return Err(format!("not an escape: \\{}", other.map(String::from).unwrap_or_default())),
        }
    }
    Ok(out)
}
