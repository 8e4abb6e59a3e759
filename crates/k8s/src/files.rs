//! Objects from YAML or JSON text with several documents. One broken document does not hide the others.

use std::fmt;

use serde_json::Value;

use crate::locate::Lines;
use crate::object::{Object, ObjectError};
use crate::validate::{FieldError, Severity, validate};

/// An object of a file, with everything worth saying about it.
#[derive(Clone, Debug, PartialEq)]
pub struct FileObject {
    /// The object.
    pub object: Object,
    /// The file, as it was named.
    pub file: String,
    /// Line of its first field, from 1.
    pub line: u64,
    /// Fields that are unknown or ignored, each with its line.
    pub warnings: Vec<FileWarning>,
}

/// A field of a file that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileWarning {
    /// Line, from 1.
    pub line: u64,
    /// The field and what is the matter with it.
    pub error: FieldError,
}

/// A document of a file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// What is wrong.
    pub error: Box<ObjectError>,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.error)
    }
}

/// Reads every document of a YAML (or JSON) text; `List` objects are taken apart.
///
/// Each document is checked as an apiserver would ([`validate`]); every field that it refuses is an error of its own.
pub fn parse_documents(file: &str, text: &str) -> Vec<Result<FileObject, FileError>> {
    documents(text).into_iter().flat_map(|document| parse_document(file, &document)).collect()
}

struct Document<'a> {
    text: &'a str,
    /// Lines before it.
    before: u64,
}

/// Cuts at document markers. A line that starts with `---` and a blank is one wherever it stands (YAML 1.2, 9.1.2).
fn documents(text: &str) -> Vec<Document<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut before) = (text, 0);
    loop {
        let mut size = 0;
        let mut lines = 0;
        let mut marker = 0;
        for line in rest.split_inclusive('\n') {
            if is_marker(line) {
                marker = line.len();
                break;
            }
            size += line.len();
            lines += 1;
        }
        let Some((body, tail)) = rest.split_at_checked(size) else { break };
        found.push(Document { text: body, before });
        if marker == 0 {
            break;
        }
        // Content may follow the marker on its line, so only the marker goes.
        let content = tail.strip_prefix("---").or_else(|| tail.strip_prefix("...")).unwrap_or_default();
        rest = content;
        before += lines;
    }
    found
}

fn is_marker(line: &str) -> bool {
    ["---", "..."].iter().any(|marker| {
        line.strip_prefix(marker)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
    })
}

fn parse_document(file: &str, document: &Document<'_>) -> Vec<Result<FileObject, FileError>> {
    let value: Value = match serde_saphyr::from_str_with_options(document.text, yaml_options()) {
        Ok(value) => value,
        Err(error) => {
            let line = error.location().map_or(1, |location| location.line());
            let reason = without_position(&error.without_snippet().to_string());
            let error = ObjectError {
                kind: String::new(),
                namespace: String::new(),
                name: String::new(),
                path: String::new(),
                reason: format!("this is no valid YAML: {reason}"),
            };
            return vec![Err(FileError {
                file: file.to_owned(),
                line: document.before + line,
                error: Box::new(error),
            })];
        }
    };
    let lines = Lines::of(document.text);
    let line_of = |root: &str, path: &str| document.before + lines.line(&format!("{root}.{path}"));
    match value {
        Value::Null => Vec::new(),
        Value::Object(mut map) if map.get("kind").and_then(Value::as_str) == Some("List") => {
            let items = map.get_mut("items").map(Value::take);
            let items = items.and_then(|items| serde_json::from_value::<Vec<Value>>(items).ok());
            let each = items.unwrap_or_default().into_iter().enumerate();
            each.flat_map(|(index, item)| read(file, item, |path| line_of(&format!("items[{index}]"), path)))
                .collect()
        }
        value => read(file, value, |path| line_of("", path)),
    }
}

/// Reads one object; `line_of` knows the lines of its fields.
fn read(file: &str, value: Value, line_of: impl Fn(&str) -> u64) -> Vec<Result<FileObject, FileError>> {
    let fail = |error: ObjectError| {
        Err(FileError { file: file.to_owned(), line: line_of(&error.path), error: Box::new(error) })
    };
    let loaded = match Object::read(value) {
        Ok(loaded) => loaded,
        Err(error) => return vec![fail(error)],
    };
    let (errors, mut warnings): (Vec<_>, Vec<_>) =
        validate(&loaded.object).into_iter().partition(|error| error.severity == Severity::Error);
    if !errors.is_empty() {
        let meta = loaded.object.meta().cloned().unwrap_or_default();
        let name = |error: FieldError| ObjectError {
            kind: loaded.object.kind().to_owned(),
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            path: error.path,
            reason: error.message,
        };
        return errors.into_iter().map(|error| fail(name(error))).collect();
    }
    warnings.extend(loaded.unknown_fields.iter().map(|path| FieldError::unknown(path)));
    let warnings =
        warnings.into_iter().map(|error| FileWarning { line: line_of(&error.path), error }).collect();
    vec![Ok(FileObject { object: loaded.object, file: file.to_owned(), line: line_of("kind"), warnings })]
}

/// Budgets larger than the defaults: one file may hold a `List` of many thousand objects. Booleans as in YAML 1.2: a
/// header value `on` or a name `y` is a text, as whoever wrote it meant.
fn yaml_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_events: 50_000_000,
            max_nodes: 20_000_000,
            max_total_scalar_bytes: 256 * 1024 * 1024,
        },
    }
}

/// Cuts the position that the parser appends, which counts from the start of the document, not of the file.
fn without_position(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.split(" at line ").next().unwrap_or_default().to_owned()
}
