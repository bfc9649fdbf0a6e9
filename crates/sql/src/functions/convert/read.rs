//! Reading text as Postgres reads it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, ListBuilder, StringBuilder};
use arrow::compute::cast;
use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime};
use arrow::datatypes::{DataType, Date32Type};
use datafusion::error::{DataFusionError, Result};

use crate::functions::{MICROSECONDS_PER_DAY, array_text};

pub(super) fn invalid(name: &str, text: &str) -> DataFusionError {
    DataFusionError::Execution(format!("invalid input syntax for type {name}: \"{text}\""))
}

/// The same for dates and times, where what only looks like one is said to be out of range.
pub(super) fn invalid_time(name: &str, text: &str) -> DataFusionError {
    let mut parts = text.trim().splitn(3, '-');
    let is_number = |part: Option<&str>, digits: usize| {
        part.is_some_and(|part| part.len() >= digits && part.bytes().take(digits).all(|byte| byte.is_ascii_digit()))
    };
    let is_date = is_number(parts.next(), 4) && is_number(parts.next(), 2) && is_number(parts.next(), 2);
    if is_date && !text.contains(|letter: char| letter.is_alphabetic() && !"TZtz".contains(letter)) {
        return DataFusionError::Execution(format!("date/time field value out of range: \"{text}\""));
    }
    invalid(name, text)
}

/// Days since 1970, also of a text that has a time.
pub(super) fn date_of(text: &str) -> Option<i32> {
    let text = text.trim();
    Date32Type::parse(text).or_else(|| i32::try_from(timestamp_of(text)?.div_euclid(MICROSECONDS_PER_DAY)).ok())
}

/// Microseconds since 1970. Unlike Arrow, Postgres needs no seconds in a time of day.
pub(super) fn timestamp_of(text: &str) -> Option<i64> {
    let text = text.trim();
    let parsed = string_to_datetime(&chrono::Utc, text).ok().or_else(|| {
        // `2020-01-02 03:04`, with a zone behind it or not.
        let (minutes, zone) = text.split_at_checked(16)?;
        string_to_datetime(&chrono::Utc, &format!("{minutes}:00{zone}")).ok()
    });
    parsed.map(|moment| moment.timestamp_micros())
}

/// Sixteen bytes in hexadecimal, with a hyphen allowed after each four digits, in braces or not.
pub(super) fn uuid_of(text: &str) -> Option<String> {
    let digits = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut out = String::with_capacity(36);
    let mut count = 0;
    let mut previous = '-';
    for character in digits.chars() {
        match character {
            '-' if count % 4 == 0 && count > 0 && count < 32 && previous != '-' => {}
            digit if digit.is_ascii_hexdigit() && count < 32 => {
                if matches!(count, 8 | 12 | 16 | 20) {
                    out.push('-');
                }
                out.push(digit.to_ascii_lowercase());
                count += 1;
            }
            _ => return None,
        }
        previous = character;
    }
    (count == 32 && previous != '-').then_some(out)
}

/// The text if it is short enough; what is too much may be spaces, or is cut off by an explicit cast.
pub(super) fn limited<'a>(text: &'a str, length: u32, is_assignment: bool, name: &str) -> Result<&'a str> {
    let Some((end, _)) = text.char_indices().nth(length as usize) else { return Ok(text) };
    if is_assignment && !text[end..].bytes().all(|byte| byte == b' ') {
        return Err(DataFusionError::Execution(format!("value too long for type {name}({length})")));
    }
    Ok(&text[..end])
}

/// `\x` and hexadecimal digits, or text in which `\\` and `\123` are escapes.
pub(super) fn bytes_of(text: &str) -> Result<Vec<u8>> {
    let failure = || invalid("bytea", text);
    if let Some(digits) = text.strip_prefix("\\x") {
        let digits = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<_>>();
        if digits.len() % 2 != 0 {
            return Err(failure());
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
        return digits.chunks(2).map(|pair| byte(pair).ok_or_else(failure)).collect();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'\\' {
            bytes.push(first);
        } else if let Some(tail) = rest.strip_prefix(b"\\") {
            bytes.push(b'\\');
            rest = tail;
        } else {
            let octal = rest.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
            bytes.push(octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()).ok_or_else(failure)?);
            rest = &rest[3..];
        }
    }
    Ok(bytes)
}

pub(super) fn elements_of(array: &ArrayRef) -> Result<ArrayRef> {
    let texts = cast(array, &DataType::Utf8)?;
    let mut lists = ListBuilder::new(StringBuilder::new());
    for text in texts.as_string::<i32>() {
        match text {
            None => lists.append_null(),
            Some(text) => {
                let elements = array_text::parse(text)
                    .ok_or_else(|| DataFusionError::Execution(format!("malformed array literal: \"{text}\"")))?;
                elements.iter().for_each(|element| lists.values().append_option(element.as_deref()));
                lists.append(true);
            }
        }
    }
    Ok(Arc::new(lists.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids() {
        let usual = Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11".to_owned());
        for text in [
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "{a0eebc999c0b4ef8bb6d6bb9bd380a11}",
            "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
        ] {
            assert_eq!(uuid_of(text), usual, "{text}");
        }
        for text in ["", "a0eebc99", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1x", "{a0eebc999c0b4ef8bb6d6bb9bd380a11"] {
            assert_eq!(uuid_of(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps() {
        let cases = [
            ("2020-01-02", Some(1_577_923_200_000_000)),
            (" 2020-01-02 03:00 ", Some(1_577_934_000_000_000)),
            ("2020-01-02T03:00:00.5Z", Some(1_577_934_000_500_000)),
            ("2020-01-02 03:00+01:00", Some(1_577_930_400_000_000)),
            ("2020-13-02", None),
            ("2020-01-02 25:00", None),
            ("tomorrow", None),
            ("ääääääääääääääääää", None),
        ];
        for (text, expected) in cases {
            assert_eq!(timestamp_of(text), expected, "{text}");
        }
    }

    #[test]
    fn bytes() {
        assert_eq!(bytes_of("\\x0aFF").expect("valid"), [0x0a, 0xff]);
        assert_eq!(bytes_of("a\\\\b\\001").expect("valid"), [b'a', b'\\', b'b', 1]);
        assert!(bytes_of("\\x0").is_err());
        assert!(bytes_of("\\9").is_err());
    }
}
