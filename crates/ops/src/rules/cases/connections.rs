//! Cases of the alerts on connections, TLS and certificates.

use super::Course::{At, Rise};
use super::{Case, firing};
use crate::rules::alert::Severity::{Critical, Warning};

macro_rules! of_socket {
    ($metric:literal, $labels:literal) => {
        concat!(
            $metric,
            "{namespace=\"gw\",job=\"dp\",instance=\"a:1\",gateway_namespace=\"infra\",gateway_name=\"edge\",",
            "listener=\"https\",port=\"443\",",
            $labels,
            "}"
        )
    };
}

const REPLICA: &[(&str, &str)] = &[("namespace", "gw"), ("job", "dp"), ("instance", "a:1")];
const SOCKET: &[(&str, &str)] = &[
    ("namespace", "gw"),
    ("gateway_namespace", "infra"),
    ("gateway_name", "edge"),
    ("listener", "https"),
    ("port", "443"),
];
const SECRET: &[(&str, &str)] =
    &[("namespace", "gw"), ("certificate_namespace", "infra"), ("certificate_name", "edge-tls")];

const OPEN: &str = of_socket!("clearway_downstream_connections", "");
const LIMIT: &str = "clearway_downstream_connections_limit{namespace=\"gw\",job=\"dp\",instance=\"a:1\"}";
const REFUSED: &str =
    of_socket!("clearway_downstream_connections_closed_total", "reason=\"connection_limit\"");
const DONE: &str = of_socket!("clearway_downstream_connections_closed_total", "reason=\"done\"");
const SHAKEN: &str = of_socket!("clearway_tls_handshakes_total", "outcome=\"tls13\"");
const FAILED: &str = of_socket!("clearway_tls_handshakes_total", "outcome=\"failed\"");
const NO_NAME: &str = of_socket!("clearway_tls_handshakes_total", "outcome=\"unknown_server_name\"");
const EXPIRY: &str = "clearway_certificate_expiry_timestamp_seconds{namespace=\"gw\",instance=\"a:1\",\
                      certificate_namespace=\"infra\",certificate_name=\"edge-tls\"}";

pub(super) const CASES: &[Case] = &[
    Case {
        alert: "ClearwayConnectionLimitNear",
        window: "eventWindow",
        series: &[
            (OPEN, At(800.0), At(801.0)),
            (LIMIT, At(1000.0), At(1000.0)),
            (DONE, Rise(60.0), Rise(60.0)),
        ],
        quiet: &[],
        loud: &[firing(Warning, REPLICA, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayConnectionLimitNear",
        window: "eventWindow",
        series: &[
            (OPEN, At(500.0), At(500.0)),
            (LIMIT, At(1000.0), At(1000.0)),
            (REFUSED, At(0.0), Rise(1.0)),
        ],
        quiet: &[],
        loud: &[firing(Critical, REPLICA, "")],
        gone: &[],
    },
    Case {
        alert: "ClearwayTlsHandshakesFailing",
        window: "rateWindow",
        series: &[
            (SHAKEN, Rise(901.0), Rise(899.0)),
            (FAILED, Rise(50.0), Rise(51.0)),
            (NO_NAME, Rise(49.0), Rise(50.0)),
        ],
        quiet: &[],
        loud: &[firing(Warning, SOCKET, "10.1%")],
        gone: &[],
    },
    Case {
        alert: "ClearwayTlsHandshakesFailing",
        window: "rateWindow",
        series: &[(SHAKEN, Rise(501.0), Rise(499.0)), (FAILED, Rise(499.0), Rise(501.0))],
        quiet: &[firing(Warning, SOCKET, "49.9%")],
        loud: &[firing(Critical, SOCKET, "50.1%"), firing(Warning, SOCKET, "50.1%")],
        gone: &[],
    },
    // Three an hour, all of them failing.
    Case {
        alert: "ClearwayTlsHandshakesFailing",
        window: "rateWindow",
        series: &[(SHAKEN, Rise(0.05), At(0.0)), (FAILED, At(0.0), Rise(0.05))],
        quiet: &[],
        loud: &[],
        gone: &[],
    },
    // Parts of 25 minutes: the loud one ends at 2940 s.
    Case {
        alert: "ClearwayCertificateExpiring",
        window: "",
        series: &[(EXPIRY, At(1_300_000.0), At(1_126_140.0))],
        quiet: &[],
        loud: &[firing(Warning, SECRET, "13d 0h 0m 0s")],
        gone: &[],
    },
    Case {
        alert: "ClearwayCertificateExpiring",
        window: "",
        series: &[(EXPIRY, At(1_300_000.0), At(175_740.0))],
        quiet: &[],
        loud: &[firing(Critical, SECRET, "2d 0h 0m 0s"), firing(Warning, SECRET, "2d 0h 0m 0s")],
        gone: &[],
    },
];
