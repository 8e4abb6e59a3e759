//! What a parser of single lines cannot see.

use std::collections::{BTreeMap, HashMap};

use super::{Exposition, Family, Kind, Sample};

pub(super) fn problems(exposition: &Exposition) -> Vec<String> {
    let mut problems = repeated(exposition);
    for family in &exposition.families {
        let samples: Vec<&Sample> =
            family.samples.iter().filter_map(|&at| exposition.samples.get(at)).collect();
        let (first, last) = (family.samples.first(), family.samples.last());
        if let (Some(first), Some(last)) = (first, last)
            && last - first + 1 != family.samples.len()
        {
            problems.push(format!("{}: its samples are not together", family.name));
        }
        if family.kind == Kind::Counter {
            let wrong = samples.iter().filter(|sample| sample.value.is_nan() || sample.value < 0.0);
            problems
                .extend(wrong.map(|sample| format!("line {}: a counter of {}", sample.line, sample.value)));
        }
        if family.kind == Kind::Histogram {
            problems.extend(histograms(family, &samples));
        }
    }
    problems
}

fn repeated(exposition: &Exposition) -> Vec<String> {
    let mut seen: HashMap<(&str, &BTreeMap<String, String>), usize> = HashMap::new();
    let repeated = exposition.samples.iter().filter_map(|sample| {
        let earlier = seen.insert((&sample.name, &sample.labels), sample.line)?;
        Some(format!(
            "line {}: {} {:?} stands in line {earlier} already",
            sample.line, sample.name, sample.labels
        ))
    });
    repeated.collect()
}

#[derive(Default)]
struct Series {
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: bool,
}

fn histograms(family: &Family, samples: &[&Sample]) -> Vec<String> {
    let mut all: BTreeMap<BTreeMap<String, String>, Series> = BTreeMap::new();
    for sample in samples {
        let mut labels = sample.labels.clone();
        let le = labels.remove("le");
        let series = all.entry(labels).or_default();
        match sample.name.strip_prefix(family.name.as_str()) {
            Some("_bucket") => {
                let bound = le.and_then(|le| le.parse().ok()).unwrap_or(f64::NAN);
                series.buckets.push((bound, sample.value));
            }
            Some("_count") => series.count = Some(sample.value),
            Some("_sum") => series.sum = true,
            _ => {}
        }
    }
    all.into_iter()
        .filter_map(|(labels, series)| Some(format!("{} {labels:?}: {}", family.name, wrong(&series)?)))
        .collect()
}

fn wrong(series: &Series) -> Option<&'static str> {
    let rising = |key: fn(&(f64, f64)) -> f64, strict: bool| {
        let mut pairs = series.buckets.windows(2);
        pairs.all(|pair| match pair {
            [a, b] => {
                if strict {
                    key(a) < key(b)
                } else {
                    key(a) <= key(b)
                }
            }
            _ => true,
        })
    };
    let last = series.buckets.last();
    if last.is_none_or(|(bound, _)| *bound != f64::INFINITY) {
        Some("its last bucket is not +Inf")
    } else if !rising(|bucket| bucket.0, true) {
        Some("its bounds do not rise")
    } else if !rising(|bucket| bucket.1, false) {
        Some("its bucket counts fall")
    } else if series.count != last.map(|(_, count)| *count) {
        Some("its _count is not its +Inf bucket")
    } else if !series.sum {
        Some("it has no _sum")
    } else {
        None
    }
}
