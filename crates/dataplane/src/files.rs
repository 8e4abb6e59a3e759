//! A folder of Gateway API objects: read whole, or not at all. One broken file refuses the reading, so that a typing
//! mistake never takes a route away.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clearway_k8s::{FileError, parse_documents};
use clearway_translate::{World, unusable_pem};

use crate::state::Fault;

/// A folder that was read.
#[derive(Debug, Default)]
pub struct Folder {
    /// Every object of it.
    pub world: World,
    /// Fields that have no effect: file, line and what is the matter.
    pub warnings: Vec<String>,
    /// What cannot be used: file, line, object, field and reason. With errors, the world is incomplete.
    pub errors: Vec<Fault>,
}

/// Reads every `.yaml`, `.yml` and `.json` file below a folder, in the order of their names. Hidden files are left out.
pub fn read(folder: &Path) -> Folder {
    let mut read = Folder::default();
    let mut files = Vec::new();
    list(folder, &mut files, &mut read.errors);
    files.sort();
    if files.is_empty() && read.errors.is_empty() {
        let message =
            format!("{}: no .yaml, .yml or .json file; put Gateway API objects there", folder.display());
        read.errors.push(Fault::of(folder.display().to_string(), message));
    }
    let mut origins = BTreeMap::new();
    for file in files {
        match std::fs::read_to_string(&file) {
            Ok(text) => take(&mut read, &mut origins, &shown(folder, &file), &text),
            // Editors and mounts replace files: one that is gone by now is seen gone by the next reading.
            Err(error) => {
                let name = shown(folder, &file);
                read.errors.push(Fault::of(name.clone(), format!("{name}: {error}")));
            }
        }
    }
    read
}

fn take(read: &mut Folder, origins: &mut BTreeMap<(String, String, String), String>, name: &str, text: &str) {
    for document in parse_documents(name, text) {
        let found = match document {
            Ok(found) => found,
            Err(error) => {
                read.errors.push(fault(&error));
                continue;
            }
        };
        for warning in &found.warnings {
            read.warnings.push(format!("{}:{}: {}", found.file, warning.line, warning.error));
        }
        if let Some(meta) = found.object.meta() {
            let key = (found.object.kind().to_owned(), meta.namespace.clone(), meta.name.clone());
            let here = format!("{}:{}", found.file, found.line);
            if let Some(there) = origins.insert(key.clone(), here.clone()) {
                let (kind, namespace, object) = key;
                let object = format!("{kind} {namespace}/{object}");
                let message = format!("{here}: {object} is also at {there}; keep one of them");
                read.errors.push(Fault::of(object, message));
            }
        }
        if let Some((field, reason)) = unusable_pem(&found.object) {
            let object = found.object.meta().map(|meta| format!("{}/{}", meta.namespace, meta.name));
            let object = format!("{} {}", found.object.kind(), object.unwrap_or_default());
            let message = format!("{}:{}: {object}, {field}: {reason}", found.file, found.line);
            read.errors.push(Fault { object, field: field.to_owned(), message });
        }
        read.world.insert(found.object);
    }
}

/// Names the object where it could be read so far, else the file.
fn fault(error: &FileError) -> Fault {
    let object = &error.error;
    let name = if object.kind.is_empty() {
        error.file.clone()
    } else {
        format!("{} {}/{}", object.kind, object.namespace, object.name)
    };
    Fault { object: name, field: object.path.clone(), message: error.to_string() }
}

fn list(folder: &Path, files: &mut Vec<PathBuf>, errors: &mut Vec<Fault>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("{}: {error}; name a folder that can be read", folder.display());
            errors.push(Fault::of(folder.display().to_string(), message));
            return;
        }
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            continue;
        }
        let kind = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            list(&path, files, errors);
        } else if matches!(kind, Some("yaml" | "yml" | "json")) {
            files.push(path);
        }
    }
}

/// A file as an operator knows it: by its place in the folder.
fn shown(folder: &Path, file: &Path) -> String {
    file.strip_prefix(folder).unwrap_or(file).display().to_string()
}
