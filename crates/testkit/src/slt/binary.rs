//! Postgres' binary formats, shown as Postgres shows the same values as text.
//!
//! It is written from the protocol's description and not with the frontend's encoders, so that the
//! two check each other. Source: the `*_send` functions described in "Binary Format" of each type.

use std::error::Error;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, TimeDelta};
use tokio_postgres::types::{FromSql, Kind, Type};

/// A value of any type, as text.
pub struct Text(pub String);

type Failure = Box<dyn Error + Sync + Send>;

impl<'a> FromSql<'a> for Text {
    fn from_sql(data_type: &Type, raw: &'a [u8]) -> Result<Text, Failure> {
        text(data_type, raw).map(Text)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn text(data_type: &Type, raw: &[u8]) -> Result<String, Failure> {
    if let Kind::Array(element) = data_type.kind() {
        return array(element, raw);
    }
    Ok(match *data_type {
        Type::BOOL => if raw == [1] { "t" } else { "f" }.to_owned(),
        Type::INT2 => i16::from_be_bytes(raw.try_into()?).to_string(),
        Type::INT4 => i32::from_be_bytes(raw.try_into()?).to_string(),
        Type::INT8 => i64::from_be_bytes(raw.try_into()?).to_string(),
        Type::OID => u32::from_be_bytes(raw.try_into()?).to_string(),
        Type::FLOAT4 => float(f32::from_be_bytes(raw.try_into()?).into(), f32::from_be_bytes(raw.try_into()?)),
        Type::FLOAT8 => float(f64::from_be_bytes(raw.try_into()?), f64::from_be_bytes(raw.try_into()?)),
        Type::NUMERIC => numeric(raw)?,
        Type::BYTEA => hexadecimal(raw),
        Type::DATE => date(i32::from_be_bytes(raw.try_into()?))?,
        Type::TIME => time(i64::from_be_bytes(raw.try_into()?)),
        Type::TIMESTAMP => timestamp(i64::from_be_bytes(raw.try_into()?))?,
        Type::TIMESTAMPTZ => timestamp(i64::from_be_bytes(raw.try_into()?))? + "+00",
        Type::INTERVAL => interval(raw)?,
        Type::UUID => uuid(raw),
        // The first byte is the format's version.
        Type::JSONB => String::from_utf8(raw.get(1..).unwrap_or_default().to_vec())?,
        _ => String::from_utf8(raw.to_vec())?,
    })
}

/// Postgres' shortest form: plain between 1e-4 and the type's digits, with an exponent otherwise.
fn float<F: std::fmt::Display + std::fmt::LowerExp>(value: f64, shown: F) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{shown:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let exponent_max = if size_of::<F>() == 4 { 6 } else { 15 };
    if value == 0.0 || (-4..exponent_max).contains(&exponent) {
        return format!("{shown}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Base-10000 digits, a weight, a sign and a display scale.
fn numeric(raw: &[u8]) -> Result<String, Failure> {
    let words: Vec<i16> = raw.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect();
    let [_, weight, sign, scale, ref digits @ ..] = words[..] else {
        return Err("a numeric without its head".into());
    };
    match sign as u16 {
        0xC000 => return Ok("NaN".to_owned()),
        0xD000 => return Ok("Infinity".to_owned()),
        0xF000 => return Ok("-Infinity".to_owned()),
        _ => {}
    }
    let digit = |position: i32| usize::try_from(position).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
    let mut whole: String = (0..=i32::from(weight)).map(|position| format!("{:04}", digit(position))).collect();
    whole = whole.trim_start_matches('0').to_owned();
    if whole.is_empty() {
        whole.push('0');
    }
    let scale = usize::try_from(scale)?;
    let mut fraction = String::new();
    let mut position = i32::from(weight) + 1;
    while fraction.len() < scale {
        fraction.push_str(&format!("{:04}", if position < 0 { 0 } else { digit(position) }));
        position += 1;
    }
    fraction.truncate(scale);
    let minus = if sign as u16 == 0x4000 { "-" } else { "" };
    Ok(if scale == 0 { format!("{minus}{whole}") } else { format!("{minus}{whole}.{fraction}") })
}

fn hexadecimal(raw: &[u8]) -> String {
    let digits: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\\x{digits}")
}

fn uuid(raw: &[u8]) -> String {
    let digits: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// Days since 2000-01-01.
fn date(days: i32) -> Result<String, Failure> {
    match days {
        i32::MAX => return Ok("infinity".to_owned()),
        i32::MIN => return Ok("-infinity".to_owned()),
        _ => {}
    }
    let start = NaiveDate::from_ymd_opt(2000, 1, 1).ok_or("no epoch")?;
    let distance = Days::new(u64::from(days.unsigned_abs()));
    let date = if days < 0 { start.checked_sub_days(distance) } else { start.checked_add_days(distance) };
    Ok(date.ok_or("a date out of range")?.format("%Y-%m-%d").to_string())
}

/// Microseconds since midnight.
fn time(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    clock + &fraction(micros % 1_000_000)
}

fn fraction(micros: i64) -> String {
    if micros == 0 {
        return String::new();
    }
    format!(".{micros:06}").trim_end_matches('0').to_owned()
}

/// Microseconds since 2000-01-01 00:00.
fn timestamp(micros: i64) -> Result<String, Failure> {
    match micros {
        i64::MAX => return Ok("infinity".to_owned()),
        i64::MIN => return Ok("-infinity".to_owned()),
        _ => {}
    }
    let start: NaiveDateTime = DateTime::from_timestamp(946_684_800, 0).ok_or("no epoch")?.naive_utc();
    let moment = start.checked_add_signed(TimeDelta::microseconds(micros)).ok_or("a timestamp out of range")?;
    Ok(moment.format("%Y-%m-%d %H:%M:%S").to_string() + &fraction(micros.rem_euclid(1_000_000)))
}

/// Microseconds, days, months; shown as `1 year 2 mons 3 days 04:05:06`.
fn interval(raw: &[u8]) -> Result<String, Failure> {
    let micros = i64::from_be_bytes(raw.get(..8).ok_or("a short interval")?.try_into()?);
    let days = i32::from_be_bytes(raw.get(8..12).ok_or("a short interval")?.try_into()?);
    let months = i32::from_be_bytes(raw.get(12..16).ok_or("a short interval")?.try_into()?);
    let mut parts = Vec::new();
    // After a negative part Postgres marks the next positive one with a plus.
    let mut negative = false;
    for (value, singular, plural) in
        [(months / 12, "year", "years"), (months % 12, "mon", "mons"), (days, "day", "days")]
    {
        if value != 0 {
            let plus = if negative && value > 0 { "+" } else { "" };
            parts.push(format!("{plus}{value} {}", if value == 1 { singular } else { plural }));
            negative = value < 0;
        }
    }
    if micros != 0 || parts.is_empty() {
        let sign = if micros < 0 {
            "-"
        } else if negative {
            "+"
        } else {
            ""
        };
        parts.push(format!("{sign}{}", time(micros.abs())));
    }
    Ok(parts.join(" "))
}

/// Dimensions, whether there are nulls, the element's type; for each dimension its length and lower
/// bound; then the elements with their lengths.
fn array(element: &Type, raw: &[u8]) -> Result<String, Failure> {
    let mut words = raw;
    let dimensions = usize::try_from(take_i32(&mut words)?)?;
    take_i32(&mut words)?;
    take_i32(&mut words)?;
    if dimensions == 0 {
        return Ok("{}".to_owned());
    }
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        lengths.push(usize::try_from(take_i32(&mut words)?)?);
        take_i32(&mut words)?;
    }
    elements(element, &lengths, &mut words)
}

fn elements(element: &Type, lengths: &[usize], words: &mut &[u8]) -> Result<String, Failure> {
    let mut shown = Vec::new();
    for _ in 0..lengths[0] {
        if lengths.len() > 1 {
            shown.push(elements(element, &lengths[1..], words)?);
            continue;
        }
        match usize::try_from(take_i32(words)?) {
            Err(_) => shown.push("NULL".to_owned()),
            Ok(length) => {
                let (value, rest) = words.split_at_checked(length).ok_or("a short array")?;
                *words = rest;
                shown.push(quoted(&text(element, value)?));
            }
        }
    }
    Ok(format!("{{{}}}", shown.join(",")))
}

fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && !text.eq_ignore_ascii_case("null")
        && !text.contains(|char: char| char.is_whitespace() || "{},\"\\".contains(char));
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

fn take_i32(words: &mut &[u8]) -> Result<i32, Failure> {
    let (word, rest) = words.split_first_chunk::<4>().ok_or("a short array")?;
    *words = rest;
    Ok(i32::from_be_bytes(*word))
}
