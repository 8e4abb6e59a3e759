//! Checks of Grafana dashboards as they stand in their files, whoever wrote them.
//!
//! Tests of the room of dashboards and `make ops` call it. What always holds: every PromQL string of a dashboard goes through
//! the checks of [`crate::lint`] too; the rules of Grafana's dashboard-linter are here under its own names.

mod layout;
mod rules;
mod units;

use serde_json::Value;

use super::{Finding, Quote, Setting, Vocabulary};

/// A dashboard and its file.
pub(super) struct Page<'a> {
    file: &'a str,
    text: &'a str,
    value: Value,
}

/// Every finding of a dashboard, those of its PromQL too.
pub fn check(file: &str, text: &str, vocabulary: &Vocabulary) -> Vec<Finding> {
    let page = match Page::read(file, text) {
        Ok(page) => page,
        Err(finding) => return vec![finding],
    };
    let mut found: Vec<Finding> = page.quotes().iter().flat_map(|quote| quote.check(vocabulary)).collect();
    found.extend(rules::check(&page));
    found.extend(layout::check(&page));
    found.extend(units::check(&page, vocabulary));
    found
}

/// Every PromQL string of a dashboard: of panels, variables and annotations.
///
/// # Errors
/// When the file is no JSON.
pub fn quotes(file: &str, text: &str) -> Result<Vec<Quote>, Finding> {
    Ok(Page::read(file, text)?.quotes())
}

impl<'a> Page<'a> {
    fn read(file: &'a str, text: &'a str) -> Result<Self, Finding> {
        match serde_json::from_str(text) {
            Ok(value) => Ok(Self { file, text, value }),
            Err(error) => Err(Finding {
                file: file.to_owned(),
                line: error.line(),
                check: "json",
                sentence: format!("is no JSON: {error}"),
            }),
        }
    }

    /// A finding at the first line that has this string as a value.
    fn finding(&self, near: &str, check: &'static str, sentence: impl Into<String>) -> Finding {
        let file = self.file.to_owned();
        Finding { file, line: self.line_of(near), check, sentence: sentence.into() }
    }

    fn line_of(&self, near: &str) -> usize {
        let quoted = Value::String(near.to_owned()).to_string();
        self.text.lines().position(|line| line.contains(&quoted)).map_or(1, |at| at + 1)
    }

    /// Panels with rows, those inside of collapsed rows too.
    fn panels(&self) -> Vec<&Value> {
        let top = list(&self.value, "panels");
        top.iter().flat_map(|panel| [panel].into_iter().chain(list(panel, "panels"))).collect()
    }

    /// Panels that are no rows.
    fn real_panels(&self) -> impl Iterator<Item = &Value> {
        self.panels().into_iter().filter(|panel| panel["type"] != "row")
    }

    fn variables(&self) -> &[Value] {
        list(&self.value["templating"], "list")
    }

    /// Targets that go to Prometheus, with their panels.
    fn promql(&self) -> Vec<(&Value, &Value)> {
        self.targets("prometheus")
    }

    /// Targets that go to this kind of data source, with their panels.
    fn targets(&self, kind: &str) -> Vec<(&Value, &Value)> {
        self.real_panels()
            .flat_map(|panel| list(panel, "targets").iter().map(move |target| (panel, target)))
            .filter(|(_, target)| target["datasource"]["type"] == kind)
            .collect()
    }

    fn quotes(&self) -> Vec<Quote> {
        let of_panels = self.promql().into_iter().map(|(_, target)| word(&target["expr"]).to_owned());
        let marks = list(&self.value["annotations"], "list").iter();
        let of_marks = marks.map(|mark| word(&mark["target"]["expr"]).to_owned());
        let mut quotes: Vec<Quote> = of_panels.chain(of_marks).map(|text| self.quote(&text, &text)).collect();
        for variable in self.variables() {
            let query = word(&variable["query"]["query"]);
            if let Some((selector, _)) = label_values(query) {
                // Only whether series are there is asked, as `count` does.
                quotes.push(self.quote(query, &format!("count({selector})")));
            }
        }
        quotes
    }

    fn quote(&self, near: &str, text: &str) -> Quote {
        let (file, line) = (self.file.to_owned(), self.line_of(near));
        Quote { file, line, text: text.to_owned(), setting: Setting::Panel }
    }
}

/// Selector and label of `label_values(selector, label)`.
fn label_values(query: &str) -> Option<(&str, &str)> {
    let inside = query.strip_prefix("label_values(")?.strip_suffix(')')?;
    let (selector, label) = inside.rsplit_once(',')?;
    Some((selector.trim(), label.trim()))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
