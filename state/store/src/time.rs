//! Points in time as lock files have them.

use std::time::{SystemTime, UNIX_EPOCH};

/// The present in the form of RFC 3339 with nanoseconds, in UTC.
pub fn now() -> String {
    let now = SystemTime::now();
    #[cfg(test)]
    let now = now - tests::BEHIND.get();
    at(now)
}

/// A point in time of that form without parts of seconds, for people.
pub fn to_seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, rest)) => {
            let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{seconds}{zone}")
        }
        None => time.to_owned(),
    }
}

/// A point in time in that form.
pub(crate) fn at(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    rfc3339(since.as_secs(), since.subsec_nanos())
}

fn rfc3339(seconds: u64, nanos: u32) -> String {
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// Year, month and day of a day since 1970-01-01. Years are counted from March, so that the day
/// that only leap years have comes last.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let since_0000_03_01 = days + 719_468;
    let era = since_0000_03_01 / DAYS_IN_400_YEARS;
    let day_of_era = since_0000_03_01 % DAYS_IN_400_YEARS;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    thread_local! {
        /// By how much the clock is behind, for what the thread of a test does.
        pub(super) static BEHIND: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    pub(crate) fn set_back(by: Duration) {
        BEHIND.set(by);
    }

    #[test]
    fn times_for_people() {
        for (time, expect) in [
            ("2034-01-02T03:04:05.123456789Z", "2034-01-02T03:04:05Z"),
            ("2034-01-02T03:04:05.1+01:00", "2034-01-02T03:04:05+01:00"),
            ("2034-01-02T03:04:05Z", "2034-01-02T03:04:05Z"),
            ("", ""),
        ] {
            assert_eq!(to_seconds(time), expect);
        }
    }

    fn check(seconds: u64, expect: &str) {
        assert_eq!(rfc3339(seconds, 42), expect);
    }

    #[test]
    fn dates_follow_the_calendar() {
        check(0, "1970-01-01T00:00:00.000000042Z");
        check(951_782_399, "2000-02-28T23:59:59.000000042Z");
        check(951_782_400, "2000-02-29T00:00:00.000000042Z");
        check(1_709_251_200, "2024-03-01T00:00:00.000000042Z");
        check(4_102_444_799, "2099-12-31T23:59:59.000000042Z");
    }
}
