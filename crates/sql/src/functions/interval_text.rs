//! Postgres' text of intervals: `1 year 2 mons 3 days 04:05:06.7`.
//!
//! See <https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-INTERVAL-INPUT>.

use std::fmt::Write;

use arrow::datatypes::IntervalMonthDayNano;

const NANOSECONDS_PER_DAY: f64 = 86_400e9;
const DAYS_PER_MONTH: f64 = 30.0;

/// A sum of parts in which a fraction of a month is days, and one of a day is time.
#[derive(Default)]
struct Parts {
    months: f64,
    days: f64,
    nanoseconds: f64,
}

impl Parts {
    fn add_months(&mut self, months: f64) {
        let whole = months.trunc();
        self.months += whole;
        // Rounded, or a third of a year were 3.9999 months and 29.99 days.
        let rest = ((months - whole) * 1e9).round() / 1e9;
        self.add_days(rest * DAYS_PER_MONTH);
    }

    fn add_days(&mut self, days: f64) {
        let whole = days.trunc();
        self.days += whole;
        self.nanoseconds += ((days - whole) * NANOSECONDS_PER_DAY / 1e3).round() * 1e3;
    }

    fn add_seconds(&mut self, seconds: f64) {
        // To microseconds, which is what Postgres keeps.
        self.nanoseconds += (seconds * 1e6).round() * 1e3;
    }

    fn negated(self) -> Self {
        Parts { months: -self.months, days: -self.days, nanoseconds: -self.nanoseconds }
    }

    fn finish(self) -> Option<IntervalMonthDayNano> {
        let fits = |value: f64, limit: f64| value.abs() <= limit;
        let in_range = fits(self.months, f64::from(i32::MAX))
            && fits(self.days, f64::from(i32::MAX))
            && fits(self.nanoseconds, 9.2e18);
        in_range.then(|| IntervalMonthDayNano::new(self.months as i32, self.days as i32, self.nanoseconds as i64))
    }
}

/// The interval that a text means; none if it means none.
pub(crate) fn parse(text: &str) -> Option<IntervalMonthDayNano> {
    let text = text.trim().to_lowercase();
    if let Some(iso) = text.strip_prefix('p') {
        return parse_iso(iso);
    }
    let mut parts = Parts::default();
    let mut words = split(&text).into_iter().peekable();
    words.peek()?;
    while let Some(word) = words.next() {
        if word == "@" {
            continue;
        }
        if word == "ago" {
            return if words.next().is_none() { parts.negated().finish() } else { None };
        }
        if word.contains(':') {
            parts.add_seconds(clock(&word)?);
        } else if let Some((years, months)) = year_month(&word) {
            parts.add_months(years * 12.0 + months);
        } else {
            let number = word.parse::<f64>().ok().filter(|number| number.is_finite())?;
            let is_unit = words.peek().is_some_and(|next| next.starts_with(char::is_alphabetic) && next != "ago");
            let unit = if is_unit { words.next()? } else { "seconds".to_owned() };
            add(&mut parts, number, &unit)?;
        }
    }
    parts.finish()
}

/// Words, where `2h` are two.
fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![];
    for word in text.split_whitespace() {
        let unit = word.find(char::is_alphabetic).filter(|&at| at > 0).unwrap_or(word.len());
        let (number, unit) = word.split_at(unit);
        words.extend([number, unit].into_iter().filter(|part| !part.is_empty()).map(str::to_owned));
    }
    words
}

fn add(parts: &mut Parts, number: f64, unit: &str) -> Option<()> {
    match unit {
        "microsecond" | "microseconds" | "us" | "usec" | "usecs" => parts.add_seconds(number / 1e6),
        "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => parts.add_seconds(number / 1e3),
        "second" | "seconds" | "s" | "sec" | "secs" => parts.add_seconds(number),
        "minute" | "minutes" | "m" | "min" | "mins" => parts.add_seconds(number * 60.0),
        "hour" | "hours" | "h" | "hr" | "hrs" => parts.add_seconds(number * 3600.0),
        "day" | "days" | "d" => parts.add_days(number),
        "week" | "weeks" | "w" => parts.add_days(number * 7.0),
        "month" | "months" | "mon" | "mons" => parts.add_months(number),
        "year" | "years" | "y" | "yr" | "yrs" => parts.add_months(number * 12.0),
        "decade" | "decades" | "dec" | "decs" => parts.add_months(number * 120.0),
        "century" | "centuries" | "c" | "cent" => parts.add_months(number * 1_200.0),
        "millennium" | "millennia" | "mil" | "mils" => parts.add_months(number * 12_000.0),
        _ => return None,
    }
    Some(())
}

