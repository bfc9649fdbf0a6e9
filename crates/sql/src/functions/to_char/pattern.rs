//! Patterns: read once, written for each row.

use std::fmt::Write;

use datafusion::error::{DataFusionError, Result};

use super::date::Date;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// What a part of a pattern stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Hour12,
    Hour24,
    Minute,
    Second,
    /// So many digits of a second's fraction.
    Fraction(u32),
    SecondsOfDay,
    /// `AM`, and whether with points.
    Meridiem {
        points: bool,
    },
    /// So many of its last digits.
    Year(u32),
    YearWithComma,
    IsoYear(u32),
    Era {
        points: bool,
    },
    MonthName,
    MonthShort,
    Month,
    RomanMonth,
    DayName,
    DayShort,
    DayOfYear,
    DayOfMonth,
    DayOfWeek,
    IsoDayOfWeek,
    WeekOfMonth,
    WeekOfYear,
    IsoWeek,
    Century,
    JulianDay,
    Quarter,
    ZoneName,
    ZoneHours,
    ZoneMinutes,
    ZoneOffset,
}

/// How letters are written, after how the pattern writes its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letters {
    Upper,
    Capital,
    Lower,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Field { field: Field, letters: Letters, fill: bool, ordinal: Option<bool> },
}

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    /// Whether the text depends on more than the day.
    pub(super) has_time: bool,
}

/// Longer words before those that they start with.
const WORDS: &[(&str, Field)] = &[
    ("Y,YYY", Field::YearWithComma),
    ("SSSSS", Field::SecondsOfDay),
    ("MONTH", Field::MonthName),
    ("A.M.", Field::Meridiem { points: true }),
    ("P.M.", Field::Meridiem { points: true }),
    ("B.C.", Field::Era { points: true }),
    ("A.D.", Field::Era { points: true }),
    ("HH24", Field::Hour24),
    ("HH12", Field::Hour12),
    ("SSSS", Field::SecondsOfDay),
    ("YYYY", Field::Year(4)),
    ("IYYY", Field::IsoYear(4)),
    ("YYY", Field::Year(3)),
    ("IYY", Field::IsoYear(3)),
    ("MON", Field::MonthShort),
    ("DAY", Field::DayName),
    ("DDD", Field::DayOfYear),
    ("FF1", Field::Fraction(1)),
    ("FF2", Field::Fraction(2)),
    ("FF3", Field::Fraction(3)),
    ("FF4", Field::Fraction(4)),
    ("FF5", Field::Fraction(5)),
    ("FF6", Field::Fraction(6)),
    ("TZH", Field::ZoneHours),
    ("TZM", Field::ZoneMinutes),
    ("HH", Field::Hour12),
    ("MI", Field::Minute),
    ("SS", Field::Second),
    ("MS", Field::Fraction(3)),
    ("US", Field::Fraction(6)),
    ("AM", Field::Meridiem { points: false }),
    ("PM", Field::Meridiem { points: false }),
    ("BC", Field::Era { points: false }),
    ("AD", Field::Era { points: false }),
    ("YY", Field::Year(2)),
    ("IY", Field::IsoYear(2)),
    ("MM", Field::Month),
    ("RM", Field::RomanMonth),
    ("DY", Field::DayShort),
    ("DD", Field::DayOfMonth),
    ("ID", Field::IsoDayOfWeek),
    ("WW", Field::WeekOfYear),
    ("IW", Field::IsoWeek),
    ("CC", Field::Century),
    ("TZ", Field::ZoneName),
    ("OF", Field::ZoneOffset),
    ("Y", Field::Year(1)),
    ("I", Field::IsoYear(1)),
    ("D", Field::DayOfWeek),
    ("W", Field::WeekOfMonth),
    ("J", Field::JulianDay),
    ("Q", Field::Quarter),
];

