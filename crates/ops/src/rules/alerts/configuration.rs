//! The way of a change from the API server to the traffic.

use crate::rules::alert::{Alert, Level, Severity, critical, warning};

/// The alerts of this room.
pub(in crate::rules) const ALERTS: &[Alert] = &[
    Alert {
        name: "ClearwayConfigPushFailing",
        summary: "The control plane cannot get a configuration to its data planes.",
        description: "Pushing the configuration fails in namespace {{ $labels.namespace }}{{ with $labels.fleet }}, fleet {{ . }}{{ end }}: \
                      a data plane refuses a version, a stream is refused, or a translation fails.",
        dashboard: "clearway-configuration",
        expr: "",
        levels: &[
            Level {
                severity: Severity::Critical,
                hold: "pushFailingCriticalFor",
                fill: &[],
                labels: &[],
                expr: "
                    sum by (cluster, namespace, fleet) (clearway_controlplane_dataplanes{state=\"refusing\"}) > 0",
            },
            Level {
                severity: Severity::Warning,
                hold: "eventFor",
                fill: &[],
                labels: &[],
                expr: "
                    sum by (cluster, namespace) (
                      increase(clearway_controlplane_nacks_total[<eventWindow>])
                      or increase(clearway_controlplane_stream_refusals_total{reason!=\"draining\"}[<eventWindow>])
                      or increase(clearway_controlplane_translations_total{outcome=\"failed\"}[<eventWindow>])
                    ) > 0",
            },
        ],
    },
    Alert {
        name: "ClearwayConfigStale",
        summary: "A data plane does not get the newest configuration.",
        description: "Data plane {{ $labels.dataplane }} of fleet {{ $labels.fleet }} in namespace {{ $labels.namespace }} has not had the \
                      newest configuration for {{ $value | humanizeDuration }}.",
        dashboard: "clearway-configuration",
        expr: "
            min by (cluster, namespace, fleet, dataplane) (clearway_controlplane_dataplane_lag_seconds) > <limit>",
        levels: &[
            critical(&[("limit", "staleCritical")], "staleFor"),
            warning(&[("limit", "staleWarning")], "staleFor"),
        ],
    },
    Alert {
        name: "ClearwayConfigDiverged",
        summary: "Replicas serve different versions of the configuration.",
        description: "The data planes of job {{ $labels.job }} in namespace {{ $labels.namespace }} serve {{ $value }} versions of the configuration: the answer depends on \
                      the replica that a client happens to reach.",
        dashboard: "clearway-configuration",
        expr: "
            count by (cluster, namespace, job) (
              count_values by (cluster, namespace, job) (
                \"version\", clearway_config_version and on (<Target>) clearway_dataplane_xds_connected
              )
            ) > 1",
        levels: &[warning(&[], "divergedFor")],
    },
    Alert {
        name: "ClearwayConfigRefused",
        summary: "An old configuration is served because the newest was refused.",
        description: "{{ $labels.instance }} in namespace {{ $labels.namespace }} refuses the newest configuration and serves the one before.",
        dashboard: "clearway-configuration",
        expr: "
            clearway_config_valid == 0
            and clearway_config_version",
        levels: &[critical(&[], "refusedFor")],
    },
    Alert {
        name: "ClearwayConfigProblems",
        summary: "Objects of the configuration cannot be served as written.",
        description: "{{ $value }} problems in the configuration of namespace {{ $labels.namespace }}: routes or Gateways are refused, and \
                      what they ask for is not served.",
        dashboard: "clearway-configuration",
        expr: "max by (cluster, namespace) (clearway_config_problems{severity=\"error\"}) > 0",
        levels: &[warning(&[], "problemsFor")],
    },
    Alert {
        name: "ClearwayPropagationSlow",
        summary: "Changes take long until data planes serve them.",
        description: "One in a hundred changes in namespace {{ $labels.namespace }} takes longer than {{ $value | humanizeDuration }} until a \
                      data plane serves it.",
        dashboard: "clearway-configuration",
        expr: "
            histogram_quantile(0.99, sum by (le, cluster, namespace) (
              rate(clearway_config_stage_duration_seconds_bucket{stage=\"served\"}[<eventWindow>])
            )) > <limit>",
        levels: &[
            critical(&[("limit", "propagationCritical")], "propagationFor"),
            warning(&[("limit", "propagationWarning")], "propagationFor"),
        ],
    },
    Alert {
        name: "ClearwayWatchStalled",
        summary: "The control plane does not hear of changes of a kind.",
        description: "The watch of {{ $labels.kind }} in namespace {{ $labels.namespace }} {{ with $labels.reason }}fails again and again \
                      ({{ . }}){{ else }}is not in step with the API server{{ end }}: changes of this kind are not served.",
        dashboard: "clearway-controlplane",
        expr: "",
        levels: &[
            Level {
                severity: Severity::Critical,
                hold: "watchStalledCriticalFor",
                fill: &[],
                labels: &[],
                expr: "min by (cluster, namespace, kind) (clearway_controlplane_cache_synced) == 0",
            },
            Level {
                severity: Severity::Warning,
                hold: "watchErrorsFor",
                fill: &[],
                labels: &[],
                expr: "
                    sum by (cluster, namespace, kind, reason) (
                      increase(clearway_controlplane_watch_errors_total[<eventWindow>])
                    ) > <watchErrorsWarning>",
            },
        ],
    },
    Alert {
        name: "ClearwayStatusDropping",
        summary: "The control plane does not keep up with writing status.",
        description: "Writes of status are given up in namespace {{ $labels.namespace }}{{ with $labels.reason }} ({{ . }}){{ end }}, or their \
                      queue is nearly full: objects show a status that is old.",
        dashboard: "clearway-controlplane",
        expr: "",
        levels: &[
            Level {
                severity: Severity::Critical,
                hold: "statusQueueFor",
                fill: &[],
                labels: &[],
                expr: "
                    clearway_controlplane_status_queue_objects / clearway_controlplane_status_queue_capacity_objects
                    > <statusQueueRatioCritical>",
            },
            Level {
                severity: Severity::Warning,
                hold: "eventFor",
                fill: &[],
                labels: &[],
                expr: "
                    sum by (cluster, namespace, reason) (
                      increase(clearway_controlplane_status_dropped_total{reason=\"queue_full\"}[<eventWindow>])
                    ) > 0",
            },
        ],
    },
    Alert {
        name: "ClearwayGatewayNotProgrammed",
        summary: "A Gateway is not accepted or not programmed.",
        description: "Gateway {{ $labels.gateway_namespace }}/{{ $labels.gateway_name }} has {{ $labels.condition }}={{ $labels.status }} \
                      because of {{ $labels.reason }}: it takes no traffic, or not all of it.",
        dashboard: "clearway-configuration",
        expr: "
            max by (cluster, namespace, gateway_namespace, gateway_name, condition, status, reason) (
              clearway_controlplane_gateway_condition{condition=~\"Accepted|Programmed\", status!=\"True\"}
            ) == 1",
        levels: &[warning(&[], "notProgrammedFor")],
    },
    Alert {
        name: "ClearwayClockSkew",
        summary: "The clock of a process is not that of Prometheus.",
        description: "The clock of {{ $labels.instance }} in namespace {{ $labels.namespace }} is {{ $value | humanizeDuration }} away from \
                      that of Prometheus: timestamps of logs and traces mislead, certificates seem valid or not.",
        dashboard: "clearway-resources",
        expr: "
            abs(clearway_clock_timestamp_seconds - timestamp(clearway_clock_timestamp_seconds)) > <limit>",
        levels: &[warning(&[("limit", "clockSkewWarning")], "clockSkewFor")],
    },
];
