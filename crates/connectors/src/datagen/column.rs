//! A column's values, of any rows.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float32Array, Float64Array, StringArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field};

use super::options::Options;
use super::ordinal;
use super::rule::Rule;
use crate::Error;
use crate::random::{below, fraction, random};
use crate::settings::invalid;

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

/// More than any value of a fixed size has, numbers and UUIDs as text included.
const VALUE_BYTES: usize = 48;

impl Column {
    /// The column `field`, which is number `index` of its source, by the rule that `options` say.
    pub(crate) fn new(
        field: &Field,
        mut options: Options,
        seed: u64,
        index: u64,
        rate: Option<f64>,
    ) -> Result<Self, Error> {
        let nulls_key = format!("fields.{}.nulls", field.name());
        let nulls: f64 = options.number("nulls", "a number from 0 to 1")?.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&nulls) {
            return Err(invalid(&nulls_key, format!("expected a number from 0 to 1, not {nulls}")));
        }
        if nulls > 0.0 && !field.is_nullable() {
            return Err(invalid(&nulls_key, format!("column \"{}\" is NOT NULL", field.name())));
        }
        let rule = Rule::new(field, options, rate)?;
        Ok(Self { field: field.clone(), rule, nulls, seed, stream: index * 2 })
    }

    /// The most bytes that a value has.
    pub(crate) fn value_bytes_max(&self) -> usize {
        match &self.rule {
            Rule::TextRandom { length } => *length,
            Rule::Choice(values) => values.get_array_memory_size(),
            _ => VALUE_BYTES,
        }
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

fn uuid(number: u128) -> String {
    let digits = format!("{number:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}
