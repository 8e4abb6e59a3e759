//! RFC 3339 timestamps: the calendar is worked out once for each second.

use std::time::{SystemTime, UNIX_EPOCH};

use super::out::{digits, nine_digits};

/// Formats moments of the wall clock, UTC, with nanoseconds.
#[derive(Debug)]
pub(super) struct Clock {
    second: u64,
    /// `2026-11-21T01:02:03.`
    prefix: [u8; 20],
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { second: 0, prefix: prefix(0) }
    }

    /// Appends `2026-11-21T01:02:03.000000004Z`. Moments before 1970 are shown as its beginning.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, moment: SystemTime) {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        if since.as_secs() != self.second {
            self.second = since.as_secs();
            self.prefix = prefix(self.second);
        }
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(&nine_digits(since.subsec_nanos()));
        out.push(b'Z');
    }
}

fn prefix(second: u64) -> [u8; 20] {
    let (year, month, day) = civil(second / 86_400);
    let part = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let mut text = *b"0000-00-00T00:00:00.";
    digits(&mut text[0..4], part(year));
    digits(&mut text[5..7], part(month));
    digits(&mut text[8..10], part(day));
    digits(&mut text[11..13], part(second / 3600 % 24));
    digits(&mut text[14..16], part(second / 60 % 60));
    digits(&mut text[17..19], part(second % 60));
    text
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar: eras of 400 years that begin
/// on the first of March, so that the leap day is the last of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn moments_are_written_as_rfc_3339() {
        let mut clock = Clock::new();
        for (second, nanos, expected) in [
            (0, 0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_399, 5, "2000-02-28T23:59:59.000000005Z"),
            (951_782_400, 0, "2000-02-29T00:00:00.000000000Z"),
            (951_868_800, 999_999_999, "2000-03-01T00:00:00.999999999Z"),
            (1_763_690_523, 120_000_000, "2025-11-21T02:02:03.120000000Z"),
            (4_102_444_799, 1, "2099-12-31T23:59:59.000000001Z"),
        ] {
            let mut out = Vec::new();
            clock.push(&mut out, UNIX_EPOCH + Duration::new(second, nanos));
            assert_eq!(String::from_utf8(out).expect("ascii"), expected);
        }
    }
}
