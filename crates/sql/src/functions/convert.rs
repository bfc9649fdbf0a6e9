//! Casts as functions: those that check or change a value in a way that Arrow's casts don't.

mod floats;
mod read;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BinaryArray, Date32Array, Float32Array, Float64Array, IntervalMonthDayNanoArray, PrimitiveArray,
    StringArray,
};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Float32Type, Float64Type, TimestampMicrosecondType};
use datafusion::common::utils::take_function_args;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use self::floats::{floats_of, reals_of};
use self::read::{bytes_of, date_of, elements_of, invalid, invalid_time, limited, timestamp_of, uuid_of};
use self::write::text_of;
use super::interval_text;
use crate::json_text;
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
    /// Text to text of so many characters, kept without the spaces at its end.
    Char { length: u32, is_assignment: bool },
    /// `\x0aff` or escaped text to bytes.
    Bytea,
    /// Text to interval.
    Interval,
    /// Text to date.
    Date,
    /// Text to timestamp, without or with time zone.
    Timestamp { zoned: bool },
    /// An array's text to its elements' texts.
    Elements,
    /// A float to the nearest whole one, the even one of two.
    RoundToEven,
    /// An integer to a `smallint` or `integer`. As a cast, the optimiser would drop it from comparisons,
    /// and the error with it.
    Narrow { is_small: bool },
    /// A numeric to the float that is nearest to it.
    Float { is_double: bool },
    /// Postgres' text of a float, timestamp, interval, bytea or array, or of what is kept as text.
    Text,
}

/// A conversion as an expression.
pub(crate) fn convert(conversion: Conversion, operand: Expr) -> Expr {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::new_from_impl(Convert { conversion, signature }).call(vec![operand])
}

/// Whether the expression converts what has been converted so already.
pub(crate) fn is_repeated(expression: &Expr) -> bool {
    let conversion = |expression: &Expr| match expression {
        Expr::ScalarFunction(call) => call.func.inner().downcast_ref::<Convert>().map(|convert| convert.conversion),
        _ => None,
    };
    let Expr::ScalarFunction(call) = expression else { return false };
    conversion(expression).is_some() && call.args.first().and_then(conversion) == conversion(expression)
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
            Conversion::Char { length, .. } => PgType::Char(Some(length)),
            Conversion::Bytea => PgType::Bytea,
            Conversion::Interval => PgType::Interval,
            Conversion::Date => PgType::Date,
            Conversion::Timestamp { zoned: false } => PgType::Timestamp,
            Conversion::Timestamp { zoned: true } => PgType::TimestampTz,
            Conversion::Elements => PgType::Array(Box::new(PgType::Text)),
            Conversion::RoundToEven | Conversion::Float { is_double: true } => PgType::Double,
            Conversion::Float { is_double: false } => PgType::Real,
            Conversion::Narrow { is_small: true } => PgType::SmallInt,
            Conversion::Narrow { is_small: false } => PgType::Integer,
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
            Conversion::Date => "to_date",
            Conversion::Timestamp { zoned: false } => "to_timestamp",
            Conversion::Timestamp { zoned: true } => "to_timestamptz",
            Conversion::Elements => "to_array",
            Conversion::RoundToEven => "rint",
            Conversion::Float { is_double: true } => "to_double",
            Conversion::Float { is_double: false } => "to_real",
            Conversion::Narrow { is_small: true } => "to_smallint",
            Conversion::Narrow { is_small: false } => "to_integer",
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
            | Conversion::Float { .. }
            | Conversion::Narrow { .. }
            | Conversion::Text
            | Conversion::Bytea
            | Conversion::Interval
            | Conversion::Date
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
            Conversion::Narrow { .. } => {
                let options = CastOptions { safe: false, ..CastOptions::default() };
                Ok(cast_with_options(array, &self.pg_type().arrow(), &options)?)
            }
            Conversion::Float { is_double: true } => floats_of(array),
            Conversion::Float { is_double: false } => reals_of(array),
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
            Conversion::Date => {
                let texts = cast(array, &DataType::Utf8)?;
                let parse = |text: &str| date_of(text).ok_or_else(|| invalid_time("date", text));
                let days = texts.as_string::<i32>().iter().map(|text| text.map(parse).transpose());
                Ok(Arc::new(days.collect::<Result<Date32Array>>()?))
            }
            Conversion::Timestamp { zoned } => {
                let name = if zoned { "timestamp with time zone" } else { "timestamp" };
                let texts = cast(array, &DataType::Utf8)?;
                let parse = |text: &str| timestamp_of(text).ok_or_else(|| invalid_time(name, text));
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
                Ok(limited(text, length, is_assignment, "character")?.trim_end_matches(' ').to_owned())
            }
            Conversion::Bytea
            | Conversion::Interval
            | Conversion::Date
            | Conversion::Timestamp { .. }
            | Conversion::Elements
            | Conversion::RoundToEven
            | Conversion::Float { .. }
            | Conversion::Narrow { .. }
            | Conversion::Text => Ok(text.to_owned()),
        }
    }
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
