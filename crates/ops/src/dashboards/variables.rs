//! What can be chosen at the top of dashboards, and the marks of changes.
//!
//! Each variable takes what was chosen before it into account. Always holds: its values come from series that a process has
//! from its start on, except those of routes, which come from requests; All matches series without the label, too.

use super::choices::{Annotation, LabelVariable, Variable};
use super::kinds::Source;

const CLUSTER: LabelVariable = LabelVariable {
    name: "cluster",
    label: "Cluster",
    description: "Clusters, where Prometheus or its remote write adds the label. Without it, All is the only choice.",
    of: "cluster",
    series: "clearway_build_info",
    all: ".*",
};

const JOB: LabelVariable = LabelVariable {
    name: "job",
    label: "Job",
    description: "Scrape jobs that have Clearway processes.",
    of: "job",
    series: r#"clearway_build_info{cluster=~"$cluster"}"#,
    all: ".+",
};

const INSTANCE: LabelVariable = LabelVariable {
    name: "instance",
    label: "Instance",
    description: "Processes of these jobs.",
    of: "instance",
    series: r#"clearway_build_info{cluster=~"$cluster",job=~"$job"}"#,
    all: ".+",
};

const GATEWAY_NAMESPACE: LabelVariable = LabelVariable {
    name: "gateway_namespace",
    label: "Gateway namespace",
    description: "Namespaces of Gateways. All counts requests that no listener took, too.",
    of: "gateway_namespace",
    series: "clearway_requests_in_flight{@process}",
    all: ".*",
};

const GATEWAY: LabelVariable = LabelVariable {
    name: "gateway",
    label: "Gateway",
    description: "Gateways of these namespaces. All counts requests that no listener took, too.",
    of: "gateway_name",
    series: r#"clearway_requests_in_flight{@process,gateway_namespace=~"$gateway_namespace"}"#,
    all: ".*",
};

const ROUTE: LabelVariable = LabelVariable {
    name: "route",
    label: "Route",
    description: "Routes that had a request. All counts requests that no route took, too.",
    of: "route_name",
    series: "clearway_requests_total{@gateway}",
    all: ".*",
};

const BACKEND_NAMESPACE: LabelVariable = LabelVariable {
    name: "backend_namespace",
    label: "Backend namespace",
    description: "Namespaces of backends that routes name.",
    of: "backend_namespace",
    series: "clearway_upstream_endpoints{@process}",
    all: ".+",
};

const BACKEND: LabelVariable = LabelVariable {
    name: "backend",
    label: "Backend",
    description: "Backends of these namespaces.",
    of: "backend_name",
    series: r#"clearway_upstream_endpoints{@process,backend_namespace=~"$backend_namespace"}"#,
    all: ".+",
};

/// Data source, cluster, job, instance.
pub(super) fn of_process() -> Vec<Variable> {
    let labels = [CLUSTER, JOB, INSTANCE].map(Variable::Label);
    [Variable::Source(Source::Prometheus)].into_iter().chain(labels).collect()
}

/// Those of a process, of jobs that have a control plane.
pub(super) fn of_control_plane() -> Vec<Variable> {
    let of = |variable: LabelVariable, series| Variable::Label(LabelVariable { series, ..variable });
    vec![
        Variable::Source(Source::Prometheus),
        of(CLUSTER, "clearway_controlplane_lease_state"),
        of(JOB, r#"clearway_controlplane_lease_state{cluster=~"$cluster"}"#),
        of(INSTANCE, r#"clearway_controlplane_lease_state{cluster=~"$cluster",job=~"$job"}"#),
    ]
}

/// Those of a process, then gateway.
pub(super) fn of_gateway() -> Vec<Variable> {
    of_process().into_iter().chain([GATEWAY_NAMESPACE, GATEWAY].map(Variable::Label)).collect()
}

/// Those of a gateway, then route.
pub(super) fn of_route() -> Vec<Variable> {
    of_gateway().into_iter().chain([Variable::Label(ROUTE)]).collect()
}

/// Those of a process, then backend.
pub(super) fn of_backend() -> Vec<Variable> {
    of_process().into_iter().chain([BACKEND_NAMESPACE, BACKEND].map(Variable::Label)).collect()
}

/// Marks of configuration changes and of starts.
pub(super) fn marks() -> Vec<Annotation> {
    vec![
        Annotation {
            name: "Configuration applied",
            expr: "clearway_config_applied_timestamp_seconds{@process} * 1000",
            color: "blue",
            text: "{{job}} {{instance}} serves another configuration",
        },
        Annotation {
            name: "Process started",
            expr: "process_start_time_seconds{@process} * 1000 and on (cluster, job, instance) clearway_build_info{@process}",
            color: "purple",
            text: "{{job}} {{instance}} started",
        },
    ]
}
