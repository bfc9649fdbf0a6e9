//! `sum` and `avg` of floats, so that what was added can be taken back.
//!
//! A sum is kept in two floats of which the second holds what the first rounded off (Knuth's
//! TwoSum, Shewchuk 1997): some 106 bits. Infinities and NaNs are counted instead of added, and
//! so large numbers that their sum could overflow are added apart, made smaller.

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array};
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};
use changes::Diffs;
use hashbrown::HashMap;
use state::{Groups, Pages, Room};

use super::accumulator::{Accumulator, Results, for_each_row, read};
use crate::Fault;

/// Numbers from here on are [`Special::large`]: even 2^63 smaller ones do not overflow.
const LARGE: f64 = f64::from_bits((1023 + 900) << 52);
/// What large numbers are multiplied by: two to the power of -200.
const SMALLER: f64 = f64::from_bits((1023 - 200) << 52);

/// `sum` as `result`; none if there is no such function.
pub(super) fn sum(result: &DataType) -> Option<Box<dyn Accumulator>> {
    boxed(result, false)
}

/// `avg` as `result`; none if there is no such function.
pub(super) fn average(result: &DataType) -> Option<Box<dyn Accumulator>> {
    boxed(result, true)
}

fn boxed(result: &DataType, is_average: bool) -> Option<Box<dyn Accumulator>> {
    let is_float = matches!(result, DataType::Float32 | DataType::Float64);
    let sum = FloatSum { result: result.clone(), is_average, sums: Pages::default(), special: HashMap::new() };
    is_float.then(|| Box::new(sum) as Box<dyn Accumulator>)
}

/// A float and what it rounded off.
#[derive(Clone, Copy, Debug, Default)]
struct DoubleDouble {
    high: f64,
    low: f64,
}

impl DoubleDouble {
    #[inline(always)]
    fn add(&mut self, value: f64) {
        let sum = self.high + value;
        let rest = sum - self.high;
        let error = (self.high - (sum - rest)) + (value - rest);
        let low = self.low + error;
        // Back to two floats that do not overlap.
        self.high = sum + low;
        self.low = low - (self.high - sum);
    }

    /// Adds the exact product, as the float nearest to it and what that rounded off.
    fn add_times(&mut self, value: f64, times: f64) {
        let product = value * times;
        self.add(product);
        self.add(value.mul_add(times, -product));
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    total: DoubleDouble,
    /// How many arguments, the special ones too.
    count: i64,
}

/// What few groups have.
#[derive(Clone, Copy, Debug, Default)]
struct Special {
    nans: i64,
    infinities: i64,
    negative_infinities: i64,
    large: DoubleDouble,
    larges: i64,
}

impl Special {
    #[cold]
    fn add(&mut self, value: f64, diff: i64) {
        if value.is_nan() {
            self.nans += diff;
        } else if value == f64::INFINITY {
            self.infinities += diff;
        } else if value == f64::NEG_INFINITY {
            self.negative_infinities += diff;
        } else {
            self.larges += diff;
            self.large.add_times(value * SMALLER, diff as f64);
        }
    }

    fn is_empty(&self) -> bool {
        (self.nans, self.infinities, self.negative_infinities, self.larges) == (0, 0, 0, 0)
    }

    /// Whether an argument is no number.
    fn is_exceptional(&self) -> bool {
        (self.nans, self.infinities, self.negative_infinities) != (0, 0, 0)
    }

    fn total(&self, rest: DoubleDouble) -> f64 {
        if self.nans != 0 || (self.infinities != 0 && self.negative_infinities != 0) {
            return f64::NAN;
        }
        if self.infinities != 0 {
            return f64::INFINITY;
        }
        if self.negative_infinities != 0 {
            return f64::NEG_INFINITY;
        }
        let mut all = self.large;
        all.add(rest.high * SMALLER);
        all.add(rest.low * SMALLER);
        all.high / SMALLER
    }
}

struct FloatSum {
    result: DataType,
    is_average: bool,
    sums: Pages<Sum>,
    special: HashMap<u32, Special>,
}

impl FloatSum {
    fn update_with(&mut self, groups: &[u32], array: &dyn Array, diffs: &Diffs, value: impl Fn(usize) -> f64) {
        let (sums, special) = (&mut self.sums, &mut self.special);
        for_each_row(groups, array.nulls(), diffs, |group, row, diff| {
            let sum = &mut sums[group];
            let value = value(row);
            sum.count += diff;
            // False for NaN too.
            if value.abs() < LARGE {
                match diff {
                    1 => sum.total.add(value),
                    -1 => sum.total.add(-value),
                    _ => sum.total.add_times(value, diff as f64),
                }
            } else {
                special.entry(group).or_default().add(value, diff);
            }
        });
    }

