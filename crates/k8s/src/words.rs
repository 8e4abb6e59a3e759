//! Sentences for people, of a length that people read: what users write is quoted in them, and may be a megabyte.

/// Longest sentence, in characters.
const LONGEST: usize = 1_000;

/// The sentence; its middle is left out when it is too long, for both ends say something.
pub fn shortened(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let all = text.chars().count();
    if all <= LONGEST {
        return text;
    }
    let (head, tail) = (LONGEST / 2, LONGEST / 2 - 20);
    let begin: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(all - tail).collect();
    format!("{begin} ... {end}")
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn only_what_is_too_long_is_shortened_and_keeps_both_ends() {
        assert_eq!(shortened("a".repeat(1_000)), "a".repeat(1_000));
        assert_eq!(shortened("ü".repeat(1_000)), "ü".repeat(1_000));
        let short = shortened(format!("begin {} end", "ü".repeat(100_000)));
        assert!(short.starts_with("begin ü") && short.ends_with("ü end"), "{short}");
        assert!(short.contains(" ... ") && short.chars().count() <= 1_000);
    }
}
