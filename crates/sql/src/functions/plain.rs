//! A scalar function put together from plain functions: one for its type, one for its values.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

/// A function whose result is null where an argument is, and depends on nothing else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainFunction {
    pub(crate) name: &'static str,
    /// Other names.
    pub(crate) aliases: &'static [&'static str],
    /// What the arguments are cast to. None if there is no such function.
    pub(crate) coerce: fn(&[DataType]) -> Option<Vec<DataType>>,
    /// The result's type.
    pub(crate) result: fn(&Types<'_>) -> Result<DataType>,
    /// The results.
    pub(crate) values: fn(&Values<'_>) -> Result<ArrayRef>,
}

/// What is known of a call before it runs.
pub(crate) struct Types<'a> {
    pub(crate) arguments: &'a [DataType],
    /// Those that are literals.
    pub(crate) literals: &'a [Option<&'a ScalarValue>],
}

/// A call's arguments.
pub(crate) struct Values<'a> {
    pub(crate) arguments: &'a [ColumnarValue],
    pub(crate) rows: usize,
    pub(crate) result: &'a DataType,
}

impl Values<'_> {
    /// An argument, a value for each row.
    pub(crate) fn array(&self, place: usize) -> Result<ArrayRef> {
        self.arguments[place].to_array(self.rows)
    }
}

impl PlainFunction {
    pub(crate) fn udf(self) -> Arc<ScalarUDF> {
        let aliases = self.aliases.iter().map(|alias| (*alias).to_owned()).collect();
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(Implementation { function: self, aliases, signature }))
    }
}

#[derive(Debug)]
struct Implementation {
    function: PlainFunction,
    aliases: Vec<String>,
    signature: Signature,
}

/// There is one function of a name.
impl PartialEq for Implementation {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}

impl Eq for Implementation {}

impl Hash for Implementation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

impl ScalarUDFImpl for Implementation {
    fn name(&self) -> &str {
        self.function.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        (self.function.coerce)(arguments).ok_or_else(|| {
            let types = arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let name = self.name();
            DataFusionError::Plan(format!("No function matches the given name and argument types '{name}({types})'"))
        })
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        (self.function.result)(&Types { arguments, literals: &vec![None; arguments.len()] })
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types = arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
        // Before its arguments are cast, a call may be asked for its type too.
        let types = (self.function.coerce)(&types).unwrap_or(types);
        let data_type = (self.function.result)(&Types { arguments: &types, literals: arguments.scalar_arguments })?;
        let nullable = arguments.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), data_type, nullable)))
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let result = (self.function.values)(&Values {
            arguments: &arguments.args,
            rows: if is_scalar { 1 } else { arguments.number_rows },
            result: arguments.return_field.data_type(),
        })?;
        Ok(if is_scalar {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?)
        } else {
            ColumnarValue::Array(result)
        })
    }
}
