//! Whether the planes are there, ready and connected.

use crate::rules::alert::{Alert, Level, Severity, critical, warning};

/// The alerts of this room.
pub(in crate::rules) const ALERTS: &[Alert] = &[
    Alert {
        name: "ClearwayDataPlaneAbsent",
        summary: "No data plane is left where there was one.",
        description: "Prometheus has seen no data plane in namespace '{{ $labels.namespace }}' for a while, though it had before: \
                      no traffic is served, or nobody scrapes it.",
        dashboard: "clearway-overview",
        // The second half has no labels: it is for a Prometheus that has seen none at all.
        expr: "
            (
              count by (cluster, namespace) (last_over_time(clearway_config_valid[<absentLookback>]))
              unless count by (cluster, namespace) (clearway_config_valid)
            )
            or on () absent_over_time(clearway_config_valid[<absentLookback>])",
        levels: &[critical(&[], "absentFor")],
    },
    Alert {
        name: "ClearwayControlPlaneAbsent",
        summary: "Data planes run without a control plane.",
        description: "Namespace {{ $labels.namespace }} has data planes and no control plane that Prometheus can see: traffic goes on \
                      with the last configuration, changes are not served.",
        dashboard: "clearway-controlplane",
        expr: "
            count by (cluster, namespace) (clearway_dataplane_xds_connected)
            unless count by (cluster, namespace) (clearway_controlplane_readiness_layer)",
        levels: &[critical(&[], "absentFor")],
    },
    Alert {
        name: "ClearwayTargetDown",
        summary: "A process of Clearway cannot be scraped.",
        description: "Prometheus cannot scrape {{ $labels.instance }} of job {{ $labels.job }} in namespace {{ $labels.namespace }}, \
                      which was a process of Clearway not long ago.",
        dashboard: "clearway-overview",
        expr: "
            up == 0
            and on (<Target>) last_over_time(clearway_build_info[<absentLookback>])",
        levels: &[warning(&[], "targetDownFor")],
    },
    Alert {
        name: "ClearwayControlPlaneNotReady",
        summary: "The control plane is not ready, and its layer says why.",
        description: "Layer {{ $labels.layer }} of the control plane's readiness does not hold in namespace {{ $labels.namespace }}{{ with \
                      $labels.pod }}, pod {{ . }}{{ end }}: it serves no configuration to data planes that come.",
        dashboard: "clearway-controlplane",
        expr: "",
        levels: &[
            Level {
                severity: Severity::Critical,
                hold: "notReadyCriticalFor",
                fill: &[],
                labels: &[],
                expr: "
                    max by (cluster, namespace, layer) (clearway_controlplane_readiness_layer{layer!=\"all\"}) == 0",
            },
            Level {
                severity: Severity::Warning,
                hold: "notReadyWarningFor",
                fill: &[],
                labels: &[],
                expr: "clearway_controlplane_readiness_layer{layer!=\"all\"} == 0",
            },
        ],
    },
    Alert {
        name: "ClearwayDataPlaneNotReady",
        summary: "A data plane has no configuration to serve.",
        description: "Data plane {{ $labels.instance }} in namespace {{ $labels.namespace }} runs and has never had a configuration: \
                      it is not ready and takes no traffic.",
        dashboard: "clearway-configuration",
        expr: "clearway_config_valid unless clearway_config_version",
        levels: &[critical(&[], "notReadyCriticalFor")],
    },
    Alert {
        name: "ClearwayDataPlaneDisconnected",
        summary: "Data planes have no connection to a control plane.",
        description: "{{ with $labels.instance }}Data plane {{ . }}{{ else }}No data plane{{ end }} in namespace {{ $labels.namespace }} \
                      {{ with $labels.instance }}has no{{ else }}has a{{ end }} stream to a control plane: the last configuration is \
                      served, changes are not.",
        dashboard: "clearway-configuration",
        expr: "",
        levels: &[
            Level {
                severity: Severity::Critical,
                hold: "disconnectedCriticalFor",
                fill: &[],
                labels: &[],
                expr: "max by (cluster, namespace) (clearway_dataplane_xds_connected) == 0",
            },
            Level {
                severity: Severity::Warning,
                hold: "disconnectedWarningFor",
                fill: &[],
                labels: &[],
                expr: "clearway_dataplane_xds_connected == 0",
            },
        ],
    },
    Alert {
        name: "ClearwayLeaderMissing",
        summary: "There is not exactly one leader among the control planes.",
        description: "{{ $value }} replicas of the control plane in namespace {{ $labels.namespace }} lead: status and Services are \
                      written by nobody, or by two.",
        dashboard: "clearway-controlplane",
        expr: "sum by (cluster, namespace) (clearway_controlplane_lease_state{state=\"leading\"}) != 1",
        levels: &[warning(&[], "leaderMissingFor")],
    },
];
