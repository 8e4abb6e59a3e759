//! Planes that are gone, not ready, or without a leader; objects that cannot be served, and status that cannot be written.

use clearway_e2e::objects::{GATEWAY_API, http_route, namespace};
use serde_json::{Value, json};

use super::Fault;
use crate::case::Case;
use crate::place::Place;
use crate::stage::Stage;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["ClearwayControlPlaneAbsent", "ClearwayDataPlaneDisconnected", "ClearwayDataPlaneAbsent"],
        releases: &["blind"],
        play: blind,
    },
    Fault {
        alerts: &["ClearwayControlPlaneNotReady", "ClearwayWatchStalled", "ClearwayDataPlaneNotReady"],
        releases: &["deaf"],
        play: deaf,
    },
    Fault {
        alerts: &["ClearwayConfigProblems", "ClearwayStatusDropping", "ClearwayLeaderMissing"],
        releases: &["torn"],
        play: torn,
    },
];

/// First the control plane goes, then the data plane.
fn blind(stage: &Stage) {
    let (release, own) = ("blind", [("namespace", "blind")]);
    stage.until_seen("clearway_dataplane_xds_connected{namespace=\"blind\"} == 1");
    stage.until_seen("clearway_controlplane_readiness_layer{namespace=\"blind\"} == 1");
    if stage.wants("ClearwayControlPlaneAbsent") || stage.wants("ClearwayDataPlaneDisconnected") {
        let fault = "the control plane is scaled to nothing";
        let mut absent = Case::begin(stage, "ClearwayControlPlaneAbsent", fault, &own);
        let mut apart = Case::begin(stage, "ClearwayDataPlaneDisconnected", fault, &own);
        stage.scale(release, "controlplane", 0);
        absent.fires(&["critical"], &Place::Release(release));
        apart.fires(&["critical", "warning"], &Place::Release(release));
        stage.scale(release, "controlplane", 1);
        stage.rolled_out(release, "controlplane");
        absent.clears();
        apart.clears();
    }
    if stage.wants("ClearwayDataPlaneAbsent") {
        let mut absent =
            Case::begin(stage, "ClearwayDataPlaneAbsent", "the data planes are scaled to nothing", &own);
        stage.scale(release, "dataplane", 0);
        absent.fires(&["critical"], &Place::Release(release));
        stage.scale(release, "dataplane", 1);
        stage.rolled_out(release, "dataplane");
        absent.clears();
    }
}

/// A control plane that begins without the right to read, and a data plane that comes to it.
fn deaf(stage: &Stage) {
    let (release, own) = ("deaf", [("namespace", "deaf")]);
    stage.until_seen("clearway_controlplane_readiness_layer{namespace=\"deaf\"} == 1");
    let mut binding = stage.cluster.get(&["clusterrolebinding", "deaf-controlplane"]);
    binding["metadata"] = json!({"name": "deaf-controlplane", "labels": binding["metadata"]["labels"]});
    let fault = "the control plane begins without the right to read objects";
    let mut unready = Case::begin(stage, "ClearwayControlPlaneNotReady", fault, &own);
    let mut stalled = Case::begin(stage, "ClearwayWatchStalled", fault, &own);
    let fault = "a data plane begins while no control plane can say what to serve";
    let mut empty = Case::begin(stage, "ClearwayDataPlaneNotReady", fault, &own);
    stage.cluster.kubectl(&["delete", "clusterrolebinding", "deaf-controlplane"]);
    let pods = ["delete", "pods", "-l", "app.kubernetes.io/instance=deaf", "--wait=false"];
    stage.kubectl(release, &pods);
    unready.fires(&["critical", "warning"], &Place::Release(release));
    stalled.fires(&["critical", "warning"], &Place::Release(release));
    empty.fires(&["critical"], &Place::Release(release));
    stage.cluster.apply(&[binding]);
    unready.clears();
    stalled.clears();
    empty.clears();
}

/// What a release's users have: a Gateway, and this many routes.
fn users(release: &str, routes: usize) -> Vec<Value> {
    let space = format!("{release}-users");
    let mut objects = vec![namespace(&space), clearway_e2e::objects::gateway(&space, "web", release)];
    let rules = clearway_e2e::objects::redirect_to("elsewhere.example");
    objects.extend((0..routes).map(|number| {
        http_route(&space, &format!("r{number}"), "web", &format!("r{number}.example"), &rules)
    }));
    objects
}

/// An object that cannot be served; then no right to write status; then a Lease that somebody else holds.
fn torn(stage: &Stage) {
    stage.until_seen("clearway_controlplane_lease_state{namespace=\"torn\", state=\"leading\"} == 1");
    if stage.wants("ClearwayConfigProblems") {
        problems(stage);
    }
    if stage.wants("ClearwayStatusDropping") {
        mute(stage);
    }
    if stage.wants("ClearwayLeaderMissing") {
        leaderless(stage);
    }
}

fn problems(stage: &Stage) {
    let mut case = Case::begin(
        stage,
        "ClearwayConfigProblems",
        "a route has a regular expression that is none",
        &[("namespace", "torn")],
    );
    let mut objects = users("torn", 1);
    objects.push(json!({
        "apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": {"namespace": "torn-users", "name": "odd"},
        "spec": {"parentRefs": [{"name": "web"}], "rules": [{
            "matches": [{"path": {"type": "RegularExpression", "value": "/(a"}}],
            "filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "elsewhere.example"}}],
        }]},
    }));
    stage.cluster.apply(&objects);
    case.fires(&["warning"], &Place::Release("torn"));
    stage.kubectl("torn-users", &["delete", "httproute", "odd"]);
    case.clears();
}

/// The verbs of the rules about status: the second and the fourth of the ClusterRole.
fn may_write_status(stage: &Stage, verbs: &[&str]) {
    let replace = |rule: u8| json!({"op": "replace", "path": format!("/rules/{rule}/verbs"), "value": verbs});
    let change = json!([replace(1), replace(3)]).to_string();
    stage.cluster.kubectl(&["patch", "clusterrole", "torn-controlplane", "--type=json", "-p", &change]);
}

fn mute(stage: &Stage) {
    let mut case = Case::begin(
        stage,
        "ClearwayStatusDropping",
        "the control plane may not write status any more, and more routes come than its queue holds",
        &[("namespace", "torn")],
    );
    may_write_status(stage, &["get"]);
    stage.cluster.apply(&users("torn", 30));
    case.fires(&["critical", "warning"], &Place::Release("torn"));
    may_write_status(stage, &["update", "patch"]);
    case.clears();
}

fn leaderless(stage: &Stage) {
    let mut case = Case::begin(
        stage,
        "ClearwayLeaderMissing",
        "somebody who is not there holds the Lease",
        &[("namespace", "torn")],
    );
    let hold = json!({"spec": {"holderIdentity": "nobody", "leaseDurationSeconds": 3600}}).to_string();
    stage.kubectl("torn", &["patch", "lease", "torn-controlplane", "--type=merge", "-p", &hold]);
    case.fires(&["warning"], &Place::Release("torn"));
    stage.kubectl("torn", &["delete", "lease", "torn-controlplane"]);
    case.clears();
}
