//! Cases of the alerts on what the processes take: 79 and 81 % of the CPU, growth and plateau.

use super::Course::{At, Rise, Slope};
use super::{Case, firing};
use crate::rules::alert::Severity::{Critical, Warning};

const REPLICA: &[(&str, &str)] = &[("namespace", "gw"), ("job", "dp"), ("instance", "a:1")];

const CPU: &str = "process_cpu_seconds_total{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}";
const CORES: &str = "clearway_process_cpu_limit_cores{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}";
const MEMORY: &str = "process_resident_memory_bytes{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}";
const BUILD: &str = "clearway_build_info{namespace=\"gw\",job=\"dp\",instance=\"a:1\",version=\"1\"}";

pub(super) const CASES: &[Case] = &[
    Case {
        alert: "ClearwayCpuHigh",
        window: "rateWindow",
        series: &[(CPU, Rise(94.8), Rise(97.2)), (CORES, At(2.0), At(2.0))],
        quiet: &[],
        loud: &[firing(Warning, REPLICA, "81%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayCpuHigh",
        window: "rateWindow",
        series: &[(CPU, Rise(112.8), Rise(115.2)), (CORES, At(2.0), At(2.0))],
        quiet: &[firing(Warning, REPLICA, "94%")],
        loud: &[firing(Critical, REPLICA, "96%"), firing(Warning, REPLICA, "96%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayMemoryGrowing",
        window: "memoryGrowthWindow",
        series: &[(MEMORY, At(1e8), Slope(1e8, 4e5)), (BUILD, At(1.0), At(1.0))],
        quiet: &[],
        loud: &[firing(Warning, REPLICA, "37.62%")],
        gone: &[],
    },
    // It grew once, by half, and stays there.
    Case {
        alert: "ClearwayMemoryGrowing",
        window: "memoryGrowthWindow",
        series: &[(MEMORY, At(1e8), At(1.5e8)), (BUILD, At(1.0), At(1.0))],
        quiet: &[],
        loud: &[],
        gone: &[],
    },
];
