//! The parameters `$1`, `$2`, ... of a plan: their types, and their values.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ParamValues};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::scalar::ScalarValue;

use sql::PgType;
use sql::types::NUMERIC_DEFAULT;

use crate::{Error, SqlState};

/// Postgres' bound on parameters of one statement.
const PARAMETERS_MAX: usize = 65_535;

/// What is known of the types of parameters, by number from 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct ParameterTypes(BTreeMap<usize, Option<FieldRef>>);

impl ParameterTypes {
    /// The types that a client gave.
    pub(crate) fn hinted(hints: &[Option<Field>]) -> ParameterTypes {
        let hints = hints.iter().enumerate().map(|(index, hint)| (index + 1, hint.clone().map(Arc::new)));
        ParameterTypes(hints.collect())
    }

    /// Notes that there is a parameter, and its type unless a better one is known.
    pub(crate) fn note(&mut self, number: usize, field: Option<FieldRef>) {
        let known = self.0.entry(number).or_default();
        if known.is_none() {
            *known = field;
        }
    }

    /// Adds what `plan` tells of its parameters.
    pub(crate) fn infer(&mut self, plan: &LogicalPlan) -> Result<(), Error> {
        plan.apply_with_subqueries(|plan| {
            let mut schema = merge_schema(&plan.inputs());
            if let LogicalPlan::TableScan(scan) = plan {
                schema = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?;
            }
            if let LogicalPlan::Limit(limit) = plan {
                for count in [&limit.skip, &limit.fetch].into_iter().flatten() {
                    if let Expr::Placeholder(parameter) = strip_casts(count) {
                        self.note_placeholder(parameter, Some(Arc::new(Field::new("", DataType::Int64, true))))?;
                    }
                }
            }
            plan.apply_expressions(|expression| {
                let (expression, _) = expression.clone().infer_placeholder_types(&schema)?;
                expression.apply(|expression| {
                    match expression {
                        Expr::Cast(cast) => {
                            if let Expr::Placeholder(parameter) = cast.expr.as_ref() {
                                self.note_placeholder(parameter, Some(Arc::clone(&cast.field)))?;
                            }
                        }
                        // `element = ANY($1)`
                        Expr::ScalarFunction(call) if call.name() == "array_has" => {
                            if let [Expr::Placeholder(parameter), element] = call.args.as_slice()
                                && let Ok((_, element)) = element.to_field(&schema)
                                && let Some(element) = PgType::from_field(&without_modifier(&element))
                            {
                                let array = PgType::Array(Box::new(element)).field("", true);
                                self.note_placeholder(parameter, Some(Arc::new(array)))?;
                            }
                        }
                        Expr::Placeholder(parameter) => self.note_placeholder(parameter, None)?,
                        _ => {}
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })?;
        Ok(())
    }

    fn note_placeholder(&mut self, parameter: &Placeholder, field: Option<FieldRef>) -> Result<(), Error> {
        let number = number_of(&parameter.id)?;
        self.note(number, parameter.field.clone().or(field));
        Ok(())
    }

    /// The type of each parameter, `$1` first. One that nothing is known of is text, as in Postgres.
    pub(crate) fn fields(&self) -> Vec<FieldRef> {
        let count = self.0.keys().next_back().copied().unwrap_or(0);
        let text = || Arc::new(Field::new("", DataType::Utf8, true));
        let field = |number| match self.0.get(&number) {
            Some(Some(field)) if *field.data_type() != DataType::Null => Arc::new(without_modifier(field)),
            _ => text(),
        };
        (1..=count).map(field).collect()
    }
}

/// A parameter's type has no length and no scale, whatever it is compared with or stored in: it is the
/// assignment that refuses what is too long.
fn without_modifier(field: &Field) -> Field {
    match PgType::from_field(field) {
        Some(PgType::Varchar(Some(_))) => PgType::Varchar(None).field("", true),
        Some(PgType::Char(_)) => PgType::Char(None).field("", true),
        Some(PgType::Numeric(Some((_, scale)))) => {
            let (precision, least) = NUMERIC_DEFAULT;
            Field::new("", DataType::Decimal128(precision, scale.max(least)), true)
        }
        _ => field.clone().with_name("").with_nullable(true),
    }
}

/// `plan` with its parameters' types filled in.
pub(crate) fn with_types(plan: LogicalPlan, fields: &[FieldRef]) -> Result<LogicalPlan, Error> {
    let typed = plan.transform_up_with_subqueries(|plan| {
        let changed = plan.map_expressions(|expression| {
            expression.transform_up(|expression| match expression {
                Expr::Placeholder(Placeholder { id, .. }) => {
                    let field = number_of(&id)?.checked_sub(1).and_then(|index| fields.get(index)).cloned();
                    Ok(Transformed::yes(Expr::Placeholder(Placeholder { id, field })))
                }
                other => Ok(Transformed::no(other)),
            })
        })?;
        if changed.transformed { changed.map_data(LogicalPlan::recompute_schema) } else { Ok(changed) }
    })?;
    Ok(typed.data)
}

/// `plan` with its parameters' values filled in. `fields`: the types they were described with.
pub(crate) fn with_values(
    plan: LogicalPlan,
    values: &[ScalarValue],
    fields: &[FieldRef],
) -> Result<LogicalPlan, Error> {
    if fields.is_empty() && values.is_empty() {
        return Ok(plan);
    }
    if values.len() < fields.len() {
        let missing = values.len() + 1;
        return Err(Error::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter ${missing}")));
    }
    let value = |(index, value): (usize, &ScalarValue)| {
        let described = fields.get(index).filter(|field| *field.data_type() == value.data_type());
        let metadata = described.map(|field| field.metadata()).filter(|metadata| !metadata.is_empty());
        ScalarAndMetadata::new(value.clone(), metadata.map(Into::into))
    };
    let values = ParamValues::List(values.iter().enumerate().map(value).collect());
    Ok(plan.with_param_values(values)?)
}

/// The number of `$n`.
pub(crate) fn number_of(id: &str) -> Result<usize, Error> {
    let number = id.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
    number
        .filter(|number| (1..=PARAMETERS_MAX).contains(number))
        .ok_or_else(|| Error::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter {id}")))
}

fn strip_casts(expression: &Expr) -> &Expr {
    match expression {
        Expr::Cast(cast) => strip_casts(&cast.expr),
        other => other,
    }
}
