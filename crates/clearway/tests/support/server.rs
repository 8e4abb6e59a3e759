//! A real Prometheus that scrapes what it is told, and its API.
//!
//! Always holds: it is ready when [`Prometheus::start`] returns, and ends with the value.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::net::SocketAddr;

use clearway_testkit::process::{Process, Program, ReservedPort, TempDir, tool};
use clearway_testkit::wait::DEADLINE;
use serde_json::Value;

use super::pipe::Pipe;

/// A running Prometheus.
pub(crate) struct Prometheus {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) files: TempDir,
}

impl Prometheus {
    /// With this configuration file; exemplars are kept.
    pub(crate) fn start(config: &str) -> Self {
        let (port, files) = (ReservedPort::new(), TempDir::new("prometheus"));
        let path = files.join("prometheus.yml");
        std::fs::write(&path, config).expect("prometheus.yml");
        let program = Program::new(tool("prometheus"))
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", files.join("data").display()))
            .arg(format!("--web.listen-address={}", port.address()))
            .arg("--enable-feature=exemplar-storage");
        let mut process = program.start();
        process.wait_http_ok(port.address(), "/-/ready", DEADLINE);
        Self { process, address: port.address(), files }
    }

    /// The whole answer of the API to a GET with these parameters; what is refused says `error` in it.
    pub(crate) fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let pairs: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
        let target = format!("/api/v1/{path}?{}", pairs.join("&"));
        let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let mut answer = Value::Null;
        let done = Pipe::connect(self.address).exchange(request.as_bytes(), 1, |_, _, body| {
            answer = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{path}: {error}"));
        });
        done.unwrap_or_else(|error| panic!("{path}: {error}"));
        answer
    }

    /// `data` of an answer that is no error.
    pub(crate) fn data(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let mut answer = self.ask(path, parameters);
        if answer["status"] == "success" {
            Ok(answer["data"].take())
        } else {
            Err(answer["error"].to_string())
        }
    }
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
