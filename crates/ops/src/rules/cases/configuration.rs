//! Cases of the alerts on the way of a change.

use super::Course::{At, Clock, Gone, Rise};
use super::{Case, firing};
use crate::rules::alert::Severity::{Critical, Warning};

const NAMESPACE: &[(&str, &str)] = &[("namespace", "gw")];
const REPLICA: &[(&str, &str)] = &[("namespace", "gw"), ("job", "dp"), ("instance", "a:1")];
const FLEET: &[(&str, &str)] = &[("namespace", "gw"), ("fleet", "gw-dataplane")];
const MEMBER: &[(&str, &str)] = &[("namespace", "gw"), ("fleet", "gw-dataplane"), ("dataplane", "dp-a")];

const NACKS: &str =
    "clearway_controlplane_nacks_total{namespace=\"gw\",fleet=\"gw-dataplane\",resource_type=\"Rule\"}";
const REFUSALS: &str = "clearway_controlplane_stream_refusals_total{namespace=\"gw\",reason=\"tls\"}";
const DRAINING: &str = "clearway_controlplane_stream_refusals_total{namespace=\"gw\",reason=\"draining\"}";
const FAILED: &str = "clearway_controlplane_translations_total{namespace=\"gw\",outcome=\"failed\"}";
const REFUSING: &str =
    "clearway_controlplane_dataplanes{namespace=\"gw\",fleet=\"gw-dataplane\",state=\"refusing\"}";
const LAG: &str =
    "clearway_controlplane_dataplane_lag_seconds{namespace=\"gw\",fleet=\"gw-dataplane\",dataplane=\"dp-a\"}";
const VERSION_A: &str = "clearway_config_version{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}";
const VERSION_B: &str = "clearway_config_version{namespace=\"gw\",job=\"dp\",instance=\"b:1\"}";
const XDS_A: &str = "clearway_dataplane_xds_connected{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}";
const XDS_B: &str = "clearway_dataplane_xds_connected{namespace=\"gw\",job=\"dp\",instance=\"b:1\"}";
const VALID: &str = "clearway_config_valid{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}";
const PROBLEMS: &str =
    "clearway_config_problems{namespace=\"gw\",job=\"cp\",instance=\"c:1\",severity=\"error\"}";
const WARNINGS: &str =
    "clearway_config_problems{namespace=\"gw\",job=\"cp\",instance=\"c:1\",severity=\"warning\"}";
const SERVED_1: &str =
    "clearway_config_stage_duration_seconds_bucket{namespace=\"gw\",stage=\"served\",le=\"1.0\"}";
const SERVED_5: &str =
    "clearway_config_stage_duration_seconds_bucket{namespace=\"gw\",stage=\"served\",le=\"5.0\"}";
const SERVED_10: &str =
    "clearway_config_stage_duration_seconds_bucket{namespace=\"gw\",stage=\"served\",le=\"10.0\"}";
const SERVED_30: &str =
    "clearway_config_stage_duration_seconds_bucket{namespace=\"gw\",stage=\"served\",le=\"30.0\"}";
const SERVED_INF: &str =
    "clearway_config_stage_duration_seconds_bucket{namespace=\"gw\",stage=\"served\",le=\"+Inf\"}";
const SYNCED: &str = "clearway_controlplane_cache_synced{namespace=\"gw\",kind=\"HTTPRoute\"}";
const WATCH_ERRORS: &str =
    "clearway_controlplane_watch_errors_total{namespace=\"gw\",kind=\"HTTPRoute\",reason=\"forbidden\"}";
const QUEUE: &str =
    "clearway_controlplane_status_queue_objects{namespace=\"gw\",job=\"cp\",instance=\"c:1\"}";
const CAPACITY: &str =
    "clearway_controlplane_status_queue_capacity_objects{namespace=\"gw\",job=\"cp\",instance=\"c:1\"}";
const DROPPED: &str = "clearway_controlplane_status_dropped_total{namespace=\"gw\",reason=\"queue_full\"}";
const SUPERSEDED: &str = "clearway_controlplane_status_dropped_total{namespace=\"gw\",reason=\"gone\"}";
const CONDITION: &str = "clearway_controlplane_gateway_condition{namespace=\"gw\",gateway_namespace=\"infra\",\
                         gateway_name=\"edge\",condition=\"Programmed\",status=\"False\",reason=\"AddressNotAssigned\"}";
const CLOCK: &str = "clearway_clock_timestamp_seconds{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}";

