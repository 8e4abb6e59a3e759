//! What the processes take.

use crate::rules::alert::{Alert, critical, warning};

/// The alerts of this room.
pub(in crate::rules) const ALERTS: &[Alert] = &[
    Alert {
        name: "ClearwayCpuHigh",
        summary: "A process of Clearway uses most of the CPU that it may use.",
        description: "{{ $labels.instance }} of job {{ $labels.job }} in namespace {{ $labels.namespace }} uses {{ $value | \
                      humanizePercentage }} of its CPU: requests begin to wait.",
        dashboard: "clearway-resources",
        expr: "
            rate(process_cpu_seconds_total[<rateWindow>]) / clearway_process_cpu_limit_cores > <limit>",
        levels: &[
            critical(&[("limit", "cpuCritical")], "cpuCriticalFor"),
            warning(&[("limit", "cpuWarning")], "cpuWarningFor"),
        ],
    },
    Alert {
        name: "ClearwayMemoryGrowing",
        summary: "The memory of a process of Clearway grows and does not stop.",
        description: "The memory of {{ $labels.instance }} of job {{ $labels.job }} in namespace {{ $labels.namespace }} has grown by \
                      {{ $value | humanizePercentage }} within the window, and it is still growing.",
        dashboard: "clearway-resources",
        // Growth against the begin of the window; the place among its values tells growth from a plateau.
        expr: "
            (
              process_resident_memory_bytes / (process_resident_memory_bytes offset <memoryGrowthWindow>) - 1 > <limit>
              and process_resident_memory_bytes > quantile_over_time(0.9, process_resident_memory_bytes[<memoryGrowthWindow>])
            )
            and on (<Target>) clearway_build_info",
        levels: &[warning(&[("limit", "memoryGrowthWarning")], "memoryGrowthFor")],
    },
];
