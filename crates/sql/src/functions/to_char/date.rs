//! Days as years, months and weeks.

/// A day of the proleptic Gregorian calendar.
pub(super) struct Date {
    pub(super) year: i64,
    pub(super) month: usize,
    pub(super) day: i64,
    /// From the first of January, 1.
    pub(super) day_of_year: i64,
    /// Sunday is 0.
    pub(super) weekday: usize,
    /// Days since 1970-01-01.
    pub(super) number: i64,
}

impl Date {
    /// See <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
    pub(super) fn of_day(number: i64) -> Self {
        let shifted = number + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_shifted_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_shifted_year + 2) / 153;
        let day = day_of_shifted_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let is_leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let month = usize::try_from(month).expect("a month is 1 to 12");
        let day_of_year = before[month - 1] + day + i64::from(is_leap && month > 2);
        let weekday = usize::try_from((number + 4).rem_euclid(7)).expect("a remainder of 7 is 0 to 6");
        Date { year, month, day, day_of_year, weekday, number }
    }

    /// The ISO year, and its week from 1.
    pub(super) fn iso_week(&self) -> (i64, i64) {
        let weekday = (self.number + 3).rem_euclid(7);
        let thursday = Date::of_day(self.number - weekday + 3);
        (thursday.year, (thursday.day_of_year - 1) / 7 + 1)
    }
}
