//! The settings file: flags from a file, below the command line and the environment.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::CommandFactory;
use serde_json::Value;

use super::Cli;

/// A settings file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// It cannot be read.
    #[error("settings file {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// It is no YAML map.
    #[error("settings file {}: {reason}; write one `flag-name: value` a line", path.display())]
    Form { path: PathBuf, reason: String },
    /// A key is no flag.
    #[error("settings file {}: `{key}` is no setting of `clearway {command}`; see `clearway {command} --help`", path.display())]
    Unknown { path: PathBuf, command: String, key: String },
}

/// The command line with the settings file's flags put in where neither the line nor the environment has them.
pub(crate) fn expand(
    args: Vec<OsString>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<OsString>, SettingsError> {
    let Some(path) = settings_path(&args, &env) else { return Ok(args) };
    let text = std::fs::read_to_string(&path)
        .map_err(|source| SettingsError::Read { path: path.clone(), source })?;
    let form = |reason: String| SettingsError::Form { path: path.clone(), reason };
    let value: Value = serde_saphyr::from_str(&text).map_err(|error| form(error.to_string()))?;
    let Value::Object(map) = value else { return Err(form("not a map".into())) };
    let mut command = Cli::command();
    command.build();
    let name = args.get(1).and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let run = command.find_subcommand(&name);
    let mut expanded = args;
    for (key, value) in map {
        let known =
            run.is_some_and(|run| run.get_arguments().any(|arg| arg.get_long() == Some(key.as_str())));
        if !known || key == "settings" {
            return Err(SettingsError::Unknown { path: path.clone(), command: name, key });
        }
        let flag = format!("--{key}");
        let variable = format!("CLEARWAY_{}", key.to_uppercase().replace('-', "_"));
        let given = expanded.iter().any(|arg| {
            arg.to_str()
                .is_some_and(|arg| arg == flag || arg.strip_prefix(&flag).is_some_and(|r| r.starts_with('=')))
        });
        if given || env(&variable).is_some() {
            continue;
        }
        // YAML 1.1 reads a bare `on` or `off` as a truth; flags that take a value want the word back.
        let takes_value = run
            .and_then(|run| run.get_arguments().find(|arg| arg.get_long() == Some(key.as_str())))
            .is_some_and(|arg| arg.get_action().takes_values());
        if let (Value::Bool(on), true) = (&value, takes_value) {
            expanded.push(format!("{flag}={}", if *on { "on" } else { "off" }).into());
        } else if let Some(text) = text_of(&value).map_err(|reason| form(format!("`{key}` {reason}")))? {
            expanded.push(format!("{flag}={text}").into());
        } else if value == Value::Bool(true) {
            expanded.push(flag.into());
        }
    }
    Ok(expanded)
}

/// The value as it stands on a command line; `None` for a flag without one.
fn text_of(value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::String(text) => Ok(Some(text.clone())),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(_) | Value::Null => Ok(None),
        Value::Array(items) => {
            let texts: Result<Vec<_>, _> = items.iter().map(text_of).collect();
            Ok(Some(texts?.into_iter().flatten().collect::<Vec<_>>().join(",")))
        }
        Value::Object(_) => Err("is a map; it must be a text, a number, true, false or a list".into()),
    }
}

fn settings_path(args: &[OsString], env: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // Commands that run for long have settings.
    if args
        .get(1)
        .is_none_or(|command| !["run", "controlplane", "dataplane"].iter().any(|long| command == long))
    {
        return None;
    }
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--settings" {
            return rest.next().map(PathBuf::from);
        }
        if let Some(path) = arg.to_str().and_then(|arg| arg.strip_prefix("--settings=")) {
            return Some(path.into());
        }
    }
    env("CLEARWAY_SETTINGS").map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn expanded(file: &str, line: &[&str], variable: Option<&str>) -> Result<Vec<OsString>, SettingsError> {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("settings.yaml");
        std::fs::write(&path, file).expect("write");
        let mut args: Vec<OsString> = ["clearway", "run"].map(OsString::from).to_vec();
        args.extend(line.iter().map(OsString::from));
        args.push(format!("--settings={}", path.display()).into());
        expand(args, |name| (Some(name) == variable).then(|| "set".into()))
    }

    #[test]
    fn the_file_fills_in_what_line_and_environment_leave_open() {
        let file =
            "config: /etc/x\nworkers: 3\nidle-timeout: 5s\ndemo: true\nlog-request-headers: [x-a, x-b]\n";
        let args = expanded(file, &["--workers", "7"], Some("CLEARWAY_IDLE_TIMEOUT")).expect("expands");
        let text: Vec<_> = args.iter().filter_map(|arg| arg.to_str()).collect();
        assert!(
            text.contains(&"--config=/etc/x") && text.contains(&"--log-request-headers=x-a,x-b"),
            "{text:?}"
        );
        assert!(
            text.contains(&"--demo") && !text.iter().any(|arg| arg.starts_with("--idle-timeout")),
            "{text:?}"
        );
        assert!(!text.contains(&"--workers=3"), "{text:?}");
        Cli::try_parse_from(args).expect("parses");
    }

    #[test]
    fn unknown_keys_and_maps_are_named() {
        let error = expanded("wrokers: 3\n", &[], None).expect_err("unknown").to_string();
        assert!(error.contains("`wrokers` is no setting"), "{error}");
        let error = expanded("workers: {a: 1}\n", &[], None).expect_err("map").to_string();
        assert!(error.contains("`workers` is a map"), "{error}");
    }
}
