//! Parameters of `Bind`, in text and binary format, as values for the engine.

mod array;
mod binary;
mod text;

use arrow::datatypes::{DataType, Field};
use datafusion::scalar::ScalarValue;
use postgres_types::Type;
use sql::json_text;

use crate::encode::Format;
use crate::error::Error;
use crate::types::WireType;

pub(crate) use array::split as split_array;
pub(crate) use text::parse_uuid;

/// A parameter that was sent as the type `sent` (an OID), brought to the Arrow type that `field` has.
pub(crate) fn decode(bytes: Option<&[u8]>, format: Format, sent: u32, field: &Field) -> Result<ScalarValue, Error> {
    let Some(bytes) = bytes else { return null(field.data_type()) };
    let unsupported = || Error::unsupported(format_args!("a parameter of type {}", field.data_type()));
    let expected = WireType::of(field).ok_or_else(unsupported)?;
    let (base, data_type) = if expected.base.oid() == sent {
        (expected.base, field.data_type().clone())
    } else {
        // The client and the statement disagree: read what was sent, and cast.
        let sent_field = WireType::field(sent).ok_or_else(unsupported)?;
        (Type::from_oid(sent).ok_or_else(unsupported)?, sent_field.data_type().clone())
    };
    let value = match format {
        Format::Text => text::parse(utf8(bytes)?, &base, &data_type)?,
        Format::Binary => binary::read(bytes, &base, &data_type)?,
    };
    cast(value, field.data_type())
}

fn null(data_type: &DataType) -> Result<ScalarValue, Error> {
    ScalarValue::try_new_null(data_type)
        .map_err(|_| Error::unsupported(format_args!("a parameter of type {data_type}")))
}

/// For instance from `Utf8` to `Utf8View`, or a number to the scale of its type.
fn cast(value: ScalarValue, target: &DataType) -> Result<ScalarValue, Error> {
    // A parameter whose type nothing tells is text.
    if value.data_type() == *target || *target == DataType::Null {
        return Ok(value);
    }
    value.cast_to(target).map_err(|_| {
        let message = format!("parameter value \"{value}\" is out of range for type {target}");
        Error::request("22003", message)
    })
}

/// The bytes as text, which has no zero in Postgres.
fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(Error::not_utf8)
}

/// As statements keep it: lower case, with hyphens.
fn uuid_text(uuid: [u8; 16]) -> String {
    let hex: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// `json` as it was written, `jsonb` in its one form.
fn json(text: &str, base: &Type) -> Result<ScalarValue, Error> {
    let json = match *base {
        Type::JSONB => json_text::normalise(text),
        _ => json_text::is_json(text).then(|| text.to_owned()),
    };
    let message = "invalid input syntax for type json";
    json.map(|json| ScalarValue::Utf8(Some(json))).ok_or_else(|| Error::request("22P02", message))
}

fn invalid(base: &Type, text: &str) -> Error {
    let message = format!("invalid input syntax for type {}: \"{text}\"", crate::types::sql_name(base));
    Error::request("22P02", message)
}

#[cfg(test)]
mod tests;