impl Pattern {
    pub(super) fn compile(pattern: &str) -> Result<Pattern> {
        let mut parts: Vec<Part> = vec![];
        let mut has_time = false;
        let mut rest = pattern;
        let mut fill = true;
        while let Some(first) = rest.chars().next() {
            if let Some(quoted) = rest.strip_prefix('"') {
                let end = quoted.find('"').unwrap_or(quoted.len());
                push_text(&mut parts, &quoted[..end]);
                rest = quoted.get(end + 1..).unwrap_or("");
            } else if starts_with(rest, "FM") {
                fill = false;
                rest = &rest[2..];
            } else if starts_with(rest, "FX") || starts_with(rest, "TM") {
                rest = &rest[2..];
            } else if starts_with(rest, "IDDD") {
                return Err(DataFusionError::NotImplemented("to_char with IDDD is not supported yet".to_owned()));
            } else if let Some((word, field)) = WORDS.iter().find(|(word, _)| starts_with(rest, word)) {
                let written = &rest[..word.len()];
                rest = &rest[word.len()..];
                let ordinal = if starts_with(rest, "TH") { Some(rest.starts_with("TH")) } else { None };
                rest = if ordinal.is_some() { &rest[2..] } else { rest };
                has_time |= is_time(*field);
                parts.push(Part::Field { field: *field, letters: letters_of(written), fill, ordinal });
                fill = true;
            } else {
                let width = first.len_utf8();
                push_text(&mut parts, &rest[..width]);
                rest = &rest[width..];
            }
        }
        Ok(Pattern { parts, has_time })
    }

    pub(super) fn write(&self, date: &Date, time: i64, zone: &str, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field { field, letters, fill, ordinal } => {
                    let start = out.len();
                    write_field(*field, *letters, *fill, date, time, zone, out);
                    if let Some(is_upper) = ordinal {
                        let suffix = ordinal_suffix(&out[start..]);
                        out.push_str(&if *is_upper { suffix.to_uppercase() } else { suffix.to_owned() });
                    }
                }
            }
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(last)) => last.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

fn starts_with(text: &str, word: &str) -> bool {
    text.as_bytes().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

fn letters_of(written: &str) -> Letters {
    let mut letters = written.chars().filter(|character| character.is_ascii_alphabetic());
    match (letters.next().is_some_and(char::is_uppercase), letters.next().is_some_and(char::is_uppercase)) {
        (true, true) => Letters::Upper,
        (true, false) => Letters::Capital,
        _ => Letters::Lower,
    }
}

fn is_time(field: Field) -> bool {
    use Field::{Fraction, Hour12, Hour24, Meridiem, Minute, Second, SecondsOfDay};
    matches!(field, Hour12 | Hour24 | Minute | Second | Fraction(_) | SecondsOfDay | Meridiem { .. })
}

fn ordinal_suffix(number: &str) -> &'static str {
    match number.as_bytes() {
        [.., b'1', _] => "th",
        [.., b'1'] => "st",
        [.., b'2'] => "nd",
        [.., b'3'] => "rd",
        _ => "th",
    }
}

fn write_field(field: Field, letters: Letters, fill: bool, date: &Date, time: i64, zone: &str, out: &mut String) {
    let seconds = time / 1_000_000;
    let hour = seconds / 3600;
    // Year zero is 1 BC.
    let year = if date.year > 0 { date.year } else { 1 - date.year };
    match field {
        Field::Hour12 => number(if hour % 12 == 0 { 12 } else { hour % 12 }, 2, fill, out),
        Field::Hour24 => number(hour, 2, fill, out),
        Field::Minute => number(seconds / 60 % 60, 2, fill, out),
        Field::Second => number(seconds % 60, 2, fill, out),
        Field::Fraction(digits) => {
            let value = time % 1_000_000 / 10_i64.pow(6 - digits);
            number(value, digits as usize, true, out);
        }
        Field::SecondsOfDay => number(seconds, 0, fill, out),
        Field::Meridiem { points } => {
            let text = match (hour < 12, points) {
                (true, false) => "AM",
                (false, false) => "PM",
                (true, true) => "A.M.",
                (false, true) => "P.M.",
            };
            word(text, letters, 0, out);
        }
        Field::Year(digits) => {
            number(year % 10_i64.pow(if digits == 4 { 9 } else { digits }), digits as usize, fill, out)
        }
        Field::YearWithComma => {
            let _ = write!(out, "{},{:03}", year / 1000, year % 1000);
        }
        Field::IsoYear(digits) => {
            number(date.iso_week().0 % 10_i64.pow(if digits == 4 { 9 } else { digits }), digits as usize, fill, out);
        }
        Field::Era { points } => {
            let text = match (date.year > 0, points) {
                (true, false) => "AD",
                (false, false) => "BC",
                (true, true) => "A.D.",
                (false, true) => "B.C.",
            };
            word(text, letters, 0, out);
        }
        Field::MonthName => word(MONTHS[date.month - 1], letters, if fill { 9 } else { 0 }, out),
        Field::MonthShort => word(&MONTHS[date.month - 1][..3], letters, 0, out),
        Field::Month => number(date.month as i64, 2, fill, out),
        Field::RomanMonth => word(ROMAN[date.month - 1], letters, if fill { 4 } else { 0 }, out),
        Field::DayName => word(DAYS[date.weekday], letters, if fill { 9 } else { 0 }, out),
        Field::DayShort => word(&DAYS[date.weekday][..3], letters, 0, out),
        Field::DayOfYear => number(date.day_of_year, 3, fill, out),
        Field::DayOfMonth => number(date.day, 2, fill, out),
        Field::DayOfWeek => number(date.weekday as i64 + 1, 1, fill, out),
        Field::IsoDayOfWeek => number((date.weekday as i64 + 6) % 7 + 1, 1, fill, out),
        Field::WeekOfMonth => number((date.day - 1) / 7 + 1, 1, fill, out),
        Field::WeekOfYear => number((date.day_of_year - 1) / 7 + 1, 2, fill, out),
        Field::IsoWeek => number(date.iso_week().1, 2, fill, out),
        Field::Century => number((year + 99) / 100, 2, fill, out),
        Field::JulianDay => number(date.number + 2_440_588, 0, fill, out),
        Field::Quarter => number((date.month as i64 - 1) / 3 + 1, 1, fill, out),
        Field::ZoneName => word(zone, letters, 0, out),
        Field::ZoneHours => out.push_str("+00"),
        Field::ZoneMinutes => out.push_str("00"),
        Field::ZoneOffset => out.push_str("+00"),
    }
}

