//! Casts as functions: those that check or change a value in a way that Arrow's casts don't.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Float32Array, Float64Array, IntervalMonthDayNanoArray, ListBuilder,
    PrimitiveArray, StringArray, StringBuilder,
};
use arrow::compute::cast;
use arrow::compute::kernels::cast_utils::string_to_datetime;
use arrow::datatypes::{
    DataType, Field, FieldRef, Float32Type, Float64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::utils::take_function_args;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::{array_text, interval_text, json_text};
use super::to_char::write_timestamp;
use crate::types::{PgType, TYPE_KEY};

/// What to make of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Conversion {
    /// Text to uuid, in its usual form.
    Uuid,
    /// Text to json: checked, kept as it is.
    Json,
    /// Text to jsonb, in its one form.
    Jsonb,
    /// Text to text of at most so many characters. An explicit cast cuts it, an assignment refuses.
    Varchar { length: u32, is_assignment: bool },
    /// Text to text of exactly so many characters, filled with spaces.
    Char { length: u32, is_assignment: bool },
    /// `\x0aff` or escaped text to bytes.
    Bytea,
    /// Text to interval.
    Interval,
    /// Text to timestamp, without or with time zone.
    Timestamp { zoned: bool },
    /// An array's text to its elements' texts.
    Elements,
    /// A float to the nearest whole one, the even one of two.
    RoundToEven,
    /// Postgres' text of a float, timestamp, interval, bytea or array, or of what is kept as text.
    Text,
}

/// A conversion as an expression.
pub(crate) fn convert(conversion: Conversion, operand: Expr) -> Expr {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::new_from_impl(Convert { conversion, signature }).call(vec![operand])
}

/// Whether the expression is a float that has been rounded for a cast to an integer.
pub(crate) fn is_rounded(expression: &Expr) -> bool {
    let Expr::ScalarFunction(call) = expression else { return false };
    let convert = call.func.inner().downcast_ref::<Convert>();
    convert.is_some_and(|convert| convert.conversion == Conversion::RoundToEven)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Convert {
    conversion: Conversion,
    signature: Signature,
}

impl Convert {
    fn pg_type(&self) -> PgType {
        match self.conversion {
            Conversion::Uuid => PgType::Uuid,
            Conversion::Json => PgType::Json,
            Conversion::Jsonb => PgType::Jsonb,
            Conversion::Varchar { length, .. } => PgType::Varchar(Some(length)),
            Conversion::Char { length, .. } => PgType::Char(length),
            Conversion::Bytea => PgType::Bytea,
            Conversion::Interval => PgType::Interval,
            Conversion::Timestamp { zoned: false } => PgType::Timestamp,
            Conversion::Timestamp { zoned: true } => PgType::TimestampTz,
            Conversion::Elements => PgType::Array(Box::new(PgType::Text)),
            Conversion::RoundToEven => PgType::Double,
            Conversion::Text => PgType::Text,
        }
    }
}

impl ScalarUDFImpl for Convert {
    fn name(&self) -> &str {
        match self.conversion {
            Conversion::Uuid => "to_uuid",
            Conversion::Json => "to_json",
            Conversion::Jsonb => "to_jsonb",
            Conversion::Varchar { .. } => "to_varchar",
            Conversion::Char { .. } => "to_bpchar",
            Conversion::Bytea => "to_bytea",
            Conversion::Interval => "to_interval",
            Conversion::Timestamp { zoned: false } => "to_timestamp",
            Conversion::Timestamp { zoned: true } => "to_timestamptz",
            Conversion::Elements => "to_array",
            Conversion::RoundToEven => "rint",
            Conversion::Text => "to_text",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let [argument] = take_function_args(self.name(), arguments)?;
        Ok(match self.conversion {
            Conversion::RoundToEven => argument.clone(),
            _ => self.pg_type().arrow(),
        })
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let [argument] = take_function_args(self.name(), arguments.arg_fields)?;
        let data_type = self.return_type(&[argument.data_type().clone()])?;
        let field = Field::new(self.name(), data_type, argument.is_nullable());
        Ok(Arc::new(match self.conversion {
            Conversion::RoundToEven
            | Conversion::Text
            | Conversion::Bytea
            | Conversion::Interval
            | Conversion::Timestamp { .. }
            | Conversion::Elements => field,
            _ => field.with_metadata(HashMap::from([(TYPE_KEY.to_owned(), self.pg_type().name())])),
        }))
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [argument] = take_function_args(self.name(), arguments.args)?;
        match argument {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(self.apply(&array)?)),
            ColumnarValue::Scalar(scalar) => {
                let result = self.apply(&scalar.to_array()?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?))
            }
        }
    }
}

