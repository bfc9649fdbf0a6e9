//! Parameters in text format.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::scalar::ScalarValue;
use postgres_types::Type;

use super::{array, invalid, json, uuid_text};
use crate::error::Error;
use crate::types::element_of;

/// Reads a value of type `base`; `target` is the Arrow type it is for (its precision and time zone matter).
pub(super) fn parse(text: &str, base: &Type, target: &DataType) -> Result<ScalarValue, Error> {
    if let Some(element) = element_of(base) {
        return array::parse_text(text, &element, target);
    }
    let trimmed = text.trim();
    let number = |parsed: Option<ScalarValue>| parsed.ok_or_else(|| invalid(base, text));
    match *base {
        Type::BOOL => number(parse_bool(trimmed).map(|value| ScalarValue::Boolean(Some(value)))),
        Type::INT2 => integer(trimmed, base).map(|value: i16| ScalarValue::Int16(Some(value))),
        Type::INT4 => integer(trimmed, base).map(|value: i32| ScalarValue::Int32(Some(value))),
        Type::INT8 => integer(trimmed, base).map(|value: i64| ScalarValue::Int64(Some(value))),
        // OIDs have no sign, but the storage of an integer.
        Type::OID | Type::REGCLASS | Type::REGTYPE | Type::REGPROC => {
            integer(trimmed, base).map(|value: u32| ScalarValue::Int32(Some(value as i32)))
        }
        Type::FLOAT4 => number(trimmed.parse().ok().map(|value| ScalarValue::Float32(Some(value)))),
        Type::FLOAT8 => number(trimmed.parse().ok().map(|value| ScalarValue::Float64(Some(value)))),
        Type::BYTEA => parse_bytes(text).map(|bytes| ScalarValue::Binary(Some(bytes))),
        Type::UUID => match target {
            DataType::FixedSizeBinary(_) => Ok(ScalarValue::FixedSizeBinary(16, Some(parse_uuid(trimmed)?.to_vec()))),
            _ => parse_uuid(trimmed).map(|uuid| ScalarValue::Utf8(Some(uuid_text(uuid)))),
        },
        Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ if is_infinite(trimmed) => Ok(infinity(trimmed, target)),
        Type::DATE => cast(day(trimmed), &DataType::Date32, base),
        Type::TIME => cast(without_zone(trimmed), &DataType::Time64(TimeUnit::Microsecond), base),
        Type::TIMESTAMP => cast(without_zone(trimmed), target, base),
        Type::TIMESTAMPTZ | Type::INTERVAL | Type::NUMERIC => cast(trimmed, target, base),
        Type::JSON | Type::JSONB => json(text, base),
        // Spaces at its end are no part of it.
        Type::BPCHAR => Ok(ScalarValue::Utf8(Some(text.trim_end_matches(' ').to_owned()))),
        _ => Ok(ScalarValue::Utf8(Some(text.to_owned()))),
    }
}

fn integer<T: std::str::FromStr<Err = std::num::ParseIntError>>(text: &str, base: &Type) -> Result<T, Error> {
    text.parse().map_err(|error: std::num::ParseIntError| match error.kind() {
        std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
            let name = crate::types::sql_name(base);
            Error::request("22003", format!("value \"{text}\" is out of range for type {name}"))
        }
        _ => invalid(base, text),
    })
}

fn cast(text: &str, target: &DataType, base: &Type) -> Result<ScalarValue, Error> {
    ScalarValue::Utf8(Some(text.to_owned())).cast_to(target).map_err(|_| match *base {
        Type::NUMERIC => invalid(base, text),
        _ => {
            let name = crate::types::sql_name(base);
            Error::request("22007", format!("invalid input syntax for type {name}: \"{text}\""))
        }
    })
}

/// The date of a date and time: drivers that do not know the type put a zone or a time behind it.
fn day(text: &str) -> &str {
    text.split([' ', 'T']).next().unwrap_or(text)
}