fn number(value: i64, width: usize, fill: bool, out: &mut String) {
    let width = if fill { width } else { 0 };
    // The usual case by hand: the formatting machinery costs several times as much.
    if width == 2 && (0..100).contains(&value) {
        let tens = u8::try_from(value / 10).unwrap_or(0);
        let ones = u8::try_from(value % 10).unwrap_or(0);
        out.push(char::from(b'0' + tens));
        out.push(char::from(b'0' + ones));
    } else {
        let _ = write!(out, "{value:0width$}");
    }
}

/// A word in the pattern's letters, filled with spaces to a width.
fn word(text: &str, letters: Letters, width: usize, out: &mut String) {
    let start = out.len();
    match letters {
        Letters::Upper => out.push_str(&text.to_uppercase()),
        Letters::Lower => out.push_str(&text.to_lowercase()),
        Letters::Capital => out.push_str(text),
    }
    (out.len() - start..width).for_each(|_| out.push(' '));
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::functions::MICROSECONDS_PER_DAY;

    fn format(microseconds: i64, pattern: &str) -> String {
        let mut out = String::new();
        let pattern = Pattern::compile(pattern).expect("a pattern");
        let date = Date::of_day(microseconds.div_euclid(MICROSECONDS_PER_DAY));
        pattern.write(&date, microseconds.rem_euclid(MICROSECONDS_PER_DAY), "UTC", &mut out);
        out
    }

    #[test]
    fn patterns() {
        // 2013-01-05 17:08:09.012345, a Saturday.
        let moment = 1_357_405_689_012_345;
        let cases = [
            ("YYYY-MM-DD", "2013-01-05"),
            ("yyyy-mm-dd hh24:mi:ss.us", "2013-01-05 17:08:09.012345"),
            ("HH12:MI:SS PM", "05:08:09 PM"),
            ("FMHH:MI am", "5:08 pm"),
            ("Day, DD Month YYYY|", "Saturday , 05 January   2013|"),
            ("FMDay, FMDDth FMMonth YYYY", "Saturday, 5th January 2013"),
            ("DY Mon mon MON", "SAT Jan jan JAN"),
            ("YY Y,YYY Q WW W IW IYYY D ID DDD", "13 2,013 1 01 1 01 2013 7 6 005"),
            ("\"Year:\" YYYY \"MM\"", "Year: 2013 MM"),
            ("MS FF1 SSSS J", "012 0 61689 2456298"),
            ("CC AD", "21 AD"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(format(moment, pattern), expected, "{pattern}");
        }
        assert_eq!(format(-1, "YYYY-MM-DD HH24:MI:SS.US"), "1969-12-31 23:59:59.999999");
        assert_eq!(format(951_782_400_000_000, "YYYY-MM-DD DDD"), "2000-02-29 060");
    }
}