impl Convert {
    fn apply(&self, array: &ArrayRef) -> Result<ArrayRef> {
        match self.conversion {
            Conversion::RoundToEven => round_to_even(array),
            Conversion::Text => text_of(array),
            Conversion::Bytea => {
                let texts = cast(array, &DataType::Utf8)?;
                let bytes = texts.as_string::<i32>().iter().map(|text| text.map(bytes_of).transpose());
                Ok(Arc::new(bytes.collect::<Result<BinaryArray>>()?))
            }
            Conversion::Interval => {
                let texts = cast(array, &DataType::Utf8)?;
                let parse = |text: &str| interval_text::parse(text).ok_or_else(|| invalid("interval", text));
                let intervals = texts.as_string::<i32>().iter().map(|text| text.map(parse).transpose());
                Ok(Arc::new(intervals.collect::<Result<IntervalMonthDayNanoArray>>()?))
            }
            Conversion::Timestamp { zoned } => {
                let name = if zoned { "timestamp with time zone" } else { "timestamp" };
                let texts = cast(array, &DataType::Utf8)?;
                let parse = |text: &str| timestamp_of(text).ok_or_else(|| invalid(name, text));
                let moments = texts.as_string::<i32>().iter().map(|text| text.map(parse).transpose());
                let moments = moments.collect::<Result<PrimitiveArray<TimestampMicrosecondType>>>()?;
                Ok(Arc::new(moments.with_data_type(self.pg_type().arrow())))
            }
            Conversion::Elements => elements_of(array),
            _ => {
                let texts = cast(array, &DataType::Utf8)?;
                let converted =
                    texts.as_string::<i32>().iter().map(|text| text.map(|text| self.text(text)).transpose());
                Ok(Arc::new(converted.collect::<Result<StringArray>>()?))
            }
        }
    }

    fn text(&self, text: &str) -> Result<String> {
        match self.conversion {
            Conversion::Uuid => uuid_of(text).ok_or_else(|| invalid("uuid", text)),
            Conversion::Json if json_text::is_json(text) => Ok(text.to_owned()),
            Conversion::Json => Err(invalid("json", text)),
            Conversion::Jsonb => json_text::normalise(text).ok_or_else(|| invalid("json", text)),
            Conversion::Varchar { length, is_assignment } => {
                limited(text, length, is_assignment, "character varying").map(str::to_owned)
            }
            Conversion::Char { length, is_assignment } => {
                let text = limited(text, length, is_assignment, "character")?;
                let missing = (length as usize).saturating_sub(text.chars().count());
                Ok(format!("{text}{}", " ".repeat(missing)))
            }
            Conversion::Bytea
            | Conversion::Interval
            | Conversion::Timestamp { .. }
            | Conversion::Elements
            | Conversion::RoundToEven
            | Conversion::Text => Ok(text.to_owned()),
        }
    }
}

fn invalid(name: &str, text: &str) -> DataFusionError {
    DataFusionError::Execution(format!("invalid input syntax for type {name}: \"{text}\""))
}

/// Microseconds since 1970. Unlike Arrow, Postgres needs no seconds in a time of day.
fn timestamp_of(text: &str) -> Option<i64> {
    let text = text.trim();
    let parsed = string_to_datetime(&chrono::Utc, text).ok().or_else(|| {
        // `2020-01-02 03:04`, with a zone behind it or not.
        let (minutes, zone) = text.split_at_checked(16)?;
        string_to_datetime(&chrono::Utc, &format!("{minutes}:00{zone}")).ok()
    });
    parsed.map(|moment| moment.timestamp_micros())
}

/// Sixteen bytes in hexadecimal, with a hyphen allowed after each four digits, in braces or not.
fn uuid_of(text: &str) -> Option<String> {
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
fn limited<'a>(text: &'a str, length: u32, is_assignment: bool, name: &str) -> Result<&'a str> {
    let Some((end, _)) = text.char_indices().nth(length as usize) else { return Ok(text) };
    if is_assignment && !text[end..].bytes().all(|byte| byte == b' ') {
        return Err(DataFusionError::Execution(format!("value too long for type {name}({length})")));
    }
    Ok(&text[..end])
}

