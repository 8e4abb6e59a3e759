//! `/metrics` shows all of the catalog and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::planes::{exercised, of_command};
use super::reader::{Labels, read};
use super::{ALL_ON, Scene};
use crate::catalog::{self, Kind, Metric, Values};
use crate::families::Switches;

/// Labels of the series of each metric, without `le`, from a text 0.0.4 page.
fn series(page: &str) -> BTreeMap<&'static str, Vec<Labels>> {
    let mut series: BTreeMap<&str, Vec<Labels>> = BTreeMap::new();
    for sample in read(page).samples {
        let metric = catalog::all().find(|metric| is_sample_of(&sample.name, metric));
        let metric = metric.unwrap_or_else(|| panic!("{} is not in the catalog", sample.name));
        let mut labels = sample.labels;
        assert_eq!(labels.remove("le").is_some(), sample.name.ends_with("_bucket"), "{}", sample.name);
        series.entry(metric.name).or_default().push(labels);
    }
    series
}

fn is_sample_of(sample: &str, metric: &Metric) -> bool {
    match sample.strip_prefix(metric.name) {
        Some("") => metric.kind != Kind::Histogram,
        Some("_bucket" | "_sum" | "_count") => metric.kind == Kind::Histogram,
        _ => false,
    }
}

#[test]
fn every_metric_of_the_catalog_appears_and_nothing_else() {
    for (command, scene) in exercised() {
        // Sizes and times are those of the page before: the first page has none.
        scene.render("*/*");
        let page = scene.render("text/plain");
        let shown: Vec<String> = read(&page).families.into_iter().map(|(name, _)| name).collect();
        let declared: Vec<&str> = of_command(command).map(|metric| metric.name).collect();
        assert_eq!(shown, declared, "{command}: the same families in the same order");
    }
}

#[test]
fn labels_and_their_values_are_those_declared() {
    for (command, scene) in exercised() {
        scene.render("*/*");
        let series = series(&scene.render("text/plain"));
        of_command(command).for_each(|metric| assert_labels(metric, &series[metric.name]));
    }
}

fn assert_labels(metric: &Metric, of_metric: &[Labels]) {
    let shown: BTreeSet<&str> =
        of_metric.iter().flat_map(|labels| labels.keys().map(String::as_str)).collect();
    let declared: BTreeSet<&str> = metric.labels.iter().map(|label| label.name).collect();
    assert_eq!(shown, declared, "{}", metric.name);
    let pairs = metric.labels.iter().flat_map(|label| of_metric.iter().map(move |of| (label, of)));
    for (label, labels) in pairs {
        let Some(value) = labels.get(label.name) else {
            assert!(label.absent.is_some(), "{} always has {}: {labels:?}", metric.name, label.name);
            continue;
        };
        match label.values {
            Values::OneOf(words) => assert!(words().contains(&value.as_str()), "{}: {value}", label.name),
            Values::StatusCode => {
                assert!(value == "none" || value.parse().is_ok_and(|code: u16| (100..600).contains(&code)));
            }
            Values::Configured | Values::Process | Values::Api => {
                assert!(!value.is_empty(), "{}", label.name);
            }
        }
    }
}

#[test]
fn a_switch_that_is_off_leaves_its_families_out_and_no_others() {
    let switches = Switches { tcp_metrics: true, ..Switches::OFF };
    for switches in [Switches::OFF, Switches::default(), switches] {
        let scene = Scene::exercised(switches);
        scene.page("*/*");
        let shown: Vec<String> =
            read(&scene.page("text/plain")).families.into_iter().map(|(name, _)| name).collect();
        let kept: Vec<_> =
            of_command("run").filter(|metric| metric.is_kept(&switches)).map(|metric| metric.name).collect();
        assert_eq!(shown, kept);
    }
}

#[test]
fn series_are_counted_by_family() {
    let scene = Scene::exercised(ALL_ON);
    scene.page("*/*");
    let page = scene.page("text/plain");
    let series = series(&page);
    let counted: BTreeMap<String, f64> = read(&page)
        .samples
        .into_iter()
        .filter(|sample| sample.name == "clearway_metrics_series")
        .map(|sample| (sample.labels["family"].clone(), sample.value))
        .collect();
    assert_eq!(counted.len(), series.len());
    for (name, labels) in series {
        let distinct: BTreeSet<_> = labels.into_iter().collect();
        assert_eq!(counted[name], distinct.len() as f64, "{name}");
    }
}
