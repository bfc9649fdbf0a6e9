//! `sum` and `avg` of integers and decimals, exact: nothing wraps, and what was added can be taken
//! back. A result that does not fit its type fails, until it fits again.

use std::marker::PhantomData;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveBuilder};
use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type, i256,
};
use changes::Diffs;
use plan::{AggregateCall, AggregateFunction, decimal};
use state::{Pages, Room};

use super::accumulator::{Accumulator, Results, for_each_row, read};
use crate::Fault;
use crate::expression::out_of_range;

/// What to make of a sum and a count.
#[derive(Clone, Copy, Debug)]
enum Finish {
    /// The sum, as an integer.
    Integer,
    /// The sum, times ten to some power, as a decimal of so many digits.
    Decimal { factor: i256, limit: i256 },
    /// The sum, times ten to some power, divided by the count and rounded.
    DecimalAverage { factor: i256, limit: i256 },
}

/// `sum` or `avg` of such arguments; none if there is no such function.
pub(super) fn exact_sum(call: &AggregateCall, argument: &DataType) -> Option<Box<dyn Accumulator>> {
    let function = Function::of(call, argument)?;
    Some(match argument {
        DataType::Int8 => ExactSum::<Int8Type>::boxed(function),
        DataType::Int16 => ExactSum::<Int16Type>::boxed(function),
        DataType::Int32 => ExactSum::<Int32Type>::boxed(function),
        DataType::Int64 => ExactSum::<Int64Type>::boxed(function),
        DataType::UInt8 => ExactSum::<UInt8Type>::boxed(function),
        DataType::UInt16 => ExactSum::<UInt16Type>::boxed(function),
        DataType::UInt32 => ExactSum::<UInt32Type>::boxed(function),
        DataType::UInt64 => ExactSum::<UInt64Type>::boxed(function),
        DataType::Decimal32(..) => ExactSum::<Decimal32Type>::boxed(function),
        DataType::Decimal64(..) => ExactSum::<Decimal64Type>::boxed(function),
        DataType::Decimal128(..) => ExactSum::<Decimal128Type>::boxed(function),
        _ => return None,
    })
}

/// What is made of the sum and the count.
struct Function {
    finish: Finish,
    result: DataType,
}

impl Function {
    fn of(call: &AggregateCall, argument: &DataType) -> Option<Function> {
        let is_integer = matches!(call.result, DataType::Int64 | DataType::UInt64) && scale_of(argument)? == 0;
        let finish = match call.function {
            AggregateFunction::Sum if is_integer => Finish::Integer,
            AggregateFunction::Sum => {
                let (factor, limit) = factor_and_limit(argument, &call.result)?;
                Finish::Decimal { factor, limit }
            }
            AggregateFunction::Avg => {
                let (factor, limit) = factor_and_limit(argument, &call.result)?;
                Finish::DecimalAverage { factor, limit }
            }
            _ => return None,
        };
        Some(Function { finish, result: call.result.clone() })
    }
}

fn scale_of(argument: &DataType) -> Option<i8> {
    match argument {
        argument if argument.is_integer() => Some(0),
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => Some(*scale),
        _ => None,
    }
}

/// By what to multiply to get from the argument's scale to the result's, and what is out of range.
fn factor_and_limit(argument: &DataType, result: &DataType) -> Option<(i256, i256)> {
    let (DataType::Decimal32(precision, scale)
    | DataType::Decimal64(precision, scale)
    | DataType::Decimal128(precision, scale)) = result
    else {
        return None;
    };
    let raised = u32::try_from(i16::from(*scale) - i16::from(scale_of(argument)?)).ok()?;
    Some((decimal::power_of_ten(raised)?, decimal::power_of_ten(u32::from(*precision))?))
}

/// A sum of up to 2^64 numbers of 128 bits, and their number.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    /// The sum modulo 2^128,
    low: u128,
    /// and what is above that.
    high: i64,
    count: i64,
}

impl Sum {
    #[inline(always)]
    fn add(&mut self, value: i128, diff: i64) {
        self.count += diff;
        if diff == 1 {
            self.add_one(value);
        } else if diff == -1 && value != i128::MIN {
            self.add_one(-value);
        } else {
            self.add_many(value, diff);
        }
    }

    #[inline(always)]
    fn add_one(&mut self, value: i128) {
        let (low, carry) = self.low.overflowing_add(value.cast_unsigned());
        self.low = low;
        self.high += i64::from(carry) - i64::from(value < 0);
    }

    #[cold]
    fn add_many(&mut self, value: i128, diff: i64) {
        let product = i256::from_i128(value).wrapping_mul(i256::from_i128(i128::from(diff)));
        let (low, high) = self.wide().wrapping_add(product).to_parts();
        self.low = low;
        // 2^64 numbers below 2^127 stay below 2^191.
        self.high = high as i64;
    }

    fn wide(self) -> i256 {
        i256::from_parts(self.low, i128::from(self.high))
    }

    fn as_i128(self) -> Option<i128> {
        let low = self.low.cast_signed();
        (self.high == if low < 0 { -1 } else { 0 }).then_some(low)
    }
}

