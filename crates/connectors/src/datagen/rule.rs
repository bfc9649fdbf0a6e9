//! The rule of a column: `fields.<column>.kind` and what belongs to it, and the values it makes.
//!
//! | kind | options | types |
//! |---|---|---|
//! | `sequence` | `start`, `end` (starts over after it), `step` | all that can be counted off, floats, text, uuid |
//! | `random` | `min`, `max` (both included), or `length` of text | all but bytea, jsonb, interval and lists |
//! | `constant` | `value` | all |
//! | `choice` | `values`, between commas | all |
//!
//! Every kind has `nulls`: which part of the values is null. Without a kind, timestamps are a
//! sequence and all else is random.

use arrow::array::ArrayRef;
use arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use arrow::datatypes::{DataType, Field};

use super::options::Options;
use super::ordinal;
use crate::Error;
use crate::formats::typed::can_be_text;
use crate::formats::{TextType, text_type, type_name};
use crate::settings::{hint, invalid};

/// Letters of random text, unless the options say otherwise.
const TEXT_LENGTH: usize = 10;

const TEXT_LENGTH_MAX: usize = 1 << 20;

/// How values are made.
#[derive(Debug)]
pub(crate) enum Rule {
    Sequence {
        start: i128,
        step: i128,
        count: u128,
    },
    Random {
        min: i128,
        span: u128,
    },
    FloatSequence {
        start: f64,
        step: f64,
        count: u64,
    },
    FloatRandom {
        min: f64,
        max: f64,
    },
    TextSequence {
        start: i64,
        step: i64,
        count: u64,
    },
    TextRandom {
        length: usize,
    },
    BooleanRandom,
    UuidSequence,
    UuidRandom,
    /// One of these; with a single value, always that.
    Choice(ArrayRef),
}

impl Rule {
    /// The rule that `options` say for the column `field`; `rate` is the rows a second, if they are limited.
    pub(crate) fn new(field: &Field, mut options: Options, rate: Option<f64>) -> Result<Self, Error> {
        let is_timestamp = matches!(field.data_type(), DataType::Timestamp(..));
        let default_kind = if is_timestamp { "sequence" } else { "random" };
        let (key, kind) = options.take("kind").unwrap_or_else(|| ("kind".into(), default_kind.into()));
        let rule = match kind.to_ascii_lowercase().as_str() {
            "sequence" => Self::sequence(field, &mut options, rate)?,
            "random" => Self::random(field, &mut options)?,
            "constant" => Self::choice(field, &mut options, "value")?,
            "choice" => Self::choice(field, &mut options, "values")?,
            _ => {
                let hint = hint(&kind, &["sequence", "random", "constant", "choice"], "kinds");
                return Err(invalid(&key, format!("unknown kind \"{kind}\". {hint}")));
            }
        };
        options.finish(&kind, field)?;
        Ok(rule)
    }

    fn sequence(field: &Field, options: &mut Options, rate: Option<f64>) -> Result<Self, Error> {
        let data_type = field.data_type();
        if let Some((smallest, largest)) = ordinal::bounds(data_type) {
            let start = options.ordinal("start", field)?.unwrap_or_else(|| default_start(data_type));
            let end = options.ordinal("end", field)?;
            let step = ordinal_step(field, options)?.unwrap_or_else(|| natural_step(data_type, rate));
            let end = end.unwrap_or(if step > 0 { largest } else { smallest });
            let count = sequence_count(field, start, end, step)?;
            return Ok(Self::Sequence { start, step, count });
        }
        let whole = "a whole number";
        match data_type {
            DataType::Float32 | DataType::Float64 => {
                let start = options.number("start", "a number")?.unwrap_or(0.0);
                let step: f64 = options.number("step", "a number")?.unwrap_or(1.0);
                let count = match options.number::<f64>("end", "a number")? {
                    Some(end) if step != 0.0 && (end - start) / step >= 0.0 => {
                        (((end - start) / step).floor() as u64).saturating_add(1)
                    }
                    Some(_) => return Err(never_ends(field)),
                    None => u64::MAX,
                };
                Ok(Self::FloatSequence { start, step, count })
            }
            DataType::Utf8 if text_type(field) == TextType::Uuid => Ok(Self::UuidSequence),
            DataType::Utf8 if text_type(field) != TextType::Json => {
                let start: i64 = options.number("start", whole)?.unwrap_or(0);
                let step: i64 = options.number("step", whole)?.unwrap_or(1);
                let count = match options.number::<i64>("end", whole)? {
                    Some(end) => {
                        u64::try_from(sequence_count(field, start.into(), end.into(), step.into())?).unwrap_or(u64::MAX)
                    }
                    None => u64::MAX,
                };
                Ok(Self::TextSequence { start, step, count })
            }
            _ => Err(unsupported("sequence", field)),
        }
    }

