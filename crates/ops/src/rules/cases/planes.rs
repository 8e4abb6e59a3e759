//! Cases of the alerts on the planes themselves.

use super::Course::{At, Gone};
use super::{Case, firing};
use crate::rules::alert::Severity::{Critical, Warning};

const NAMESPACE: &[(&str, &str)] = &[("namespace", "gw")];
const REPLICA: &[(&str, &str)] = &[("namespace", "gw"), ("job", "dp"), ("instance", "a:1")];
const LAYER: &[(&str, &str)] = &[("namespace", "gw"), ("layer", "synced")];
const POD_LAYER: &[(&str, &str)] = &[("namespace", "gw"), ("pod", "cp-a"), ("layer", "synced")];

pub(super) const CASES: &[Case] = &[
    Case {
        alert: "ClearwayDataPlaneAbsent",
        window: "",
        series: &[("clearway_config_valid{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}", At(1.0), Gone)],
        quiet: &[],
        loud: &[firing(Critical, NAMESPACE, "")],
        // Never seen at all: there is no namespace to name.
        gone: &[firing(Critical, &[], "")],
    },
    Case {
        alert: "ClearwayControlPlaneAbsent",
        window: "",
        series: &[
            ("clearway_dataplane_xds_connected{namespace=\"gw\",instance=\"a:1\"}", At(1.0), At(0.0)),
            ("clearway_controlplane_readiness_layer{namespace=\"gw\",layer=\"all\"}", At(1.0), Gone),
        ],
        quiet: &[],
        loud: &[firing(Critical, NAMESPACE, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayTargetDown",
        window: "",
        series: &[
            ("up{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}", At(1.0), At(0.0)),
            (
                "clearway_build_info{namespace=\"gw\",job=\"dp\",instance=\"a:1\",version=\"1\"}",
                At(1.0),
                Gone,
            ),
            // Another program's target is not ours to tell of.
            ("up{namespace=\"gw\",job=\"other\",instance=\"c:1\"}", At(0.0), At(0.0)),
        ],
        quiet: &[],
        loud: &[firing(Warning, REPLICA, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayControlPlaneNotReady",
        window: "",
        series: &[
            (
                "clearway_controlplane_readiness_layer{namespace=\"gw\",pod=\"cp-a\",layer=\"synced\"}",
                At(1.0),
                At(0.0),
            ),
            (
                "clearway_controlplane_readiness_layer{namespace=\"gw\",pod=\"cp-b\",layer=\"synced\"}",
                At(1.0),
                At(1.0),
            ),
        ],
        quiet: &[],
        loud: &[firing(Warning, POD_LAYER, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayControlPlaneNotReady",
        window: "",
        series: &[
            (
                "clearway_controlplane_readiness_layer{namespace=\"gw\",pod=\"cp-a\",layer=\"synced\"}",
                At(1.0),
                At(0.0),
            ),
            (
                "clearway_controlplane_readiness_layer{namespace=\"gw\",pod=\"cp-a\",layer=\"all\"}",
                At(1.0),
                At(0.0),
            ),
        ],
        quiet: &[],
        loud: &[firing(Critical, LAYER, ""), firing(Warning, POD_LAYER, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayDataPlaneNotReady",
        window: "",
        series: &[
            ("clearway_config_valid{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}", At(1.0), At(0.0)),
            ("clearway_config_version{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}", At(42.0), Gone),
        ],
        quiet: &[],
        loud: &[firing(Critical, REPLICA, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayDataPlaneDisconnected",
        window: "",
        series: &[
            (
                "clearway_dataplane_xds_connected{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}",
                At(1.0),
                At(0.0),
            ),
            (
                "clearway_dataplane_xds_connected{namespace=\"gw\",job=\"dp\",instance=\"b:1\"}",
                At(1.0),
                At(1.0),
            ),
        ],
        quiet: &[],
        loud: &[firing(Warning, REPLICA, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayDataPlaneDisconnected",
        window: "",
        series: &[(
            "clearway_dataplane_xds_connected{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}",
            At(1.0),
            At(0.0),
        )],
        quiet: &[],
        loud: &[firing(Critical, NAMESPACE, ""), firing(Warning, REPLICA, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayLeaderMissing",
        window: "",
        series: &[
            (
                "clearway_controlplane_lease_state{namespace=\"gw\",pod=\"cp-a\",state=\"leading\"}",
                At(1.0),
                At(0.0),
            ),
            (
                "clearway_controlplane_lease_state{namespace=\"gw\",pod=\"cp-b\",state=\"leading\"}",
                At(0.0),
                At(0.0),
            ),
        ],
        quiet: &[],
        loud: &[firing(Warning, NAMESPACE, "0")],
        gone: &[],
    },
    Case {
        alert: "ClearwayLeaderMissing",
        window: "",
        series: &[
            (
                "clearway_controlplane_lease_state{namespace=\"gw\",pod=\"cp-a\",state=\"leading\"}",
                At(1.0),
                At(1.0),
            ),
            (
                "clearway_controlplane_lease_state{namespace=\"gw\",pod=\"cp-b\",state=\"leading\"}",
                At(0.0),
                At(1.0),
            ),
        ],
        quiet: &[],
        loud: &[firing(Warning, NAMESPACE, "2")],
        gone: &[],
    },
];
