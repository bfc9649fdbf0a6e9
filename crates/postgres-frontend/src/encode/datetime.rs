//! Dates, times and intervals as Postgres prints them (`DateStyle` ISO, `IntervalStyle` postgres).
//!
//! Works on days and microseconds by hand, since Arrow's range is wider than that of calendar libraries.

use std::fmt::Write;

use arrow::array::timezone::Tz;
use bytes::BytesMut;
use chrono::{DateTime, Offset, TimeZone};

pub(crate) const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Days from 1970-01-01 to 2000-01-01, where Postgres starts to count.
pub(crate) const POSTGRES_EPOCH_DAYS: i32 = 10_957;
pub(crate) const POSTGRES_EPOCH_MICROS: i64 = POSTGRES_EPOCH_DAYS as i64 * MICROS_PER_DAY;

/// The session's time zone.
#[derive(Clone, Debug)]
pub(crate) struct Zone(Option<Tz>);

impl Zone {
    /// UTC for names that are not known: a session's setting has been checked when it was set.
    pub(crate) fn named(name: &str) -> Self {
        if matches!(name.to_ascii_uppercase().as_str(), "" | "UTC" | "GMT" | "Z" | "ETC/UTC") {
            return Self(None);
        }
        Self(name.parse().ok())
    }

    /// Seconds east of Greenwich at an instant.
    fn offset_seconds(&self, micros: i64) -> i32 {
        let Some(zone) = &self.0 else { return 0 };
        match DateTime::from_timestamp_micros(micros) {
            Some(instant) => zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc(),
            None => 0,
        }
    }
}

pub(crate) fn write_date(days: i32, output: &mut BytesMut) {
    match days {
        i32::MAX => output.extend_from_slice(b"infinity"),
        i32::MIN => output.extend_from_slice(b"-infinity"),
        days => {
            let before_christ = write_day(i64::from(days), output);
            write_era(before_christ, output);
        }
    }
}

pub(crate) fn write_timestamp(micros: i64, output: &mut BytesMut) {
    if !write_infinity(micros, output) {
        let before_christ = write_instant(micros, output);
        write_era(before_christ, output);
    }
}

pub(crate) fn write_timestamp_tz(micros: i64, zone: &Zone, output: &mut BytesMut) {
    if write_infinity(micros, output) {
        return;
    }
    let offset = zone.offset_seconds(micros);
    let before_christ = write_instant(micros.saturating_add(i64::from(offset) * 1_000_000), output);
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes, seconds) = (offset.abs() / 3600, offset.abs() / 60 % 60, offset.abs() % 60);
    put(output, format_args!("{sign}{hours:02}"));
    if minutes != 0 || seconds != 0 {
        put(output, format_args!(":{minutes:02}"));
    }
    if seconds != 0 {
        put(output, format_args!(":{seconds:02}"));
    }
    write_era(before_christ, output);
}

/// Appends a time of day.
pub(crate) fn write_time(micros: i64, output: &mut BytesMut) {
    let seconds = micros / 1_000_000;
    put(output, format_args!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    write_fraction(micros % 1_000_000, output);
}

/// Appends an interval; fields of different sign carry their own, as `EncodeInterval` in Postgres does it.
pub(crate) fn write_interval(months: i32, days: i32, micros: i64, output: &mut BytesMut) {
    let mut empty = true;
    let mut negative_before = false;
    for (value, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if value == 0 {
            continue;
        }
        let space = if empty { "" } else { " " };
        let plus = if negative_before && value > 0 { "+" } else { "" };
        let plural = if value == 1 { "" } else { "s" };
        put(output, format_args!("{space}{plus}{value} {unit}{plural}"));
        negative_before = value < 0;
        empty = false;
    }
    if micros == 0 && !empty {
        return;
    }
    let space = if empty { "" } else { " " };
    let sign = match (micros < 0, negative_before) {
        (true, _) => "-",
        (false, true) => "+",
        (false, false) => "",
    };
    let micros = micros.unsigned_abs();
    let seconds = micros / 1_000_000;
    put(output, format_args!("{space}{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    write_fraction((micros % 1_000_000) as i64, output);
}

fn write_infinity(micros: i64, output: &mut BytesMut) -> bool {
    match micros {
        i64::MAX => output.extend_from_slice(b"infinity"),
        i64::MIN => output.extend_from_slice(b"-infinity"),
        _ => return false,
    }
    true
}

fn write_instant(micros: i64, output: &mut BytesMut) -> bool {
    let before_christ = write_day(micros.div_euclid(MICROS_PER_DAY), output);
    output.extend_from_slice(b" ");
    write_time(micros.rem_euclid(MICROS_PER_DAY), output);
    before_christ
}

/// Appends `2026-01-31`; whether the year is one before Christ, which is said at the very end.
fn write_day(days: i64, output: &mut BytesMut) -> bool {
    let (year, month, day) = civil(days);
    // There is no year 0: it is 1 BC.
    let shown = if year > 0 { year } else { 1 - year };
    put(output, format_args!("{shown:04}-{month:02}-{day:02}"));
    year <= 0
}

fn write_era(before_christ: bool, output: &mut BytesMut) {
    if before_christ {
        output.extend_from_slice(b" BC");
    }
}

fn write_fraction(micros: i64, output: &mut BytesMut) {
    if micros != 0 {
        let digits = format!("{micros:06}");
        put(output, format_args!(".{}", digits.trim_end_matches('0')));
    }
}

/// Year, month and day of a day number (0 is 1970-01-01) in the Gregorian calendar,
/// by Howard Hinnant's "chrono-compatible low-level date algorithms".
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn put(output: &mut BytesMut, text: std::fmt::Arguments<'_>) {
    output.write_fmt(text).expect("a buffer takes any text");
}