    fn random(field: &Field, options: &mut Options) -> Result<Self, Error> {
        let data_type = field.data_type();
        if ordinal::bounds(data_type).is_some() {
            let (least, most) = default_range(data_type);
            let min = options.ordinal("min", field)?;
            let max = options.ordinal("max", field)?;
            // A range of which one end is given reaches as far as the default one, if that makes sense.
            let (min, max) = match (min, max) {
                (Some(min), None) => (min, most.max(min)),
                (None, Some(max)) => (least.min(max), max),
                (min, max) => (min.unwrap_or(least), max.unwrap_or(most)),
            };
            let span = max.checked_sub(min).filter(|span| *span >= 0).ok_or_else(|| wrong_range(field))?;
            return Ok(Self::Random { min, span: span as u128 + 1 });
        }
        match data_type {
            DataType::Float32 | DataType::Float64 => {
                let min: f64 = options.number("min", "a number")?.unwrap_or(0.0);
                let max: f64 = options.number("max", "a number")?.unwrap_or(min.max(0.0) + 1.0);
                if min <= max && (max - min).is_finite() {
                    Ok(Self::FloatRandom { min, max })
                } else {
                    Err(wrong_range(field))
                }
            }
            DataType::Boolean => Ok(Self::BooleanRandom),
            DataType::Utf8 => match text_type(field) {
                TextType::Uuid => Ok(Self::UuidRandom),
                TextType::Json => Err(unsupported("random", field)),
                text_type => {
                    let fits = if let TextType::Varchar(length) = text_type { length } else { TEXT_LENGTH_MAX };
                    let length = options.number("length", "a number of letters")?.unwrap_or(TEXT_LENGTH.min(fits));
                    if length > fits {
                        return Err(invalid(&format!("fields.{}.length", field.name()), format!("at most {fits}")));
                    }
                    Ok(Self::TextRandom { length })
                }
            },
            _ => Err(unsupported("random", field)),
        }
    }

    fn choice(field: &Field, options: &mut Options, option: &str) -> Result<Self, Error> {
        let Some((key, text)) = options.take(option) else {
            return Err(invalid(&format!("fields.{}.{option}", field.name()), "missing"));
        };
        let texts = if option == "values" { text.split(',').map(str::trim).collect() } else { vec![text.as_str()] };
        if !can_be_text(field.data_type()) {
            return Err(unsupported(option, field));
        }
        Ok(Self::Choice(ordinal::parse_all(&texts, field).map_err(|message| invalid(&key, message))?))
    }
}

/// What a sequence of values over time goes up by, at a given rate of rows.
fn natural_step(data_type: &DataType, rate: Option<f64>) -> i128 {
    match data_type {
        DataType::Decimal128(_, scale) => 10i128.pow(u32::try_from(*scale).unwrap_or(0).min(38)),
        DataType::Time64(_) => 1_000_000,
        DataType::Timestamp(..) => (1e6 / rate.unwrap_or(1000.0)).round().max(1.0) as i128,
        _ => 1,
    }
}

fn default_start(data_type: &DataType) -> i128 {
    match data_type {
        DataType::Date32 | DataType::Timestamp(..) => default_range(data_type).0,
        _ => 0,
    }
}

/// What random values of a type are between, unless the options say otherwise.
fn default_range(data_type: &DataType) -> (i128, i128) {
    /// 2020-01-01 and 2029-12-31, in days.
    const DECADE: (i128, i128) = (18_262, 21_914);
    const DAY_US: i128 = 86_400_000_000;
    match data_type {
        DataType::Date32 => DECADE,
        DataType::Timestamp(..) => (DECADE.0 * DAY_US, (DECADE.1 + 1) * DAY_US - 1),
        DataType::Time64(_) => (0, DAY_US - 1),
        DataType::Decimal128(..) => {
            let largest = ordinal::bounds(data_type).map_or(0, |(_, largest)| largest);
            (0, largest.min(natural_step(data_type, None).saturating_mul(1000)))
        }
        _ => (0, 1000),
    }
}

/// The `step` of a sequence, as a difference of ordinals.
fn ordinal_step(field: &Field, options: &mut Options) -> Result<Option<i128>, Error> {
    const DAY_NS: i128 = 86_400_000_000_000;
    if !matches!(field.data_type(), DataType::Date32 | DataType::Time64(_) | DataType::Timestamp(..)) {
        return options.ordinal("step", field);
    }
    let Some((key, text)) = options.take("step") else { return Ok(None) };
    let interval = parse_interval_month_day_nano(&text)
        .map_err(|_| invalid(&key, format!("expected an interval such as '1 minute', not \"{text}\"")))?;
    if interval.months != 0 {
        return Err(invalid(&key, "months and years have no fixed length; expected days or less"));
    }
    let step_ns = i128::from(interval.days) * DAY_NS + i128::from(interval.nanoseconds);
    let unit_ns = if *field.data_type() == DataType::Date32 { DAY_NS } else { 1000 };
    if step_ns % unit_ns != 0 {
        return Err(invalid(&key, format!("finer than a {} can be", type_name(field))));
    }
    Ok(Some(step_ns / unit_ns))
}

fn sequence_count(field: &Field, start: i128, end: i128, step: i128) -> Result<u128, Error> {
    let distance = end.checked_sub(start).filter(|distance| step != 0 && distance.signum() * step.signum() >= 0);
    let distance = distance.ok_or_else(|| never_ends(field))?;
    Ok((distance / step) as u128 + 1)
}

fn never_ends(field: &Field) -> Error {
    invalid(&format!("fields.{}.end", field.name()), "the steps from the start do not lead there")
}

fn wrong_range(field: &Field) -> Error {
    invalid(&format!("fields.{}.min", field.name()), "more than the maximum, or too far from it")
}

fn unsupported(kind: &str, field: &Field) -> Error {
    Error::Unsupported(format!("column \"{}\": a {kind} of {}", field.name(), type_name(field)))
}
