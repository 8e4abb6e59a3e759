//! `cargo xtask`: checks that the compiler does not make, and files that are generated from the code.
//!
//! People and `make check` call it. What always holds: `check` changes nothing and names every fault with its file,
//! line and remedy; `gen` writes only the files of its list, the same bytes from the same code.

mod check;
mod generate;
mod ops;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <command>

Commands
  check          sizes of files, first lines, ranks of crates, forbidden words, JSON and YAML
  gen            write what is generated from the code: docs/metrics.md, docs/catalog.json, what operators take
  rules          print the rules with other thresholds: --thresholds FILE, --set NAME=VALUE; --out FOLDER writes files
  ops            check what operators take with them: rules, dashboards, pages, and all PromQL in them
  gen --check    write nothing; fail when one of these files is not what gen would write

Options
  -h, --help     this text

Examples
  cargo xtask check
  cargo xtask gen && git diff --stat docs
  cargo xtask gen --check
  cargo xtask rules --set cpuWarning=0.5 --set cpuWarningFor=30s --out /tmp/rules

Exit code: 0 when all is well, 1 when something was found, 2 when the command line is wrong.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        [] | ["-h" | "--help" | "help"] | [_, "-h" | "--help"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        ["check"] => tree::Tree::open().and_then(|tree| check::run(&tree)),
        ["gen"] => tree::Tree::open().and_then(|tree| generate::write(&tree)),
        ["gen", "--check"] => tree::Tree::open().and_then(|tree| generate::check(&tree)),
        ["rules", options @ ..] => ops::rules(options),
        ["ops"] => tree::Tree::open().and_then(|tree| ops::check(&tree)),
        _ => {
            eprint!("xtask: there is no command '{}'\n\n{USAGE}", words.join(" "));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