/// `\x` and hexadecimal digits, or text in which `\\` and `\123` are escapes.
fn bytes_of(text: &str) -> Result<Vec<u8>> {
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

fn round_to_even(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Float32 => {
            let rounded: Float32Array = array.as_primitive::<Float32Type>().unary(f32::round_ties_even);
            Arc::new(rounded)
        }
        _ => {
            let array = cast(array, &DataType::Float64)?;
            let rounded: Float64Array = array.as_primitive::<Float64Type>().unary(f64::round_ties_even);
            Arc::new(rounded)
        }
    })
}

fn text_of(array: &ArrayRef) -> Result<ArrayRef> {
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 16);
    match array.data_type() {
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            each(values, &mut out, |value, text| write_float(f64::from(value), &value.to_string(), text));
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            each(values, &mut out, |value, text| write_float(value, &value.to_string(), text));
        }
        DataType::Timestamp(_, zone) => {
            let suffix = if zone.is_some() { "+00" } else { "" };
            let values = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
            let values = values.as_primitive::<TimestampMicrosecondType>();
            each(values, &mut out, |value, text| {
                write_timestamp(value, text);
                text.push_str(suffix);
            });
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            let values = cast(array, &DataType::Binary)?;
            for value in values.as_binary::<i32>() {
                out.append_option(value.map(|bytes| {
                    bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
                        let _ = write!(text, "{byte:02x}");
                        text
                    })
                }));
            }
        }
        DataType::Interval(_) => {
            let values = cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
            let values = values.as_primitive::<IntervalMonthDayNanoType>();
            each(values, &mut out, interval_text::write);
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            let lists = cast(array, &DataType::new_list(text_elements(array.data_type()), true))?;
            for list in lists.as_list::<i32>().iter() {
                let Some(list) = list else {
                    out.append_null();
                    continue;
                };
                let texts = text_of(&list)?;
                let mut text = String::new();
                array_text::write(texts.as_string::<i32>().iter(), &mut text);
                out.append_value(text);
            }
        }
        _ => return Ok(cast(array, &DataType::Utf8)?),
    }
    Ok(Arc::new(out.finish()))
}

/// What the elements of a list are, to be written one by one.
fn text_elements(list: &DataType) -> DataType {
    match list {
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            element.data_type().clone()
        }
        _ => DataType::Utf8,
    }
}

fn elements_of(array: &ArrayRef) -> Result<ArrayRef> {
    let texts = cast(array, &DataType::Utf8)?;
    let mut lists = ListBuilder::new(StringBuilder::new());
    for text in texts.as_string::<i32>() {
        match text {
            None => lists.append_null(),
            Some(text) => {
                let elements = array_text::parse(text).ok_or_else(|| {
                    DataFusionError::Execution(format!("malformed array literal: \"{text}\""))
                })?;
                elements.iter().for_each(|element| lists.values().append_option(element.as_deref()));
                lists.append(true);
            }
        }
    }
    Ok(Arc::new(lists.finish()))
}

fn each<T: arrow::datatypes::ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    out: &mut StringBuilder,
    mut write: impl FnMut(T::Native, &mut String),
) {
    let mut text = String::new();
    for value in values {
        match value {
            Some(value) => {
                text.clear();
                write(value, &mut text);
                out.append_value(&text);
            }
            None => out.append_null(),
        }
    }
}

/// A float as Postgres writes it: the shortest digits that read back the same, with an exponent
/// where C's `%g` of that many digits has one.
fn write_float(value: f64, shortest: &str, out: &mut String) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else if value != 0.0 && !(1e-4..1e15).contains(&value.abs()) {
        out.push_str(&with_exponent(shortest));
    } else {
        out.push_str(shortest);
    }
}

/// Rust writes `100000`, or `0.00001`; this makes it `1e+05`, and `1e-05`.
fn with_exponent(plain: &str) -> String {
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.bytes().take_while(|digit| *digit == b'0').count();
    let significant = all[leading..].trim_end_matches('0');
    // Both are lengths of short texts.
    let exponent = whole.len() as i64 - leading as i64 - 1;
    let (first, rest) = significant.split_at(significant.len().min(1));
    let point = if rest.is_empty() { "" } else { "." };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", exponent.abs())
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
    fn floats() {
        let cases: [(f64, &str); 8] = [
            (1.0, "1"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e15, "1e+15"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (0.00001, "1e-05"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, expected) in cases {
            let mut out = String::new();
            write_float(value, &value.to_string(), &mut out);
            assert_eq!(out, expected);
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