pub(super) const CASES: &[Case] = &[
    Case {
        alert: "ClearwayConfigPushFailing",
        window: "eventWindow",
        series: &[
            (NACKS, At(3.0), Rise(1.0)),
            (DRAINING, Rise(1.0), Rise(1.0)),
            (REFUSING, At(0.0), At(0.0)),
        ],
        quiet: &[],
        loud: &[firing(Warning, NAMESPACE, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayConfigPushFailing",
        window: "eventWindow",
        series: &[(REFUSALS, At(0.0), Rise(1.0)), (FAILED, At(0.0), Rise(1.0))],
        quiet: &[],
        loud: &[firing(Warning, NAMESPACE, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayConfigPushFailing",
        window: "eventWindow",
        series: &[(REFUSING, At(0.0), At(1.0))],
        quiet: &[],
        loud: &[firing(Critical, FLEET, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayConfigStale",
        window: "",
        series: &[(LAG, At(60.0), At(61.0))],
        quiet: &[],
        loud: &[firing(Warning, MEMBER, "1m 1s")],
        gone: &[],
    },
    Case {
        alert: "ClearwayConfigStale",
        window: "",
        series: &[(LAG, At(300.0), At(301.0))],
        quiet: &[firing(Warning, MEMBER, "5m 0s")],
        loud: &[firing(Critical, MEMBER, "5m 1s"), firing(Warning, MEMBER, "5m 1s")],
        gone: &[],
    },
    Case {
        alert: "ClearwayConfigDiverged",
        window: "",
        series: &[
            (VERSION_A, At(1.0), At(1.0)),
            (VERSION_B, At(1.0), At(2.0)),
            (XDS_A, At(1.0), At(1.0)),
            (XDS_B, At(1.0), At(1.0)),
        ],
        quiet: &[],
        loud: &[firing(Warning, &[("namespace", "gw"), ("job", "dp")], "2")],
        gone: &[],
    },
    Case {
        alert: "ClearwayConfigRefused",
        window: "",
        series: &[(VALID, At(1.0), At(0.0)), (VERSION_A, At(1.0), At(1.0))],
        quiet: &[],
        loud: &[firing(Critical, REPLICA, "")],
        gone: &[],
    },
    // It has never had one: that is another alert.
    Case {
        alert: "ClearwayConfigRefused",
        window: "",
        series: &[(VALID, At(0.0), At(0.0)), (VERSION_A, Gone, Gone)],
        quiet: &[],
        loud: &[],
        gone: &[],
    },
    Case {
        alert: "ClearwayConfigProblems",
        window: "",
        series: &[(PROBLEMS, At(0.0), At(3.0)), (WARNINGS, At(9.0), At(9.0))],
        quiet: &[],
        loud: &[firing(Warning, NAMESPACE, "3")],
        gone: &[],
    },
    Case {
        alert: "ClearwayPropagationSlow",
        window: "eventWindow",
        series: &[
            (SERVED_1, At(0.0), At(0.0)),
            (SERVED_5, Rise(6.0), At(0.0)),
            (SERVED_10, Rise(6.0), Rise(6.0)),
            (SERVED_INF, Rise(6.0), Rise(6.0)),
        ],
        quiet: &[],
        loud: &[firing(Warning, NAMESPACE, "9.95s")],
        gone: &[],
    },
    Case {
        alert: "ClearwayPropagationSlow",
        window: "eventWindow",
        series: &[
            (SERVED_5, At(0.0), At(0.0)),
            (SERVED_10, Rise(6.0), At(0.0)),
            (SERVED_30, Rise(6.0), Rise(6.0)),
            (SERVED_INF, Rise(6.0), Rise(6.0)),
        ],
        quiet: &[firing(Warning, NAMESPACE, "9.95s")],
        loud: &[firing(Critical, NAMESPACE, "29.8s"), firing(Warning, NAMESPACE, "29.8s")],
        gone: &[],
    },
    Case {
        alert: "ClearwayWatchStalled",
        window: "eventWindow",
        series: &[(SYNCED, At(1.0), At(1.0)), (WATCH_ERRORS, Rise(0.5), Rise(0.6))],
        quiet: &[],
        loud: &[firing(Warning, &[("namespace", "gw"), ("kind", "HTTPRoute"), ("reason", "forbidden")], "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayWatchStalled",
        window: "eventWindow",
        series: &[(SYNCED, At(1.0), At(0.0))],
        quiet: &[],
        loud: &[firing(Critical, &[("namespace", "gw"), ("kind", "HTTPRoute")], "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayStatusDropping",
        window: "eventWindow",
        series: &[(DROPPED, At(0.0), Rise(1.0)), (SUPERSEDED, Rise(5.0), Rise(5.0))],
        quiet: &[],
        loud: &[firing(Warning, &[("namespace", "gw"), ("reason", "queue_full")], "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayStatusDropping",
        window: "eventWindow",
        series: &[(QUEUE, At(900.0), At(901.0)), (CAPACITY, At(1000.0), At(1000.0))],
        quiet: &[],
        loud: &[firing(Critical, &[("namespace", "gw"), ("job", "cp"), ("instance", "c:1")], "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayGatewayNotProgrammed",
        window: "",
        series: &[(CONDITION, Gone, At(1.0))],
        quiet: &[],
        loud: &[firing(
            Warning,
            &[
                ("namespace", "gw"),
                ("gateway_namespace", "infra"),
                ("gateway_name", "edge"),
                ("condition", "Programmed"),
                ("status", "False"),
                ("reason", "AddressNotAssigned"),
            ],
            "",
        )],
        gone: &[],
    },
    Case {
        alert: "ClearwayClockSkew",
        window: "",
        series: &[(CLOCK, Clock(30.0), Clock(31.0))],
        quiet: &[],
        loud: &[firing(Warning, REPLICA, "31s")],
        gone: &[],
    },
    Case {
        alert: "ClearwayClockSkew",
        window: "",
        series: &[(CLOCK, Clock(-30.0), Clock(-31.0))],
        quiet: &[],
        loud: &[firing(Warning, REPLICA, "31s")],
        gone: &[],
    },
];
