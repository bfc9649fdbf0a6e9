//! `extract`, which gives a `numeric`, and `date_part`, which gives a `double precision`.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, TimeUnit,
};
use chrono::{DateTime, Datelike};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::scalar::ScalarValue;

use super::plain::{PlainFunction, Types, Values};
use crate::types::PgType;

const MICROSECONDS_PER_DAY: i128 = super::MICROSECONDS_PER_DAY as i128;
/// 1970-01-01 as a Julian day.
const EPOCH_JULIAN: i128 = 2_440_588;

/// `extract('year', time)`, as which `EXTRACT(YEAR FROM time)` is written.
pub(super) const EXTRACT: PlainFunction = PlainFunction {
    name: "extract",
    aliases: &[],
    coerce,
    result: |types| Ok(decimal_type(part_of(types)?.scale)),
    values: |values| Ok(Arc::new(parts(values)?)),
};

/// `date_part('year', time)`.
pub(super) const DATE_PART: PlainFunction = PlainFunction {
    name: "date_part",
    aliases: &[],
    coerce,
    result: |types| part_of(types).map(|_| DataType::Float64),
    values: |values| {
        let parts = parts(values)?;
        let unit = 10_f64.powi(i32::from(parts.scale()));
        let floats: Float64Array = parts.unary(|part| part as f64 / unit);
        Ok(Arc::new(floats))
    },
};

fn decimal_type(scale: i8) -> DataType {
    // Whole parts are below 2^63.
    DataType::Decimal128(20 + scale.unsigned_abs(), scale)
}

fn coerce(arguments: &[DataType]) -> Option<Vec<DataType>> {
    let [DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, time] = arguments else { return None };
    let time = match time {
        DataType::Date32 | DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => PgType::Time.arrow(),
        DataType::Timestamp(_, None) | DataType::Null => PgType::Timestamp.arrow(),
        DataType::Timestamp(_, Some(_)) => PgType::TimestampTz.arrow(),
        DataType::Interval(_) | DataType::Duration(_) => PgType::Interval.arrow(),
        _ => return None,
    };
    Some(vec![DataType::Utf8, time])
}

/// What to take of what, and in how many decimals.
struct Part {
    unit: Unit,
    kind: Kind,
    scale: i8,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Interval,
}

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Unit {
    Millennium,
    Century,
    Decade,
    Year,
    IsoYear,
    Quarter,
    Month,
    Week,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Julian,
    Epoch,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    TimeZone,
}

fn unit_of(name: &str) -> Option<Unit> {
    Some(match name {
        "millennium" | "millenniums" | "millennia" | "mil" | "mils" => Unit::Millennium,
        "century" | "centuries" | "cent" | "c" => Unit::Century,
        "decade" | "decades" | "dec" | "decs" => Unit::Decade,
        "year" | "years" | "yr" | "yrs" | "y" => Unit::Year,
        "isoyear" => Unit::IsoYear,
        "quarter" | "qtr" => Unit::Quarter,
        "month" | "months" | "mon" | "mons" => Unit::Month,
        "week" | "weeks" | "w" => Unit::Week,
        "day" | "days" | "d" => Unit::Day,
        "dow" => Unit::DayOfWeek,
        "isodow" => Unit::IsoDayOfWeek,
        "doy" => Unit::DayOfYear,
        "julian" | "jd" => Unit::Julian,
        "epoch" => Unit::Epoch,
        "hour" | "hours" | "hr" | "hrs" | "h" => Unit::Hour,
        "minute" | "minutes" | "min" | "mins" | "m" => Unit::Minute,
        "second" | "seconds" | "sec" | "secs" | "s" => Unit::Second,
        "millisecond" | "milliseconds" | "msec" | "msecs" | "ms" => Unit::Millisecond,
        "microsecond" | "microseconds" | "usec" | "usecs" | "us" => Unit::Microsecond,
        "timezone" | "timezone_h" | "timezone_hour" | "timezone_m" | "timezone_minute" => Unit::TimeZone,
        _ => return None,
    })
}

fn part(unit: Option<&ScalarValue>, time: &DataType) -> Result<Part> {
    let Some(ScalarValue::Utf8(Some(name)) | ScalarValue::LargeUtf8(Some(name)) | ScalarValue::Utf8View(Some(name))) =
        unit
    else {
        return Err(DataFusionError::NotImplemented("a part of a time whose name is no literal".to_owned()));
    };
    let kind = match time {
        DataType::Date32 => Kind::Date,
        DataType::Time64(_) => Kind::Time,
        DataType::Timestamp(_, None) => Kind::Timestamp,
        DataType::Timestamp(_, Some(_)) => Kind::TimestampTz,
        _ => Kind::Interval,
    };
    let type_name = PgType::from_arrow(time).map_or_else(String::new, |pg_type| pg_type.name());
    let unknown = || DataFusionError::Plan(format!("unit \"{name}\" not recognized for type {type_name}"));
    let unit = unit_of(&name.to_lowercase()).ok_or_else(unknown)?;
    let is_known = match kind {
        Kind::Date => unit < Unit::Hour,
        Kind::Time => unit >= Unit::Epoch && unit != Unit::TimeZone,
        // The day's fraction would need more decimals than others.
        Kind::Timestamp => unit != Unit::TimeZone && unit != Unit::Julian,
        Kind::TimestampTz => unit != Unit::Julian,
        Kind::Interval => {
            !matches!(unit, Unit::IsoYear | Unit::Week | Unit::TimeZone)
                && !(Unit::DayOfWeek..=Unit::Julian).contains(&unit)
        }
    };
    if !is_known {
        return Err(DataFusionError::NotImplemented(format!("unit \"{name}\" not supported for type {type_name}")));
    }
    let scale = match unit {
        Unit::Epoch if kind == Kind::Date => 0,
        Unit::Second | Unit::Epoch => 6,
        Unit::Millisecond => 3,
        _ => 0,
    };
    Ok(Part { unit, kind, scale })
}