/// What has no zone takes none from its text either, as in Postgres.
fn without_zone(text: &str) -> &str {
    let time = text.find(':').unwrap_or(text.len());
    let zone = text[time..].find(['+', '-', 'Z', 'z']).map_or(text.len(), |zone| time + zone);
    text[..zone].trim_end()
}

fn is_infinite(text: &str) -> bool {
    ["infinity", "-infinity"].iter().any(|infinity| text.eq_ignore_ascii_case(infinity))
}

/// Infinities are the ends of what is stored.
fn infinity(text: &str, target: &DataType) -> ScalarValue {
    let is_negative = text.starts_with('-');
    let micros = if is_negative { i64::MIN } else { i64::MAX };
    match target {
        DataType::Date32 => ScalarValue::Date32(Some(if is_negative { i32::MIN } else { i32::MAX })),
        DataType::Timestamp(_, zone) => ScalarValue::TimestampMicrosecond(Some(micros), zone.clone()),
        // The cast to it refuses what does not fit.
        _ => ScalarValue::TimestampMicrosecond(Some(micros), None),
    }
}

/// Any unique beginning of a word for it, as in Postgres.
fn parse_bool(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if text == "1" || begins("true", 1) || begins("yes", 1) || begins("on", 2) {
        Some(true)
    } else if text == "0" || begins("false", 1) || begins("no", 1) || begins("off", 2) {
        Some(false)
    } else {
        None
    }
}

/// `\x` and hex digits, or the older form with octal escapes.
fn parse_bytes(text: &str) -> Result<Vec<u8>, Error> {
    let wrong = || Error::request("22P02", "invalid input syntax for type bytea");
    if let Some(hex) = text.strip_prefix("\\x") {
        let digits = hex.bytes().filter(|byte| !byte.is_ascii_whitespace());
        let digits =
            digits.map(|digit| char::from(digit).to_digit(16)).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
        if digits.len() % 2 != 0 {
            return Err(wrong());
        }
        return Ok(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'\\', [b'\\', after @ ..]) => (b'\\', after),
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                ((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'), after)
            }
            (b'\\', _) => return Err(wrong()),
            (byte, after) => (byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    Ok(bytes)
}

/// Hex digits with hyphens after any group of four, perhaps in braces.
pub(crate) fn parse_uuid(text: &str) -> Result<[u8; 16], Error> {
    let wrong = || invalid(&Type::UUID, text);
    let inner = text.trim();
    let inner = inner.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).unwrap_or(inner);
    let mut uuid = [0; 16];
    let mut digits = 0;
    for character in inner.chars() {
        if character == '-' && digits > 0 && digits % 4 == 0 {
            continue;
        }
        let digit = character.to_digit(16).filter(|_| digits < 32).ok_or_else(wrong)?;
        uuid[digits / 2] = uuid[digits / 2] * 16 + digit as u8;
        digits += 1;
    }
    if digits == 32 { Ok(uuid) } else { Err(wrong()) }
}

/// A list of values of one element type.
pub(super) fn list(values: &[ScalarValue], target: &DataType) -> Result<ScalarValue, Error> {
    let DataType::List(field) = target else {
        return Err(Error::unsupported(format_args!("an array parameter of type {target}")));
    };
    let list = ScalarValue::new_list(values, field.data_type(), true);
    let array = ScalarValue::List(list);
    // The field's name and metadata are part of the type.
    if array.data_type() == *target {
        return Ok(array);
    }
    let ScalarValue::List(list) = array else { return Ok(array) };
    let (_, offsets, values, nulls) = Arc::unwrap_or_clone(list).into_parts();
    arrow::array::ListArray::try_new(Arc::clone(field), offsets, values, nulls)
        .map(|list| ScalarValue::List(Arc::new(list)))
        .map_err(|error| Error::request("XX000", error.to_string()))
}