struct ExactSum<T> {
    sums: Pages<Sum>,
    functions: Vec<Function>,
    argument: PhantomData<T>,
}

impl<T> ExactSum<T>
where
    T: ArrowPrimitiveType<Native: Into<i128>>,
{
    fn boxed(function: Function) -> Box<dyn Accumulator> {
        Box::new(ExactSum::<T> { sums: Pages::default(), functions: vec![function], argument: PhantomData })
    }
}

impl<T> ExactSum<T> {
    /// A result for each group: null for one without arguments, and places where it does not fit.
    fn results<R: ArrowPrimitiveType>(
        &self,
        result: &DataType,
        groups: &[u32],
        finish: impl Fn(Sum) -> Option<R::Native>,
    ) -> Results {
        let mut values = PrimitiveBuilder::<R>::with_capacity(groups.len()).with_data_type(result.clone());
        let mut failures = Vec::new();
        for (place, &group) in groups.iter().enumerate() {
            let sum = self.sums[group];
            if sum.count == 0 {
                values.append_null();
                continue;
            }
            let value = finish(sum);
            if value.is_none() {
                failures.push(place);
            }
            values.append_option(value);
        }
        Results::with_failures(values.finish(), &failures)
    }

    fn decimals<R: ArrowPrimitiveType<Native: TryFrom<i128>>>(
        &self,
        result: &DataType,
        groups: &[u32],
        finish: impl Fn(Sum) -> Option<i256>,
        limit: i256,
    ) -> Results {
        self.results::<R>(result, groups, |sum| {
            let value = finish(sum)?;
            let fits = value < limit && value.wrapping_neg() < limit;
            if fits { R::Native::try_from(value.to_i128()?).ok() } else { None }
        })
    }
}

impl<T> Accumulator for ExactSum<T>
where
    T: ArrowPrimitiveType<Native: Into<i128>>,
{
    fn set_room(&mut self, room: Room) {
        self.sums.set_room(room);
    }

    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, diffs: &Diffs) -> Result<(), Fault> {
        let argument = argument.expect("sum and avg have an argument");
        let values = argument.as_primitive::<T>().values().as_ref();
        let sums = &mut self.sums;
        for_each_row(groups, argument.nulls(), diffs, |group, row, diff| sums[group].add(values[row].into(), diff));
        Ok(())
    }

    fn add_function(&mut self, call: &AggregateCall, argument: &DataType) -> Option<usize> {
        self.functions.push(Function::of(call, argument)?);
        Some(self.functions.len() - 1)
    }

    fn output(&self, function: usize, groups: &[u32]) -> Result<Results, Fault> {
        let Function { finish, result } = &self.functions[function];
        let scaled = |factor: i256| move |sum: Sum| sum.wide().checked_mul(factor);
        let average = |factor: i256| move |sum: Sum| decimal::mean(sum.wide(), factor, sum.count);
        Ok(match (*finish, result) {
            (Finish::Integer, DataType::UInt64) => {
                self.results::<UInt64Type>(result, groups, |sum| u64::try_from(sum.as_i128()?).ok())
            }
            (Finish::Integer, _) => self.results::<Int64Type>(result, groups, |sum| i64::try_from(sum.as_i128()?).ok()),
            (Finish::Decimal { factor, limit }, DataType::Decimal32(..)) => {
                self.decimals::<Decimal32Type>(result, groups, scaled(factor), limit)
            }
            (Finish::Decimal { factor, limit }, DataType::Decimal64(..)) => {
                self.decimals::<Decimal64Type>(result, groups, scaled(factor), limit)
            }
            (Finish::Decimal { factor, limit }, _) => {
                self.decimals::<Decimal128Type>(result, groups, scaled(factor), limit)
            }
            (Finish::DecimalAverage { factor, limit }, DataType::Decimal32(..)) => {
                self.decimals::<Decimal32Type>(result, groups, average(factor), limit)
            }
            (Finish::DecimalAverage { factor, limit }, DataType::Decimal64(..)) => {
                self.decimals::<Decimal64Type>(result, groups, average(factor), limit)
            }
            (Finish::DecimalAverage { factor, limit }, _) => {
                self.decimals::<Decimal128Type>(result, groups, average(factor), limit)
            }
        })
    }

    fn failure(&self, function: usize) -> String {
        out_of_range(&self.functions[function].result)
    }

    fn clear(&mut self, group: u32) {
        self.sums[group] = Sum::default();
    }

    fn save(&self, group: u32, bytes: &mut Vec<u8>) {
        let sum = self.sums[group];
        bytes.extend_from_slice(&sum.low.to_le_bytes());
        bytes.extend_from_slice(&sum.high.to_le_bytes());
        bytes.extend_from_slice(&sum.count.to_le_bytes());
    }

    fn load(&mut self, group: u32, bytes: &mut &[u8]) -> Result<(), Fault> {
        self.sums[group] = Sum {
            low: u128::from_le_bytes(read(bytes)?),
            high: i64::from_le_bytes(read(bytes)?),
            count: i64::from_le_bytes(read(bytes)?),
        };
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.sums.bytes()
    }
}
