/// A day of the Gregorian calendar, which is taken to have been in use always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Year; the one before 1 is 0.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, 1 to 31.
    pub day: u32,
}

/// Days of 400 years, after which the calendar repeats itself.
const ERA: i64 = 146_097;

/// Days from the first of March of the year 0 to the first of January 1970.
const TO_1970: i64 = 719_468;

// Years are counted from March here, so that the leap day is the last day of its year.
impl Date {
    /// The day so many days after the first of January 1970.
    pub fn from_days(days: i64) -> Self {
        let days = days.saturating_add(TO_1970);
        let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
        let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = (from_march + 2) % 12 + 1;
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month: month as u32,
            day: (day_of_year - (153 * from_march + 2) / 5 + 1) as u32,
        }
    }

    /// Days from the first of January 1970 to a day of the calendar; the nearest number there is
    /// for years so far off that their days cannot be counted.
    pub fn days(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = self.year.saturating_sub(i64::from(month <= 2));
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era.saturating_mul(ERA).saturating_add(day_of_era - TO_1970)
    }

    /// How many days a month (1 to 12) has.
    pub fn days_in(year: i64, month: u32) -> u32 {
        match month {
            4 | 6 | 9 | 11 => 30,
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            _ => 31,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(days: i64, year: i64, month: u32, day: u32) {
        let date = Date { year, month, day };
        assert_eq!(Date::from_days(days), date);
        assert_eq!(date.days(), days);
    }

    #[test]
    fn days_count_from_1970() {
        check(0, 1970, 1, 1);
        check(-1, 1969, 12, 31);
        check(11_015, 2000, 2, 28);
        check(11_016, 2000, 2, 29);
        check(11_017, 2000, 3, 1);
        check(47_540, 2100, 2, 28);
        check(47_541, 2100, 3, 1);
        check(-719_528, 0, 1, 1);
        check(-719_529, -1, 12, 31);
        check(2_932_896, 9999, 12, 31);
    }

    #[test]
    fn every_day_of_an_era_follows_the_one_before() {
        let mut before = Date::from_days(-1);
        for days in 0..=ERA {
            let date = Date::from_days(days);
            let last = Date::days_in(before.year, before.month);
            let expect = match (before.day == last, before.month == 12) {
                (false, _) => (before.year, before.month, before.day + 1),
                (true, false) => (before.year, before.month + 1, 1),
                (true, true) => (before.year + 1, 1, 1),
            };
            assert_eq!((date.year, date.month, date.day), expect);
            assert_eq!(date.days(), days);
            before = date;
        }
    }

    #[test]
    fn the_ends_of_counting_do_no_harm() {
        for days in [i64::MIN, i64::MAX] {
            let date = Date::from_days(days);
            assert!((1..=12).contains(&date.month), "{date:?}");
        }
        for year in [i64::MIN, i64::MAX] {
            let date = Date {
                year,
                month: 1,
                day: 1,
            };
            assert!(date.days().unsigned_abs() > 1 << 62);
        }
    }
}
