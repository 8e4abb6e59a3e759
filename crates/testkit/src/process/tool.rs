//! Where the real programs are that tests run besides Clearway: `tests/tools/install` keeps them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The path of `promtool`, `prometheus`, `otelcol`, `grpcurl`, `h2load`, `curl` and whatever else `tests/tools/install` names.
///
/// `CLEARWAY_<NAME>` (upper case, `_` for `-`) wins over the installed one. Panics with the command to run when the tool is
/// missing: a test that cannot run fails.
pub fn tool(name: &str) -> PathBuf {
    let variable = format!("CLEARWAY_{}", name.to_uppercase().replace('-', "_"));
    if let Some(path) = std::env::var_os(&variable).map(PathBuf::from) {
        assert!(path.is_file(), "{variable} is {}, and there is no such file", path.display());
        return path;
    }
    let install = repository().join("tests/tools/install");
    let output = Command::new(&install).args(["--print-path", name]).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {}: {error}", install.display()));
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    assert!(
        output.status.success() && path.is_file(),
        "{}Run `tests/tools/install {name}` (or set {variable} to a binary) and start the test again.",
        String::from_utf8_lossy(&output.stderr)
    );
    path
}