fn part_of(types: &Types<'_>) -> Result<Part> {
    match types.arguments {
        [_, time] => part(types.literals.first().copied().flatten(), time),
        _ => Err(DataFusionError::Internal("a part and a time".to_owned())),
    }
}

/// The parts, times ten to the power of their scale.
fn parts(values: &Values<'_>) -> Result<Decimal128Array> {
    let times = values.array(1)?;
    let unit = match &values.arguments[0] {
        ColumnarValue::Scalar(unit) => Some(unit),
        ColumnarValue::Array(_) => None,
    };
    let part = part(unit, times.data_type())?;
    let unit = part.unit;
    let microseconds = |times: &ArrayRef| -> Result<PrimitiveArray<Int64Type>> {
        let times = cast(times, &DataType::Int64)?;
        Ok(times.as_primitive::<Int64Type>().clone())
    };
    let parts: PrimitiveArray<Decimal128Type> = match part.kind {
        Kind::Interval => times.as_primitive::<IntervalMonthDayNanoType>().unary(|value| of_interval(value, unit)),
        Kind::Time => microseconds(&times)?.unary(|value| of_time(value, unit)),
        Kind::Date => times.as_primitive::<Date32Type>().unary(|days| match unit {
            Unit::Epoch => i128::from(days) * 86_400,
            Unit::Julian => i128::from(days) + EPOCH_JULIAN,
            _ => of_day(days, unit),
        }),
        Kind::Timestamp | Kind::TimestampTz => {
            let DataType::Timestamp(TimeUnit::Microsecond, _) = times.data_type() else {
                return Err(DataFusionError::Internal("timestamps are in microseconds".to_owned()));
            };
            microseconds(&times)?.unary(|value| of_timestamp(value, unit))
        }
    };
    Ok(parts.with_data_type(decimal_type(part.scale)))
}

fn of_timestamp(microseconds: i64, unit: Unit) -> i128 {
    let wide = i128::from(microseconds);
    match unit {
        Unit::Epoch => wide,
        Unit::TimeZone => 0,
        unit if unit >= Unit::Hour => of_time(wide.rem_euclid(MICROSECONDS_PER_DAY) as i64, unit),
        unit => of_day(wide.div_euclid(MICROSECONDS_PER_DAY) as i32, unit),
    }
}

fn of_time(microseconds: i64, unit: Unit) -> i128 {
    let microseconds = i128::from(microseconds);
    match unit {
        Unit::Hour => microseconds / 3_600_000_000,
        Unit::Minute => microseconds / 60_000_000 % 60,
        // Of different scales, these are one number.
        Unit::Second | Unit::Millisecond | Unit::Microsecond => microseconds % 60_000_000,
        _ => microseconds,
    }
}

fn of_day(days: i32, unit: Unit) -> i128 {
    let Some(date) = DateTime::from_timestamp(i64::from(days) * 86_400, 0).map(|moment| moment.date_naive()) else {
        return 0;
    };
    let year = i128::from(date.year());
    // There is no year 0, and so the first century is from year 1 to 100.
    let counted = |years: i128| if year > 0 { (year + years - 1) / years } else { -((years - year) / years) };
    match unit {
        Unit::Millennium => counted(1000),
        Unit::Century => counted(100),
        Unit::Decade => year.div_euclid(10),
        Unit::Year => year - i128::from(year <= 0),
        Unit::IsoYear => i128::from(date.iso_week().year()),
        Unit::Quarter => i128::from(date.month0() / 3 + 1),
        Unit::Month => i128::from(date.month()),
        Unit::Week => i128::from(date.iso_week().week()),
        Unit::DayOfWeek => i128::from(date.weekday().num_days_from_sunday()),
        Unit::IsoDayOfWeek => i128::from(date.weekday().number_from_monday()),
        Unit::DayOfYear => i128::from(date.ordinal()),
        _ => i128::from(date.day()),
    }
}

fn of_interval(interval: IntervalMonthDayNano, unit: Unit) -> i128 {
    let (months, days) = (i128::from(interval.months), i128::from(interval.days));
    let time = interval.nanoseconds / 1000;
    match unit {
        Unit::Millennium => months / 12_000,
        Unit::Century => months / 1200,
        Unit::Decade => months / 120,
        Unit::Year => months / 12,
        Unit::Quarter => months % 12 / 3 + 1,
        Unit::Month => months % 12,
        Unit::Day => days,
        // A year is 365.25 days.
        Unit::Epoch => {
            let quarter_days = months / 12 * 1461 + (months % 12 * 30 + days) * 4;
            quarter_days * MICROSECONDS_PER_DAY / 4 + i128::from(time)
        }
        unit => of_time(time, unit),
    }
}
