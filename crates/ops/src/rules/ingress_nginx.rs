//! Series under the names of ingress-nginx, so that its dashboards, KEDA scalers and Flagger checks go on.
//!
//! Counters stay counters: one series for each process, so that `rate` sees restarts. `namespace` means the route's here,
//! as in ingress-nginx; its `path`, `host`, `service` and `canary` have no counterpart and are absent.

use super::alert::Recording;

/// Wraps an expression so that it has ingress-nginx's labels; `$status` is the label that becomes `status`.
macro_rules! renamed {
    ($name:literal, $by:literal, $status:literal, $series:literal) => {
        Recording {
            name: $name,
            labels: &[("controller_class", "clearway")],
            expr: concat!(
                "
            sum by (cluster, instance, controller_namespace, controller_pod, namespace, exported_namespace, ingress, status",
                $by,
                ") (
              label_replace(
                label_replace(
                  label_replace(
                    label_replace(
                      label_replace(
                        label_replace(",
                $series,
                "{route_name!=\"\"}, \"controller_namespace\", \"$1\", \"namespace\", \"(.*)\"),
                        \"controller_pod\", \"$1\", \"pod\", \"(.*)\"
                      ),
                      \"namespace\", \"$1\", \"route_namespace\", \"(.*)\"
                    ),
                    \"exported_namespace\", \"$1\", \"route_namespace\", \"(.*)\"
                  ),
                  \"ingress\", \"$1\", \"route_name\", \"(.*)\"
                ),
                \"status\", \"$1\", \"",
                $status,
                "\", \"(.*)\"
              )
            )"
            ),
        }
    };
}

/// All of them.
pub(super) const RECORDINGS: &[Recording] = &[
    renamed!("nginx_ingress_controller_requests", ", method", "code", "clearway_requests_total"),
    renamed!(
        "nginx_ingress_controller_request_duration_seconds_bucket",
        ", le",
        "code_class",
        "clearway_request_duration_seconds_bucket"
    ),
    renamed!(
        "nginx_ingress_controller_request_duration_seconds_sum",
        "",
        "code_class",
        "clearway_request_duration_seconds_sum"
    ),
    renamed!(
        "nginx_ingress_controller_request_duration_seconds_count",
        "",
        "code_class",
        "clearway_request_duration_seconds_count"
    ),
    renamed!(
        "nginx_ingress_controller_ingress_upstream_latency_seconds_sum",
        "",
        "code_class",
        "clearway_request_duration_seconds_sum"
    ),
    renamed!(
        "nginx_ingress_controller_ingress_upstream_latency_seconds_count",
        "",
        "code_class",
        "clearway_request_duration_seconds_count"
    ),
];
