//! `timestamp - timestamp` as Postgres has it: days and a time, not a number of seconds.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, IntervalMonthDayNanoArray};
use arrow::compute::cast;
use arrow::compute::kernels::arity::try_binary;
use arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use datafusion::common::utils::take_function_args;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::types::PgType;

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

#[derive(Debug, PartialEq, Eq, Hash)]
struct TimeDifference {
    signature: Signature,
}

static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let signature = Signature::any(2, Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(TimeDifference { signature }))
});

/// `left - right`, both timestamps of one kind.
pub(crate) fn call(left: Expr, right: Expr) -> Expr {
    FUNCTION.call(vec![left, right])
}

impl ScalarUDFImpl for TimeDifference {
    fn name(&self) -> &str {
        "time_difference"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(PgType::Interval.arrow())
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let [left, right] = take_function_args(self.name(), arguments.args)?;
        let is_scalar = matches!((&left, &right), (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_)));
        let rows = if is_scalar { 1 } else { rows };
        let microseconds = |value: ColumnarValue| -> Result<_> {
            let array = value.into_array(rows)?;
            Ok(cast(&cast(&array, &DataType::Timestamp(TimeUnit::Microsecond, None))?, &PgType::Timestamp.arrow())?)
        };
        let (left, right) = (microseconds(left)?, microseconds(right)?);
        let left = left.as_primitive::<TimestampMicrosecondType>();
        let right = right.as_primitive::<TimestampMicrosecondType>();
        let result: IntervalMonthDayNanoArray =
            try_binary::<_, _, _, IntervalMonthDayNanoType>(left, right, difference)?;
        let result: ArrayRef = Arc::new(result);
        Ok(if is_scalar {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?)
        } else {
            ColumnarValue::Array(result)
        })
    }
}

fn difference(left: i64, right: i64) -> Result<IntervalMonthDayNano, ArrowError> {
    let out_of_range = || ArrowError::ArithmeticOverflow("interval out of range".to_owned());
    let microseconds = left.checked_sub(right).ok_or_else(out_of_range)?;
    let days = i32::try_from(microseconds / MICROSECONDS_PER_DAY).map_err(|_| out_of_range())?;
    Ok(IntervalMonthDayNano::new(0, days, microseconds % MICROSECONDS_PER_DAY * 1_000))
}
