//! Functions of floats that fail outside of their domain and range, as Postgres' do: DataFusion's give NaN and
//! infinity there. What is NaN or infinite already is no mistake.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Float64Type};
use datafusion::error::Result;
use datafusion::functions::math;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use crate::ValueError::{
    self, ComplexPower, InputOutOfRange, LogarithmOfNegative, LogarithmOfZero, NegativePowerOfZero, Overflow,
    RootOfNegative, Underflow,
};

/// DataFusion's function with the bounds that it lacks.
#[derive(Debug)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    /// Says what is wrong with a row's arguments.
    domain: fn(&[f64]) -> Option<ValueError>,
    /// Whether a result of zero means that the true one is too small.
    can_underflow: fn(&[f64]) -> bool,
}

/// The functions that replace DataFusion's of the same names.
pub(super) fn all() -> Vec<Arc<ScalarUDF>> {
    let never = |_: &[f64]| false;
    let unlimited = |_: &[f64]| None;
    [
        Bounded {
            inner: math::sqrt(),
            domain: |values| (values[0] < 0.0).then_some(RootOfNegative),
            can_underflow: never,
        },
        Bounded { inner: math::ln(), domain: |values| logarithm(values[0]), can_underflow: never },
        Bounded { inner: math::log10(), domain: |values| logarithm(values[0]), can_underflow: never },
        Bounded {
            inner: math::log(),
            domain: |values| values.iter().find_map(|value| logarithm(*value)),
            can_underflow: never,
        },
        Bounded { inner: math::exp(), domain: unlimited, can_underflow: |_| true },
        Bounded { inner: math::power(), domain: power, can_underflow: |values| values[0] != 0.0 },
        Bounded { inner: math::asin(), domain: |values| outside(values[0], 1.0), can_underflow: never },
        Bounded { inner: math::acos(), domain: |values| outside(values[0], 1.0), can_underflow: never },
        Bounded { inner: math::atanh(), domain: |values| outside(values[0], 1.0), can_underflow: never },
        Bounded {
            inner: math::acosh(),
            domain: |values| (values[0] < 1.0).then_some(InputOutOfRange),
            can_underflow: never,
        },
        Bounded { inner: math::sin(), domain: |values| outside(values[0], f64::MAX), can_underflow: never },
        Bounded { inner: math::cos(), domain: |values| outside(values[0], f64::MAX), can_underflow: never },
        Bounded { inner: math::tan(), domain: |values| outside(values[0], f64::MAX), can_underflow: never },
        Bounded { inner: math::sinh(), domain: unlimited, can_underflow: never },
        Bounded { inner: math::cosh(), domain: unlimited, can_underflow: never },
    ]
    .into_iter()
    .map(|function| Arc::new(ScalarUDF::new_from_impl(function)))
    .collect()
}

fn logarithm(value: f64) -> Option<ValueError> {
    if value == 0.0 {
        return Some(LogarithmOfZero);
    }
    (value < 0.0).then_some(LogarithmOfNegative)
}

fn outside(value: f64, bound: f64) -> Option<ValueError> {
    (value.abs() > bound).then_some(InputOutOfRange)
}

fn power(values: &[f64]) -> Option<ValueError> {
    let [base, exponent] = values else { return None };
    if *base == 0.0 && *exponent < 0.0 {
        return Some(NegativePowerOfZero);
    }
    (*base < 0.0 && exponent.is_finite() && exponent.fract() != 0.0).then_some(ComplexPower)
}

/// There is one function of a name.
impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.inner.name() == other.inner.name()
    }
}

impl Eq for Bounded {}

impl std::hash::Hash for Bounded {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.inner.name().hash(state);
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = arguments.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if is_scalar { 1 } else { arguments.number_rows };
        let inputs = arguments.args.iter().map(|value| floats(value, rows)).collect::<Result<Vec<_>>>()?;
        let mut row = Vec::with_capacity(inputs.len());
        let mut known = Vec::new();
        for place in 0..rows {
            if inputs.iter().any(|input| input.is_null(place)) {
                continue;
            }
            row.clear();
            row.extend(inputs.iter().map(|input| input.value(place)));
            if let Some(error) = (self.domain)(&row) {
                return Err(error.into());
            }
            if row.iter().all(|value| value.is_finite()) {
                known.push((place, (self.can_underflow)(&row)));
            }
        }
        let result = self.inner.invoke_with_args(arguments)?;
        let values = floats(&result, rows)?;
        for (place, can_underflow) in known {
            let value = values.value(place);
            if value.is_infinite() {
                return Err(Overflow.into());
            }
            if can_underflow && value == 0.0 && values.is_valid(place) {
                return Err(Underflow.into());
            }
        }
        Ok(result)
    }
}

fn floats(value: &ColumnarValue, rows: usize) -> Result<Float64Array> {
    Ok(cast(&value.to_array(rows)?, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}
