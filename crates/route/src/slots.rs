//! Slots: numbers that rules keep from one table to the next, though others come and go. Candidates name their rule by
//! it, so that those of unchanged rules can stay as they are. `table` assigns them.
//!
//! Always holds: each rule has a slot of its own, and there are never more slots than the greatest number of rules that
//! any of the tables had.

use crate::table::Before;

/// Which rule has which slot.
#[derive(Debug)]
pub(crate) struct Slots {
    /// The slot of each rule.
    of_rule: Box<[u32]>,
    /// The rule in each slot; [`FREE`] when there is none.
    rules: Box<[u32]>,
}

const FREE: u32 = u32::MAX;

impl Slots {
    /// Gives each of `count` rules a slot: those that are the same keep theirs. Also tells which rules of the table before
    /// are gone or changed: their indexes there, and their slots.
    pub(crate) fn assign(count: usize, before: Option<Before<'_>>) -> (Self, Vec<(usize, u32)>) {
        let old = before.map_or(&[][..], |before| &before.table.slots.of_rule);
        let mut rules = vec![FREE; before.map_or(0, |before| before.table.slots.rules.len())];
        let mut of_rule = vec![FREE; count];
        let same = before.map_or(&[][..], |before| before.same);
        for (number, (mine, old_index)) in (0..).zip(of_rule.iter_mut().zip(same)) {
            let kept = old_index.and_then(|index| old.get(index)).copied();
            if let Some(kept) = kept
                && let Some(place) = rules.get_mut(kept as usize)
            {
                (*mine, *place) = (kept, number);
            }
        }
        let is_gone = |slot: u32| rules.get(slot as usize).is_none_or(|rule| *rule == FREE);
        let gone = old.iter().copied().enumerate().filter(|(_, slot)| is_gone(*slot)).collect();
        let mut free = 0;
        for (number, mine) in (0..).zip(&mut of_rule).filter(|(_, slot)| **slot == FREE) {
            while rules.get(free).is_some_and(|rule| *rule != FREE) {
                free += 1;
            }
            match rules.get_mut(free) {
                Some(place) => *place = number,
                None => rules.push(number),
            }
            *mine = u32::try_from(free).unwrap_or(FREE);
        }
        (Self { of_rule: of_rule.into(), rules: rules.into() }, gone)
    }

    /// The slot of the rule with this index.
    pub(crate) fn of(&self, index: usize) -> u32 {
        self.of_rule.get(index).copied().unwrap_or(FREE)
    }

    /// The index of the rule in a slot.
    pub(crate) fn rule(&self, slot: u32) -> Option<usize> {
        self.rules.get(slot as usize).filter(|rule| **rule != FREE).map(|rule| *rule as usize)
    }
}