    fn result(&self, group: u32) -> Option<f64> {
        let sum = self.sums[group];
        if sum.count == 0 {
            return None;
        }
        let total = match self.special.get(&group) {
            Some(special) => special.total(sum.total),
            None => sum.total.high,
        };
        Some(if self.is_average { total / sum.count as f64 } else { total })
    }
}

impl Accumulator for FloatSum {
    fn set_room(&mut self, room: Room) {
        self.sums.set_room(room);
    }

    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, diffs: &Diffs) -> Result<(), Fault> {
        let argument = argument.expect("sum and avg have an argument");
        match argument.data_type() {
            DataType::Float16 => {
                let values = argument.as_primitive::<Float16Type>().values().as_ref();
                self.update_with(groups, argument, diffs, |row| values[row].to_f64());
            }
            DataType::Float32 => {
                let values = argument.as_primitive::<Float32Type>().values().as_ref();
                self.update_with(groups, argument, diffs, |row| f64::from(values[row]));
            }
            _ => {
                let values = argument.as_primitive::<Float64Type>().values().as_ref();
                self.update_with(groups, argument, diffs, |row| values[row]);
            }
        }
        Ok(())
    }

    fn output(&self, _function: usize, groups: &[u32]) -> Result<Results, Fault> {
        let mut failures = Vec::new();
        let mut results = groups.iter().enumerate().map(|(place, &group)| {
            let result = self.result(group)?;
            let is_finite = match self.result {
                DataType::Float32 => (result as f32).is_finite(),
                _ => result.is_finite(),
            };
            // An infinite argument has an infinite sum; what numbers add up to has none where it is too large.
            let is_sum = is_finite || self.special.get(&group).is_some_and(Special::is_exceptional);
            if !is_sum {
                failures.push(place);
            }
            Some(result)
        });
        Ok(match self.result {
            DataType::Float32 => {
                let values = results.by_ref().map(|result| result.map(|value| value as f32)).collect::<Float32Array>();
                Results::with_failures(values, &failures)
            }
            _ => {
                let values = results.by_ref().collect::<Float64Array>();
                Results::with_failures(values, &failures)
            }
        })
    }

    fn settle(&mut self, touched: &[u32], _all: &Groups) -> Result<(), Fault> {
        // A group without arguments is as good as new: nothing that was rounded remains.
        for &group in touched {
            let is_empty = self.sums[group].count == 0;
            if is_empty {
                self.sums[group] = Sum::default();
            }
            if !self.special.is_empty()
                && self.special.get(&group).is_some_and(|special| is_empty || special.is_empty())
            {
                self.special.remove(&group);
            }
        }
        Ok(())
    }

    fn clear(&mut self, group: u32) {
        self.sums[group] = Sum::default();
        self.special.remove(&group);
    }

    fn save(&self, group: u32, bytes: &mut Vec<u8>) {
        let sum = self.sums[group];
        let special = self.special.get(&group).copied().unwrap_or_default();
        for float in [sum.total.high, sum.total.low, special.large.high, special.large.low] {
            bytes.extend_from_slice(&float.to_le_bytes());
        }
        let counts = [sum.count, special.nans, special.infinities, special.negative_infinities, special.larges];
        for count in counts {
            bytes.extend_from_slice(&count.to_le_bytes());
        }
    }

    fn load(&mut self, group: u32, bytes: &mut &[u8]) -> Result<(), Fault> {
        let mut float = || -> Result<f64, Fault> { Ok(f64::from_le_bytes(read(bytes)?)) };
        let total = DoubleDouble { high: float()?, low: float()? };
        let large = DoubleDouble { high: float()?, low: float()? };
        let mut count = || -> Result<i64, Fault> { Ok(i64::from_le_bytes(read(bytes)?)) };
        self.sums[group] = Sum { total, count: count()? };
        let special =
            Special { nans: count()?, infinities: count()?, negative_infinities: count()?, large, larges: count()? };
        if !special.is_empty() {
            self.special.insert(group, special);
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.sums.bytes() + self.special.len() * size_of::<(u32, Special)>()
    }
}
