//! A judgement of an object's content that costs too much to come to each time the object is looked at.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// Whether content can be used; judged once. It is no part of the object: two objects are equal whatever was judged.
#[derive(Clone, Default)]
pub struct Verdict(OnceLock<Result<(), Arc<str>>>);

impl Verdict {
    /// What was found out before, or what `judge` says now. It must say the same of the same content.
    ///
    /// # Errors
    /// Why the content cannot be used.
    pub fn or_judge(&self, judge: impl FnOnce() -> Result<(), String>) -> Result<(), Arc<str>> {
        self.0.get_or_init(|| judge().map_err(Arc::from)).clone()
    }
}

impl PartialEq for Verdict {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verdict").field(&self.0.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    #[test]
    fn content_is_judged_once() {
        let verdict = Verdict::default();
        assert_eq!(&*verdict.or_judge(|| Err("no".to_owned())).unwrap_err(), "no");
        assert_eq!(&*verdict.or_judge(|| Ok(())).unwrap_err(), "no");
        assert_eq!(verdict, Verdict::default());
    }
}
