//! `numeric` in text and in Postgres' base-10000 binary form.

use bytes::{BufMut, BytesMut};

use super::values::Scale;

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

/// The decimal text of an integer's digits (with sign) at a scale: `-12345` at 2 is `-123.45`.
fn decimal_text(unscaled: &str, scale: i8) -> String {
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", unscaled),
    };
    if scale <= 0 {
        let zeros = if digits == "0" { 0 } else { usize::from(scale.unsigned_abs()) };
        return format!("{sign}{digits}{}", "0".repeat(zeros));
    }
    let scale = usize::from(scale.unsigned_abs());
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// A value's decimal text as its column shows it.
pub(crate) fn shown(unscaled: impl std::fmt::Display, scale: Scale) -> String {
    let text = decimal_text(&unscaled.to_string(), scale.digits);
    match scale.trimmed && text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Appends the binary form of a decimal text.
///
/// Digits in groups of four, the point between two groups; leading and trailing zero groups are left out.
pub(crate) fn write_binary(text: &str, output: &mut BytesMut) {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (NEGATIVE, text),
        None => (POSITIVE, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = format!("{}{whole}", "0".repeat((4 - whole.len() % 4) % 4));
    let padded = format!("{fraction}{}", "0".repeat((4 - fraction.len() % 4) % 4));
    let groups: Vec<u16> = [whole.as_bytes(), padded.as_bytes()].concat().chunks(4).map(group).collect();
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let trailing = groups[leading..].iter().rev().take_while(|group| **group == 0).count();
    let digits = &groups[leading..groups.len() - trailing];
    let weight = if digits.is_empty() { 0 } else { (whole.len() / 4) as i16 - 1 - leading as i16 };
    output.put_u16(digits.len() as u16);
    output.put_i16(weight);
    output.put_u16(if digits.is_empty() { POSITIVE } else { sign });
    output.put_u16(fraction.len() as u16);
    digits.iter().for_each(|group| output.put_u16(*group));
}

fn group(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0'))
}

/// The decimal text of a binary `numeric`'s fields; none if they make no number (NaN and infinity do not).
pub(crate) fn digits_from_base_10000(weight: i16, sign: u16, scale: u16, groups: &[u16]) -> Option<String> {
    if groups.iter().any(|group| *group > 9999) || !matches!(sign, POSITIVE | NEGATIVE) {
        return None;
    }
    let group_at = |index: i32| usize::try_from(index).ok().and_then(|index| groups.get(index)).copied().unwrap_or(0);
    let mut text = String::new();
    for index in 0..=i32::from(weight).max(0) {
        let index = if weight < 0 { -1 } else { index };
        text.push_str(&format!("{:04}", group_at(index)));
    }
    let whole = text.trim_start_matches('0');
    let mut fraction = String::new();
    for index in 0..i32::from(scale.div_ceil(4)) {
        fraction.push_str(&format!("{:04}", group_at(i32::from(weight) + 1 + index)));
    }
    fraction.truncate(usize::from(scale));
    let sign = if sign == NEGATIVE { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}
