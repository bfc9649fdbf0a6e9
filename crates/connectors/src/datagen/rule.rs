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

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float32Array, Float64Array, StringArray, UInt64Array};
use arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, SchemaRef};

use super::ordinal;
use crate::Error;
use crate::formats::{TextType, text_type, type_name};
use crate::random::{below, fraction, random};
use crate::settings::{Settings, hint, invalid};

/// The options of all rules, by column.
#[derive(Debug)]
pub(crate) struct Rules(BTreeMap<String, Options>);

/// The options of one rule: name, to key as written and value.
#[derive(Debug, Default)]
pub(crate) struct Options(BTreeMap<String, (String, String)>);

const OPTIONS: [&str; 10] = ["kind", "start", "end", "step", "min", "max", "length", "value", "values", "nulls"];

impl Rules {
    /// Takes every `fields.<column>.<option>`.
    pub(crate) fn from_settings(settings: &mut Settings, schema: &SchemaRef) -> Result<Self, Error> {
        let mut rules: BTreeMap<String, Options> = BTreeMap::new();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        for (rest, key, value) in settings.prefixed("fields.") {
            let Some((column, option)) = rest.rsplit_once('.') else {
                return Err(invalid(&key, "expected fields.<column>.<option>"));
            };
            // Keys come in lower case, whatever the column's name is in.
            let Some(column) = names.iter().find(|name| name.eq_ignore_ascii_case(column)) else {
                return Err(invalid(&key, format!("no column \"{column}\". {}", hint(column, &names, "columns"))));
            };
            if !OPTIONS.contains(&option) {
                let hint = hint(option, &OPTIONS, "options of a column");
                return Err(Error::UnknownOption { connector: "datagen".into(), name: key, hint });
            }
            rules.entry((*column).to_owned()).or_default().0.insert(option.to_owned(), (key, value));
        }
        Ok(Self(rules))
    }

    /// Takes the options of one column's rule.
    pub(crate) fn of_column(&mut self, name: &str) -> Options {
        self.0.remove(name).unwrap_or_default()
    }
}

impl Options {
    fn take(&mut self, name: &str) -> Option<(String, String)> {
        self.0.remove(name)
    }

    /// The ordinal that an option means for a column of `field`'s type.
    fn ordinal(&mut self, name: &str, field: &Field) -> Result<Option<i128>, Error> {
        let Some((key, text)) = self.take(name) else { return Ok(None) };
        let value = ordinal::parse(&text, field).map_err(|message| invalid(&key, message))?;
        Ok(ordinal::of_first(&value))
    }

    fn number<T: std::str::FromStr>(&mut self, name: &str, expected: &str) -> Result<Option<T>, Error> {
        let Some((key, text)) = self.take(name) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| invalid(&key, format!("expected {expected}, not \"{text}\"")))
    }

    fn finish(self, kind: &str, field: &Field) -> Result<(), Error> {
        match self.0.into_values().next() {
            Some((key, _)) => Err(invalid(&key, format!("a {kind} of {} has no such option", type_name(field)))),
            None => Ok(()),
        }
    }
}

/// A column and the rule it is made by.
#[derive(Debug)]
pub(crate) struct Column {
    field: Field,
    rule: Rule,
    /// Which part of the values is null.
    nulls: f64,
    seed: u64,
    /// Tells the column's random numbers from those of others.
    stream: u64,
}

#[derive(Debug)]
enum Rule {
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

/// What a sequence of values over time goes up by, at a given rate of rows.
fn natural_step(data_type: &DataType, rate: Option<f64>) -> i128 {
    match data_type {
        DataType::Decimal128(_, scale) => 10i128.pow(u32::try_from(*scale).unwrap_or(0)),
        DataType::Time64(_) => 1_000_000,
        DataType::Timestamp(..) => (1e6 / rate.unwrap_or(1000.0)).round().max(1.0) as i128,
        _ => 1,
    }
}

const TEXT_LENGTH: usize = 10;
const TEXT_LENGTH_MAX: usize = 1 << 20;

impl Column {
    /// The column `field`, which is number `index` of its source, by the rule that `options` say.
    pub(crate) fn new(
        field: &Field,
        mut options: Options,
        seed: u64,
        index: u64,
        rate: Option<f64>,
    ) -> Result<Self, Error> {
        let nulls_key = options.0.get("nulls").map(|(key, _)| key.clone()).unwrap_or_default();
        let nulls: f64 = options.number("nulls", "a number from 0 to 1")?.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&nulls) {
            return Err(invalid(&nulls_key, format!("expected a number from 0 to 1, not {nulls}")));
        }
        if nulls > 0.0 && !field.is_nullable() {
            return Err(invalid(&nulls_key, format!("column \"{}\" is NOT NULL", field.name())));
        }
        let is_timestamp = matches!(field.data_type(), DataType::Timestamp(..));
        let default_kind = if is_timestamp { "sequence" } else { "random" };
        let (key, kind) = options.take("kind").unwrap_or_else(|| ("kind".into(), default_kind.into()));
        let rule = match kind.to_ascii_lowercase().as_str() {
            "sequence" => Rule::sequence(field, &mut options, rate)?,
            "random" => Rule::random(field, &mut options)?,
            "constant" => Rule::choice(field, &mut options, "value")?,
            "choice" => Rule::choice(field, &mut options, "values")?,
            _ => {
                let hint = hint(&kind, &["sequence", "random", "constant", "choice"], "kinds");
                return Err(invalid(&key, format!("unknown kind \"{kind}\". {hint}")));
            }
        };
        options.finish(&kind, field)?;
        Ok(Self { field: field.clone(), rule, nulls, seed, stream: index * 2 })
    }

