//! Parameters in binary format, as the `..._recv` functions of Postgres read them.

use arrow::datatypes::{DataType, IntervalMonthDayNano};
use bytes::{Buf, Bytes};
use datafusion::scalar::ScalarValue;
use postgres_types::Type;

use super::{array, json, text, utf8, uuid_text};
use crate::encode::{POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_MICROS, digits_from_base_10000};
use crate::error::Error;
use crate::types::{element_of, sql_name};
use crate::wire::Body;

pub(super) fn malformed(base: &Type) -> Error {
    Error::request("22P03", format!("incorrect binary data format for type {}", sql_name(base)))
}

/// Reads a value of type `base`; `target` is the Arrow type it is for.
pub(super) fn read(bytes: &[u8], base: &Type, target: &DataType) -> Result<ScalarValue, Error> {
    if let Some(element) = element_of(base) {
        return array::read_binary(Body(Bytes::copy_from_slice(bytes)), &element, target).map_err(
            |error| match error {
                // The message's own frame was sound; only this value is not.
                Error::Fatal { .. } => malformed(base),
                other => other,
            },
        );
    }
    Ok(match *base {
        Type::BOOL => ScalarValue::Boolean(Some(fixed::<1>(bytes, base)? != [0])),
        Type::INT2 => ScalarValue::Int16(Some(i16::from_be_bytes(fixed(bytes, base)?))),
        Type::INT4 => ScalarValue::Int32(Some(i32::from_be_bytes(fixed(bytes, base)?))),
        Type::INT8 => ScalarValue::Int64(Some(i64::from_be_bytes(fixed(bytes, base)?))),
        Type::OID | Type::REGCLASS | Type::REGTYPE | Type::REGPROC => {
            ScalarValue::Int32(Some(i32::from_be_bytes(fixed(bytes, base)?)))
        }
        Type::FLOAT4 => ScalarValue::Float32(Some(f32::from_be_bytes(fixed(bytes, base)?))),
        Type::FLOAT8 => ScalarValue::Float64(Some(f64::from_be_bytes(fixed(bytes, base)?))),
        Type::NUMERIC => numeric(bytes, base, target)?,
        Type::BYTEA => ScalarValue::Binary(Some(bytes.to_vec())),
        Type::UUID => match target {
            DataType::FixedSizeBinary(_) => ScalarValue::FixedSizeBinary(16, Some(fixed::<16>(bytes, base)?.to_vec())),
            _ => ScalarValue::Utf8(Some(uuid_text(fixed(bytes, base)?))),
        },
        Type::DATE => ScalarValue::Date32(Some(match i32::from_be_bytes(fixed(bytes, base)?) {
            infinity @ (i32::MAX | i32::MIN) => infinity,
            days => days.checked_add(POSTGRES_EPOCH_DAYS).ok_or_else(|| malformed(base))?,
        })),
        Type::TIME => ScalarValue::Time64Microsecond(Some(i64::from_be_bytes(fixed(bytes, base)?))),
        Type::TIMESTAMP => ScalarValue::TimestampMicrosecond(Some(instant(bytes, base)?), None),
        Type::TIMESTAMPTZ => ScalarValue::TimestampMicrosecond(Some(instant(bytes, base)?), Some("+00:00".into())),
        Type::INTERVAL => {
            let mut bytes = &fixed::<16>(bytes, base)?[..];
            let nanoseconds = bytes.get_i64().checked_mul(1000).ok_or_else(|| malformed(base))?;
            let (days, months) = (bytes.get_i32(), bytes.get_i32());
            ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano { months, days, nanoseconds }))
        }
        Type::JSONB => match bytes.split_first() {
            Some((1, text)) => json(utf8(text)?, base)?,
            _ => return Err(malformed(base)),
        },
        Type::JSON => json(utf8(bytes)?, base)?,
        Type::BPCHAR => text::parse(utf8(bytes)?, base, target)?,
        _ => ScalarValue::Utf8(Some(utf8(bytes)?.to_owned())),
    })
}

fn fixed<const N: usize>(bytes: &[u8], base: &Type) -> Result<[u8; N], Error> {
    bytes.try_into().map_err(|_| malformed(base))
}

fn instant(bytes: &[u8], base: &Type) -> Result<i64, Error> {
    match i64::from_be_bytes(fixed(bytes, base)?) {
        infinity @ (i64::MAX | i64::MIN) => Ok(infinity),
        micros => micros.checked_add(POSTGRES_EPOCH_MICROS).ok_or_else(|| malformed(base)),
    }
}

fn numeric(bytes: &[u8], base: &Type, target: &DataType) -> Result<ScalarValue, Error> {
    let mut header = bytes;
    if header.len() < 8 {
        return Err(malformed(base));
    }
    let (count, weight, sign, scale) = (header.get_u16(), header.get_i16(), header.get_u16(), header.get_u16());
    if header.len() != usize::from(count) * 2 {
        return Err(malformed(base));
    }
    let groups: Vec<u16> = header.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let digits = digits_from_base_10000(weight, sign, scale, &groups).ok_or_else(|| malformed(base))?;
    text::parse(&digits, base, target)
}
