//! Layers of readiness, and the gate.

use super::*;
use crate::watch::{KINDS, Range};

fn names(board: &Board) -> Vec<(String, bool)> {
    board.checks().into_iter().map(|check| (check.name, check.ready)).collect()
}

#[test]
fn layers_come_up_in_order_and_the_gate_opens_with_the_last() {
    let board = Board::new(ControlTelemetry::new());
    let unit = Unit { kind: &KINDS[0], range: Range::All };
    let layers = |a, b, c| vec![("components".into(), a), ("synced".into(), b), ("published".into(), c)];
    board.expect(&unit);
    assert_eq!(names(&board), layers(false, false, false));
    Component::ALL.into_iter().for_each(|component| board.up(component));
    board.listed(&unit, 3);
    assert_eq!(names(&board), layers(true, false, false), "listed is not yet taken in");
    assert_eq!(board.behind(), std::slice::from_ref(&unit));
    board.in_step(&unit);
    assert_eq!(names(&board), layers(true, true, false));
    assert!(!*board.gate().borrow());
    board.published();
    assert_eq!(names(&board), layers(true, true, true));
    assert!(*board.gate().borrow());
    board.drain();
    assert_eq!(names(&board), layers(true, true, false));
    assert!(*board.gate().borrow(), "streams go on while the process drains");
}

#[test]
fn a_new_reference_that_is_not_in_step_does_not_take_a_serving_process_out() {
    let board = Board::new(ControlTelemetry::new());
    Component::ALL.into_iter().for_each(|component| board.up(component));
    board.published();
    board.expect(&Unit { kind: &KINDS[1], range: Range::All });
    assert!(names(&board).iter().all(|(_, ready)| *ready));
}

#[test]
fn a_watch_that_is_not_in_step_in_time_says_so_until_it_is() {
    let board = Board::new(ControlTelemetry::new());
    let (slow, quick) =
        (Unit { kind: &KINDS[0], range: Range::All }, Unit { kind: &KINDS[1], range: Range::All });
    [&slow, &quick].into_iter().for_each(|unit| board.expect(unit));
    board.in_step(&quick);
    board.timed_out(Duration::from_secs(60));
    let said = board.checks().remove(1).detail.unwrap_or_default();
    assert_eq!(said, "GatewayClass (timed out after 60s: no answer)");
    board.listed(&slow, 0);
    let said = board.checks().remove(1).detail.unwrap_or_default();
    assert_eq!(said, "GatewayClass (timed out after 60s: being taken in)");
    board.in_step(&slow);
    assert_eq!(board.checks().remove(1), Check::ok("synced"));
}
