//! `+ - *` of integers that fail on overflow, and `+ - * / %` of floats that fail instead of being
//! infinite.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Datum, PrimitiveArray, new_null_array};
use arrow::compute::kernels::arity::{try_binary, try_unary};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::error::ArrowError;
use datafusion::common::utils::take_function_args;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// A checked operator; both operands and the result have one type.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Checked {
    operator: Operator,
    signature: Signature,
}

impl Checked {
    /// The operator that it stands for.
    pub(crate) fn operator(&self) -> Operator {
        self.operator
    }
}

/// The operators that there is a function for.
const OPERATORS: [Operator; 5] =
    [Operator::Plus, Operator::Minus, Operator::Multiply, Operator::Divide, Operator::Modulo];

static FUNCTIONS: LazyLock<[Arc<ScalarUDF>; 5]> = LazyLock::new(|| {
    OPERATORS.map(|operator| {
        let signature = Signature::any(2, Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(Checked { operator, signature }))
    })
});

/// `left operator right`, checked.
pub(crate) fn call(operator: Operator, left: Expr, right: Expr) -> Expr {
    let place = OPERATORS.iter().position(|known| *known == operator).expect("only these are checked");
    FUNCTIONS[place].call(vec![left, right])
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.operator {
            Operator::Plus => "plus",
            Operator::Minus => "minus",
            Operator::Multiply => "times",
            Operator::Divide => "divided_by",
            _ => "modulo",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let [left, _] = take_function_args(self.name(), arguments)?;
        Ok(left.clone())
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = take_function_args(self.name(), arguments.args)?;
        let is_scalar = matches!((&left, &right), (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_)));
        let (left, right) = (Operand::new(left)?, Operand::new(right)?);
        let result = match left.array.data_type() {
            DataType::Float64 => float::<Float64Type>(self.operator, &left, &right, f64::is_infinite),
            DataType::Float32 => float::<Float32Type>(self.operator, &left, &right, f32::is_infinite),
            _ => self.integer(&left, &right),
        }?;
        if is_scalar {
            return Ok(ColumnarValue::Scalar(datafusion::scalar::ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

impl Checked {
    fn integer(&self, left: &Operand, right: &Operand) -> Result<ArrayRef> {
        let result = match self.operator {
            Operator::Plus => numeric::add(left, right),
            Operator::Minus => numeric::sub(left, right),
            _ => numeric::mul(left, right),
        };
        result.map_err(|error| match error {
            ArrowError::ArithmeticOverflow(_) => overflow(&out_of_range(left.array.data_type())),
            error => error.into(),
        })
    }
}

/// An operand as Arrow's kernels take it.
struct Operand {
    array: ArrayRef,
    is_scalar: bool,
}

impl Operand {
    fn new(value: ColumnarValue) -> Result<Self> {
        Ok(match value {
            ColumnarValue::Array(array) => Operand { array, is_scalar: false },
            ColumnarValue::Scalar(scalar) => Operand { array: scalar.to_array()?, is_scalar: true },
        })
    }
}

impl Datum for Operand {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array.as_ref(), self.is_scalar)
    }
}

fn float<T>(operator: Operator, left: &Operand, right: &Operand, is_infinite: fn(T::Native) -> bool) -> Result<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: num_like::Float,
{
    use num_like::Float;
    let apply = |left: T::Native, right: T::Native| -> Result<T::Native, ArrowError> {
        let result = match operator {
            Operator::Plus => left.plus(right),
            Operator::Minus => left.minus(right),
            Operator::Multiply => left.times(right),
            _ if right.is_zero() && !left.is_not_a_number() => return Err(ArrowError::DivideByZero),
            Operator::Divide => left.divided_by(right),
            _ => left.modulo(right),
        };
        if is_infinite(result) && !is_infinite(left) && !is_infinite(right) {
            return Err(ArrowError::ArithmeticOverflow("value out of range: overflow".to_owned()));
        }
        Ok(result)
    };
    let (left_values, right_values) = (left.array.as_primitive::<T>(), right.array.as_primitive::<T>());
    let result: PrimitiveArray<T> = match (left.is_scalar, right.is_scalar) {
        (true, false) if left_values.is_null(0) => return Ok(new_null_array(&T::DATA_TYPE, right_values.len())),
        (false, true) if right_values.is_null(0) => return Ok(new_null_array(&T::DATA_TYPE, left_values.len())),
        (true, false) => {
            let left = left_values.value(0);
            try_unary(right_values, |right| apply(left, right))?
        }
        (false, true) => {
            let right = right_values.value(0);
            try_unary(left_values, |left| apply(left, right))?
        }
        _ => try_binary(left_values, right_values, apply)?,
    };
    Ok(Arc::new(result))
}

/// The arithmetic that the two float types have in common.
mod num_like {
    pub(super) trait Float: Copy {
        fn plus(self, other: Self) -> Self;
        fn minus(self, other: Self) -> Self;
        fn times(self, other: Self) -> Self;
        fn divided_by(self, other: Self) -> Self;
        fn modulo(self, other: Self) -> Self;
        fn is_zero(self) -> bool;
        fn is_not_a_number(self) -> bool;
    }

    macro_rules! float {
        ($type:ty) => {
            impl Float for $type {
                fn plus(self, other: Self) -> Self {
                    self + other
                }
                fn minus(self, other: Self) -> Self {
                    self - other
                }
                fn times(self, other: Self) -> Self {
                    self * other
                }
                fn divided_by(self, other: Self) -> Self {
                    self / other
                }
                fn modulo(self, other: Self) -> Self {
                    self % other
                }
                fn is_zero(self) -> bool {
                    self == 0.0
                }
                fn is_not_a_number(self) -> bool {
                    self.is_nan()
                }
            }
        };
    }
    float!(f32);
    float!(f64);
}

fn overflow(message: &str) -> DataFusionError {
    ArrowError::ArithmeticOverflow(message.to_owned()).into()
}

fn out_of_range(data_type: &DataType) -> String {
    match data_type {
        DataType::Int16 => "smallint out of range",
        DataType::Int32 => "integer out of range",
        DataType::Int64 => "bigint out of range",
        _ => "value out of range",
    }
    .to_owned()
}
