//! From the handles to samples: one function for each group of the catalog, in its order.

mod connections;
mod control;
mod process;
mod requests;
mod upstream;
mod writes;

use clearway_model::{BackendRef, ListenerRef, RuleRef};

use super::Exposition;
use super::page::{Labels, Page};
use crate::catalog::label;

/// Writes every family.
pub(super) fn all(page: &mut Page<'_>, exposition: &Exposition) {
    let sources = &exposition.sources;
    if let Some(hub) = &sources.hub {
        requests::collect(page, hub);
        let mut backends = hub.backends.all();
        backends.sort_unstable_by(|a, b| a.backend.cmp(&b.backend));
        upstream::collect(page, hub, &backends);
        connections::collect(page, hub, &backends);
    }
    if let Some(control) = &sources.control {
        control::collect(page, control);
        writes::status(page, control);
        writes::lease(page, control);
        writes::objects(page, control);
    }
    if let Some(xds) = &sources.xds {
        writes::xds(page, xds);
    }
    process::config(page, &exposition.sources.config);
    process::telemetry(page, exposition);
    process::process(page, &exposition.process.read());
    process::series(page);
}

/// Labels of a listener, or none.
fn listener_labels<'a>(labels: &mut Labels<'a>, listener: Option<&'a ListenerRef>) {
    if let Some(listener) = listener {
        labels
            .add(&label::GATEWAY_NAMESPACE, &*listener.gateway.namespace)
            .add(&label::GATEWAY_NAME, &*listener.gateway.name)
            .add(&label::LISTENER, &*listener.name);
    }
}

/// Labels of a rule, or none.
fn rule_labels<'a>(labels: &mut Labels<'a>, rule: Option<&'a RuleRef>) {
    if let Some(rule) = rule {
        labels
            .add(&label::ROUTE_KIND, rule.route.kind.as_str())
            .add(&label::ROUTE_NAMESPACE, &*rule.route.object.namespace)
            .add(&label::ROUTE_NAME, &*rule.route.object.name)
            .add(&label::ROUTE_RULE, rule.label());
    }
}

/// Labels of a backend.
fn backend_labels<'a>(labels: &mut Labels<'a>, backend: &'a BackendRef) {
    labels
        .add(&label::BACKEND_KIND, &*backend.kind)
        .add(&label::BACKEND_NAMESPACE, &*backend.object.namespace)
        .add(&label::BACKEND_NAME, &*backend.object.name)
        .add(&label::BACKEND_PORT, backend.port.to_string());
}