    /// The values of these rows.
    pub(crate) fn values(&self, rows: Range<u64>) -> ArrayRef {
        match &self.rule {
            Rule::Sequence { start, step, count } => {
                let value = |row: u64| start + step * (u128::from(row) % count) as i128;
                ordinal::to_array(self.each(rows, value), self.field.data_type())
            }
            Rule::Random { min, span } => {
                let value = |row| match u64::try_from(*span) {
                    Ok(span) => min + i128::from(below(self.random(row), span)),
                    Err(_) => min + (self.random_wide(row) % span) as i128,
                };
                ordinal::to_array(self.each(rows, value), self.field.data_type())
            }
            Rule::FloatSequence { start, step, count } => self.floats(rows, |row| start + step * (row % count) as f64),
            Rule::FloatRandom { min, max } => {
                self.floats(rows, |row| (min + (max - min) * fraction(self.random(row))).min(*max))
            }
            Rule::TextSequence { start, step, count } => {
                self.texts(rows, |row| (i128::from(*start) + i128::from(*step) * i128::from(row % count)).to_string())
            }
            Rule::TextRandom { length } => self.texts(rows, |row| self.letters(row, *length)),
            Rule::BooleanRandom => Arc::new(self.each(rows, |row| self.random(row) & 1 == 1).collect::<BooleanArray>()),
            Rule::UuidSequence => self.texts(rows, |row| uuid(row.into())),
            Rule::UuidRandom => self.texts(rows, |row| {
                // Version 4, as RFC 9562 marks it.
                uuid(self.random_wide(row) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62)
            }),
            Rule::Choice(values) => {
                let chosen: UInt64Array = self.each(rows, |row| below(self.random(row), values.len() as u64)).collect();
                take(values, &chosen, None).expect("every index is below the number of values")
            }
        }
    }

    fn random(&self, row: u64) -> u64 {
        random(self.seed, self.stream, row)
    }

    fn random_wide(&self, row: u64) -> u128 {
        u128::from(self.random(row)) << 64 | u128::from(random(!self.seed, self.stream, row))
    }

    /// The value of each row, or none where a null is due.
    fn each<T>(&self, rows: Range<u64>, value: impl Fn(u64) -> T) -> impl Iterator<Item = Option<T>> {
        rows.map(move |row| {
            let is_null = self.nulls > 0.0 && fraction(random(self.seed, self.stream + 1, row)) < self.nulls;
            (!is_null).then(|| value(row))
        })
    }

    fn floats(&self, rows: Range<u64>, value: impl Fn(u64) -> f64) -> ArrayRef {
        if *self.field.data_type() == DataType::Float32 {
            return Arc::new(self.each(rows, |row| value(row) as f32).collect::<Float32Array>());
        }
        Arc::new(self.each(rows, value).collect::<Float64Array>())
    }

    fn texts(&self, rows: Range<u64>, value: impl Fn(u64) -> String) -> ArrayRef {
        Arc::new(self.each(rows, value).collect::<StringArray>())
    }

    fn letters(&self, row: u64, length: usize) -> String {
        /// Letters made of one random number.
        const LETTERS: usize = 12;
        let mut letters = String::with_capacity(length);
        for part in 0..length.div_ceil(LETTERS) {
            let mut number = random(self.seed.wrapping_add((part as u64) << 32), self.stream, row);
            for _ in 0..LETTERS.min(length - letters.len()) {
                letters.push(char::from(b'a' + (number % 26) as u8));
                number /= 26;
            }
        }
        letters
    }
}

impl Rule {
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
                        ((end - start) / step).floor() as u64 + 1
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
                    Some(end) => sequence_count(field, start.into(), end.into(), step.into())? as u64,
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
            if min > max {
                return Err(empty_range(field));
            }
            return Ok(Self::Random { min, span: (max - min) as u128 + 1 });
        }
        match data_type {
            DataType::Float32 | DataType::Float64 => {
                let min: f64 = options.number("min", "a number")?.unwrap_or(0.0);
                let max: f64 = options.number("max", "a number")?.unwrap_or(min.max(0.0) + 1.0);
                if min <= max && (max - min).is_finite() {
                    Ok(Self::FloatRandom { min, max })
                } else {
                    Err(empty_range(field))
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
        if !crate::formats::typed::can_be_text(field.data_type()) {
            return Err(unsupported(option, field));
        }
        Ok(Self::Choice(ordinal::parse_all(&texts, field).map_err(|message| invalid(&key, message))?))
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
            (0, largest.min(1000 * natural_step(data_type, None)))
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
    if step == 0 || (end - start).signum() * step.signum() < 0 {
        return Err(never_ends(field));
    }
    Ok(((end - start) / step) as u128 + 1)
}

fn never_ends(field: &Field) -> Error {
    invalid(&format!("fields.{}.end", field.name()), "the steps from the start do not lead there")
}

fn empty_range(field: &Field) -> Error {
    invalid(&format!("fields.{}.min", field.name()), "more than the maximum")
}

fn unsupported(kind: &str, field: &Field) -> Error {
    Error::Unsupported(format!("column \"{}\": a {kind} of {}", field.name(), type_name(field)))
}

fn uuid(number: u128) -> String {
    let digits = format!("{number:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}
