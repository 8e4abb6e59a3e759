//! What differs between two sorted maps of shared values. Whoever keeps a set up to date asks it: translation, encoding, the
//! data plane's compilation, the status writer.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An entry that is new, gone or has another value.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference<'a, K, V> {
    /// Its key.
    pub key: &'a K,
    /// The value that it had; `None` is new.
    pub before: Option<&'a Arc<V>>,
    /// The value that it has; `None` is gone.
    pub now: Option<&'a Arc<V>>,
}

/// Calls `found` for each difference, in the order of the keys. One walk over both maps; values that are the same
/// pointer are not looked into.
pub fn differences<'a, K: Ord, V: PartialEq>(
    before: &'a BTreeMap<K, Arc<V>>,
    now: &'a BTreeMap<K, Arc<V>>,
    mut found: impl FnMut(Difference<'a, K, V>),
) {
    let (mut old, mut new) = (before.iter(), now.iter());
    let (mut left, mut right) = (old.next(), new.next());
    loop {
        let order = match (left, right) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((one, _)), Some((other, _))) => one.cmp(other),
        };
        let gone = left.filter(|_| order != Ordering::Greater);
        let come = right.filter(|_| order != Ordering::Less);
        let same =
            gone.zip(come).is_some_and(|((_, one), (_, other))| Arc::ptr_eq(one, other) || one == other);
        if let Some((key, _)) = come.or(gone)
            && !same
        {
            found(Difference {
                key,
                before: gone.map(|(_, value)| value),
                now: come.map(|(_, value)| value),
            });
        }
        if gone.is_some() {
            left = old.next();
        }
        if come.is_some() {
            right = new.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_finds_what_is_new_gone_and_changed() {
        let map = |text: &str| {
            text.chars().map(|c| (c.to_ascii_lowercase(), Arc::new(c))).collect::<BTreeMap<_, _>>()
        };
        let cases = [
            ("", "ab", "+a+b"),
            ("ab", "", "-a-b"),
            ("ab", "ab", ""),
            ("abd", "aBce", "~b+c-d+e"),
            ("c", "ad", "+a-c+d"),
        ];
        for (before, now, want) in cases {
            let (before, now) = (map(before), map(now));
            let mut text = String::new();
            differences(&before, &now, |found| {
                text.push(match (found.before, found.now) {
                    (None, _) => '+',
                    (_, None) => '-',
                    (Some(_), Some(_)) => '~',
                });
                text.push(*found.key);
            });
            assert_eq!(text, want);
        }
    }
}
