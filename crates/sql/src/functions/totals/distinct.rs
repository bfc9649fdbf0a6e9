//! The total of one group's different numbers.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::compute::cast;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;
use datafusion::scalar::ScalarValue;

use super::addend::{Addend, Finish};

/// Each number that there is, and how often.
#[derive(Debug)]
pub(super) struct Distinct<A: Addend> {
    finish: Finish,
    numbers: HashMap<A::Key, i64>,
}

impl<A: Addend> Distinct<A> {
    pub(super) fn new(finish: Finish) -> Distinct<A> {
        Distinct { finish, numbers: HashMap::new() }
    }

    fn for_each(&mut self, values: &ArrayRef, change: impl Fn(&mut HashMap<A::Key, i64>, A::Key)) -> Result<()> {
        let numbers = cast(values, &self.finish.addend)?;
        let numbers = numbers.as_primitive::<A::Arrow>();
        numbers.iter().flatten().for_each(|number| change(&mut self.numbers, number.key()));
        Ok(())
    }
}

impl<A: Addend> Accumulator for Distinct<A> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.for_each(&values[0], |numbers, key| *numbers.entry(key).or_default() += 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.for_each(&values[0], |numbers, key| {
            if let Some(count) = numbers.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    numbers.remove(&key);
                }
            }
        })
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut total = A::default();
        for &key in self.numbers.keys() {
            total = total.plus(A::of_key(key))?;
        }
        let count = i64::try_from(self.numbers.len()).unwrap_or(i64::MAX);
        ScalarValue::try_from_array(&A::results(&self.finish, &[total], &[count])?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let numbers = self.numbers.keys().map(|&key| A::of_key(key));
        let numbers = PrimitiveArray::<A::Arrow>::from_iter_values(numbers).with_data_type(self.finish.addend.clone());
        Ok(vec![SingleRowListArrayBuilder::new(Arc::new(numbers)).build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for numbers in states[0].as_list::<i32>().iter().flatten() {
            self.update_batch(&[numbers])?;
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.numbers.capacity() * size_of::<(A::Key, i64)>()
    }
}
