//! Postgres' functions about the catalog, the session and the server.
//!
//! A function here is a closure over single values; [`Function`] is what DataFusion calls.

mod arrays;
pub(crate) mod definitions;
mod names;
mod privileges;
mod session;
mod sizes;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use engine::SqlState;

use super::cell::{Cell, Kind, cells, column};
use super::world::{Lookup, World};

type Body = dyn Fn(&World, &[Cell]) -> Result<Cell> + Send + Sync;

/// A function of single values.
struct Function {
    name: &'static str,
    arguments: RangeInclusive<usize>,
    result: Kind,
    signature: Signature,
    lookup: Lookup,
    body: Arc<Body>,
}

/// What the modules here give: everything but the session.
pub(super) struct Definition {
    name: &'static str,
    arguments: RangeInclusive<usize>,
    result: Kind,
    volatility: Volatility,
    body: Arc<Body>,
}

/// A function whose result stays the same within a statement.
pub(super) fn function(
    name: &'static str,
    arguments: RangeInclusive<usize>,
    result: Kind,
    body: impl Fn(&World, &[Cell]) -> Result<Cell> + Send + Sync + 'static,
) -> Definition {
    Definition { name, arguments, result, volatility: Volatility::Stable, body: Arc::new(body) }
}

/// A function that gives null as soon as its first argument is.
pub(super) fn strict(
    name: &'static str,
    arguments: RangeInclusive<usize>,
    result: Kind,
    body: impl Fn(&World, &[Cell]) -> Result<Cell> + Send + Sync + 'static,
) -> Definition {
    function(name, arguments, result, move |world, cells| match cells.first() {
        Some(Cell::Null) => Ok(Cell::Null),
        _ => body(world, cells),
    })
}

/// A function that always gives the same.
pub(super) fn constant(
    name: &'static str,
    arguments: RangeInclusive<usize>,
    result: Kind,
    value: impl Into<Cell>,
) -> Definition {
    let value = value.into();
    function(name, arguments, result, move |_, _| Ok(value.clone()))
}

/// An error of Postgres' kind out of a function.
pub(super) fn error(code: SqlState, message: String) -> DataFusionError {
    DataFusionError::External(Box::new(engine::Error::new(code, message)))
}

/// All functions, for one session.
pub(crate) fn all(lookup: &Lookup) -> Vec<ScalarUDF> {
    let definitions = [
        names::functions(),
        definitions::functions(),
        privileges::functions(),
        session::functions(),
        sizes::functions(),
        arrays::functions(),
    ];
    definitions
        .into_iter()
        .flatten()
        .map(|definition| ScalarUDF::new_from_impl(Function::new(definition, lookup)))
        .collect()
}

impl Function {
    fn new(definition: Definition, lookup: &Lookup) -> Self {
        let Definition { name, arguments, result, volatility, body } = definition;
        let signature = match arguments.end() {
            0 => Signature::nullary(volatility),
            _ => Signature::user_defined(volatility),
        };
        Self { name, arguments, result, signature, lookup: lookup.clone(), body }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Function").field(&self.name).finish()
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        // Names are unique here, and a plan has functions of one session only.
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.result.pg_type().arrow())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(self.result.field(self.name)))
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        if self.arguments.contains(&arguments.len()) {
            return Ok(arguments.to_vec());
        }
        let message = format!("function {} does not exist with {} arguments", self.name, arguments.len());
        Err(error(SqlState::UNDEFINED_FUNCTION, message))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if is_scalar { 1 } else { arguments.number_rows };
        let columns = arguments
            .args
            .iter()
            .map(|argument| argument.to_array(rows).and_then(|array| cells(&array)))
            .collect::<Result<Vec<_>>>()?;
        let world = self.lookup.world();
        let results = (0..rows)
            .map(|row| {
                let row: Vec<Cell> = columns.iter().map(|column| column[row].clone()).collect();
                (self.body)(&world, &row)
            })
            .collect::<Result<Vec<_>>>()?;
        let array = column(&results, &self.result.pg_type().arrow())?;
        Ok(match is_scalar {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
            false => ColumnarValue::Array(array),
        })
    }
}
