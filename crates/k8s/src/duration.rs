//! Gateway API durations (GEP-2257): up to four of `h`, `m`, `s`, `ms`, each with up to five digits.

use std::time::Duration;

/// Reads a GEP-2257 duration such as `1h30m` or `500ms`.
///
/// # Errors
/// A sentence that says what is wrong and what to write.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is no duration; write up to four numbers with h, m, s or ms, such as 1m30s");
    let mut total = Duration::ZERO;
    let mut rest = text;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at_checked(digits).ok_or_else(wrong)?;
        let (unit, millis) = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)]
            .into_iter()
            .find(|(unit, _)| tail.starts_with(unit))
            .ok_or_else(wrong)?;
        parts += 1;
        if digits > 5 || parts > 4 {
            return Err(wrong());
        }
        let number: u64 = number.parse().map_err(|_| wrong())?;
        total += Duration::from_millis(number * millis);
        rest = tail.strip_prefix(unit).unwrap_or_default();
    }
    if parts == 0 { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::parse_duration;
    use std::time::Duration;

    #[test]
    fn durations_of_the_gep_are_read_and_others_refused() {
        let good = [
            ("0h", 0),
            ("0s", 0),
            ("1h", 3_600_000),
            ("30m", 1_800_000),
            ("10s", 10_000),
            ("500ms", 500),
            ("2h1m", 7_260_000),
            ("1h30m10s500ms", 5_410_500),
            ("99999h", 99_999 * 3_600_000),
            ("10s30m1h", 5_410_000),
            ("100ms200ms300ms", 600),
        ];
        for (text, millis) in good {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "1", "1m1", "1d", "1.5s", "-1s", "1ns", "1h1m1s1ms1h", "100000s", "s", "1s "] {
            let error = parse_duration(bad).unwrap_err();
            assert!(error.contains(&format!("`{bad}`")), "{error}");
        }
    }
}
