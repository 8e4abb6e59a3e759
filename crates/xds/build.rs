//! Writes the Rust of `proto/` into the build's own folder, without protoc: nothing generated is checked in, so nothing
//! can differ from its source.

use std::error::Error;
use std::path::Path;

const SERVICES: &str = "envoy/service/discovery/v3/discovery.proto";
const RESOURCES: [&str; 4] = ["listener", "rule", "backend", "manifest"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=build.rs");
    let resources = RESOURCES.map(|name| format!("clearway/config/v1/{name}.proto"));
    let files = resources.iter().map(String::as_str).chain([SERVICES]);
    let descriptors = protox::compile(files, [Path::new("proto")])?;
    let mut config = prost_build::Config::new();
    // Payloads are shared between streams and never copied on the way: Bytes in place of Vec<u8>, in Any as well.
    // These two carry private keys: their Debug is written by hand (src/wire.rs) and shows none.
    config.skip_debug(["clearway.config.v1.Certificate", "google.protobuf.Any"]);
    config.compile_well_known_types().bytes(["."]).btree_map(["."]).include_file("xds.rs");
    tonic_prost_build::configure().build_transport(false).compile_fds_with_config(descriptors, config)?;
    Ok(())
}