/// `[-]hours:minutes[:seconds]`, in seconds.
fn clock(word: &str) -> Option<f64> {
    let (sign, word) = signed(word);
    let mut fields = word.split(':');
    let hours = whole(fields.next()?)?;
    let minutes = whole(fields.next()?)?;
    let seconds = match fields.next() {
        Some(seconds) if seconds.starts_with(|first: char| first.is_ascii_digit()) => seconds.parse::<f64>().ok()?,
        Some(_) => return None,
        None => 0.0,
    };
    let fits = fields.next().is_none() && minutes < 60.0 && seconds < 60.0;
    fits.then_some(sign * (hours * 3600.0 + minutes * 60.0 + seconds))
}

/// `[-]years-months`.
fn year_month(word: &str) -> Option<(f64, f64)> {
    let (sign, word) = signed(word);
    let (years, months) = word.split_once('-')?;
    Some((sign * whole(years)?, sign * whole(months)?))
}

fn signed(word: &str) -> (f64, &str) {
    match word.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, word.strip_prefix('+').unwrap_or(word)),
    }
}

fn whole(text: &str) -> Option<f64> {
    let is_whole = !text.is_empty() && text.len() < 16 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_whole.then(|| text.parse().ok()).flatten()
}

/// `P1Y2M3DT4H5M6.7S`, without the `P` and in lower case.
fn parse_iso(text: &str) -> Option<IntervalMonthDayNano> {
    let mut parts = Parts::default();
    let mut in_time = false;
    let mut number = String::new();
    let mut count = 0;
    for character in text.chars() {
        match character {
            't' if number.is_empty() && !in_time => in_time = true,
            '0'..='9' | '.' | '-' | '+' => number.push(character),
            unit => {
                let value = number.parse::<f64>().ok().filter(|value| value.is_finite())?;
                number.clear();
                count += 1;
                let unit = match (in_time, unit) {
                    (false, 'y') => "year",
                    (false, 'm') => "month",
                    (false, 'w') => "week",
                    (false, 'd') => "day",
                    (true, 'h') => "hour",
                    (true, 'm') => "minute",
                    (true, 's') => "second",
                    _ => return None,
                };
                add(&mut parts, value, unit)?;
            }
        }
    }
    if count > 0 && number.is_empty() { parts.finish() } else { None }
}

/// Writes an interval in Postgres' default style.
pub(super) fn write(interval: IntervalMonthDayNano, out: &mut String) {
    let start = out.len();
    let mut is_before = false;
    for (value, unit) in [(interval.months / 12, "year"), (interval.months % 12, "mon"), (interval.days, "day")] {
        if value != 0 {
            let space = if out.len() > start { " " } else { "" };
            let sign = if is_before && value > 0 { "+" } else { "" };
            let plural = if value == 1 { "" } else { "s" };
            let _ = write!(out, "{space}{sign}{value} {unit}{plural}");
            is_before = value < 0;
        }
    }
    if interval.nanoseconds == 0 && out.len() > start {
        return;
    }
    let space = if out.len() > start { " " } else { "" };
    let sign = match interval.nanoseconds {
        negative if negative < 0 => "-",
        _ if is_before => "+",
        _ => "",
    };
    let microseconds = interval.nanoseconds.unsigned_abs() / 1_000;
    let seconds = microseconds / 1_000_000;
    let _ = write!(out, "{space}{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = microseconds % 1_000_000;
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let cases = [
            ("1 day 02:03:04", Some("1 day 02:03:04")),
            ("1 year 2 months -3 days 4 hours", Some("1 year 2 mons -3 days +04:00:00")),
            ("1-2", Some("1 year 2 mons")),
            ("-00:00:01.5", Some("-00:00:01.5")),
            ("90", Some("00:01:30")),
            ("1.5 days", Some("1 day 12:00:00")),
            ("1.5 months", Some("1 mon 15 days")),
            ("2h30m", None),
            ("2h 30m", Some("02:30:00")),
            ("3 days ago", Some("-3 days")),
            ("@ 1 minute", Some("00:01:00")),
            ("P1Y2M3DT4H5M6.7S", Some("1 year 2 mons 3 days 04:05:06.7")),
            ("0", Some("00:00:00")),
            ("PT", None),
            ("", None),
            ("1 fortnight", None),
            ("99999999999 years", None),
            ("1 day ago 2 days", None),
            ("nan days", None),
        ];
        for (text, expected) in cases {
            let actual = parse(text).map(|interval| {
                let mut out = String::new();
                write(interval, &mut out);
                out
            });
            assert_eq!(actual.as_deref(), expected, "{text}");
        }
    }
}
