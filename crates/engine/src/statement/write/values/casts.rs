//! What takes values from how they are written to how their column keeps them.
//!
//! It depends on the column and on the form of what is written, not on the values, so a session
//! plans it once and keeps it: a small `INSERT` plans nothing.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::ast;
use parking_lot::Mutex;

use super::groups::{Group, Written};
use super::{name_of, projection_of};
use crate::Error;
use crate::statement::write::{
    Context, Target, assign_column, default_of, is_unknown_literal, memory_table, parse_query, quoted, select_of,
};

/// What the table of literals is called while they are cast.
const LITERALS: &str = "freshet literals";

/// So many are kept.
const CASTS_MAX: usize = 4_096;

/// The casts that a session has planned.
#[derive(Debug, Default)]
pub(crate) struct Casts(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The zone in which they were planned, which is the meaning of a time without one.
    time_zone: Option<String>,
    casts: HashMap<Key, Arc<Cast>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    table: u32,
    column: usize,
    form: Form,
}

/// What is written alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Form {
    Null,
    Default,
    Boolean,
    Integer { is_small: bool },
    Decimal { scale: i8 },
    Text,
    Typed(ast::DataType),
    Parameter(FieldRef),
}

/// How values of one form get into their column.
#[derive(Debug)]
pub(super) enum Cast {
    /// An expression over a column of them.
    Ready { expression: Arc<dyn PhysicalExpr>, schema: SchemaRef },
    /// A default that is not the same at all times.
    OfStatement { value: Expr, schema: DFSchema },
}

impl Casts {
    fn find(&self, context: &Context<'_>, keys: &[Key]) -> Vec<Option<Arc<Cast>>> {
        let mut kept = self.0.lock();
        let time_zone = &context.binder.state().config_options().execution.time_zone;
        if kept.time_zone != *time_zone {
            *kept = Kept { time_zone: time_zone.clone(), casts: HashMap::new() };
        }
        keys.iter().map(|key| kept.casts.get(key).cloned()).collect()
    }

    fn keep(&self, key: Key, cast: &Arc<Cast>) {
        let casts = &mut self.0.lock().casts;
        if casts.len() >= CASTS_MAX {
            casts.clear();
        }
        casts.insert(key, Arc::clone(cast));
    }
}

/// How each group gets into its column, if all of that is ready.
pub(super) fn at_hand(context: &Context<'_>, target: &Target, groups: &[Group<'_>]) -> Option<Vec<Arc<Cast>>> {
    let keys: Vec<Key> = groups.iter().map(|group| key_of(group, target)).collect();
    let is_ready = |cast: &Arc<Cast>| matches!(cast.as_ref(), Cast::Ready { .. });
    context.casts.find(context, &keys).into_iter().map(|cast| cast.filter(is_ready)).collect()
}

/// How each group gets into its column.
pub(super) async fn all(context: &Context<'_>, target: &Target, groups: &[Group<'_>]) -> Result<Vec<Arc<Cast>>, Error> {
    let keys: Vec<Key> = groups.iter().map(|group| key_of(group, target)).collect();
    let mut casts = context.casts.find(context, &keys);
    let new: Vec<&Group<'_>> =
        groups.iter().zip(&casts).filter(|(_, cast)| cast.is_none()).map(|(group, _)| group).collect();
    if !new.is_empty() {
        let mut planned = planned(context, target, &new).await?.into_iter();
        for (cast, key) in casts.iter_mut().zip(keys).filter(|(cast, _)| cast.is_none()) {
            let new = Arc::new(planned.next().ok_or_else(|| Error::internal("a cast that was not planned"))?);
            context.casts.keep(key, &new);
            *cast = Some(new);
        }
    }
    casts.into_iter().map(|cast| cast.ok_or_else(|| Error::internal("a cast that was not planned"))).collect()
}

fn key_of(group: &Group<'_>, target: &Target) -> Key {
    let form = match &group.values {
        Written::Nulls => Form::Null,
        Written::Defaults => Form::Default,
        Written::Booleans(_) => Form::Boolean,
        Written::Integers(values) => {
            Form::Integer { is_small: values.first().is_some_and(|value| i32::try_from(*value).is_ok()) }
        }
        Written::Decimals(scale, _) => Form::Decimal { scale: *scale },
        Written::Texts(_) => Form::Text,
        Written::Typed(data_type, _) => Form::Typed((*data_type).clone()),
        Written::Parameters(field, _) => Form::Parameter(Arc::clone(field)),
    };
    Key { table: target.entry.object.oid, column: group.column, form }
}

async fn planned(context: &Context<'_>, target: &Target, groups: &[&Group<'_>]) -> Result<Vec<Cast>, Error> {
    let columns = target.entry.object.columns.fields();
    let fields: Vec<Field> = groups.iter().enumerate().map(|(index, group)| group.field(index)).collect();
    let table = memory_table(&Arc::new(Schema::new(fields)), vec![])?;
    let mut query = parse_query(&format!("SELECT 1 FROM {}", quoted(LITERALS)))?;
    let mut literals = Vec::with_capacity(groups.len());
    let mut items = Vec::with_capacity(groups.len());
    for (index, group) in groups.iter().enumerate() {
        let (expr, is_literal) = group.expression(index, target);
        literals.push(is_literal);
        items.push(ast::SelectItem::ExprWithAlias { expr, alias: name_of(index) });
    }
    select_of(&mut query)?.projection = items;
    let extras = vec![(LITERALS.to_owned(), table)];
    let plan = context.binder.bind(&query, &context.reader, extras).await?.plan;
    let plan = sql::analyse(plan, context.binder.state())?;
    let projection = projection_of(&plan)?;
    let mut assigned = Vec::with_capacity(groups.len());
    for (index, (group, value)) in groups.iter().zip(&projection.expr).enumerate() {
        let (value, from, to) = (value.clone().unalias(), plan.schema().field(index), &columns[group.column]);
        let value = match group.written_type() {
            None => assign_column(value, from, literals[index], to)?,
            Some(written) => {
                // Whether it may go there is said of the type that the first of them has by itself.
                assign_column(value.clone(), &written, true, to)?;
                sql::assign(value, from, to)?
            }
        };
        assigned.push(value.alias(index.to_string()));
    }
    let plan = LogicalPlanBuilder::from(projection.input.as_ref().clone()).project(assigned)?.build()?;
    let plan = sql::analyse(plan, context.binder.state())?;
    let projection = projection_of(&plan)?;
    let input = projection.input.schema();
    let mut casts = Vec::with_capacity(groups.len());
    for (index, (group, value)) in groups.iter().zip(&projection.expr).enumerate() {
        let (qualifier, field) = input.qualified_field(index);
        let schema = DFSchema::new_with_metadata(vec![(qualifier.cloned(), Arc::clone(field))], Default::default())?;
        let value = value.clone().unalias();
        casts.push(match group.values {
            Written::Defaults if !is_constant(&default_of(target, group.column), &columns[group.column]) => {
                Cast::OfStatement { value, schema }
            }
            _ => Cast::Ready {
                expression: physical(context, value, &schema)?,
                schema: Arc::new(schema.as_arrow().clone()),
            },
        });
    }
    Ok(casts)
}

/// Whether a default is the same whenever it is asked for. A text may be `now`, where times go.
fn is_constant(default: &ast::Expr, to: &Field) -> bool {
    is_unknown_literal(default) && !to.data_type().is_temporal()
}

fn physical(context: &Context<'_>, value: Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>, Error> {
    let state = context.binder.state();
    let simplifying = SimplifyContext::builder()
        .with_schema(Arc::new(schema.clone()))
        .with_config_options(Arc::clone(state.config_options()))
        .with_query_execution_start_time(state.execution_props().query_execution_start_time)
        .build();
    let value = ExprSimplifier::new(simplifying).simplify(value)?;
    Ok(state.create_physical_expr(value, schema)?)
}

impl Cast {
    /// The values of a group, cast.
    pub(super) fn evaluate(&self, context: &Context<'_>, group: &Group<'_>) -> Result<ArrayRef, Error> {
        let (expression, schema) = match self {
            Cast::Ready { expression, schema } => (Arc::clone(expression), Arc::clone(schema)),
            // It may ask for the time, which is the statement's.
            Cast::OfStatement { value, schema } => {
                (physical(context, value.clone(), schema)?, Arc::new(schema.as_arrow().clone()))
            }
        };
        let rows = RecordBatch::try_new(schema, vec![group.array()?])?;
        Ok(expression.evaluate(&rows)?.into_array(group.rows.len())?)
    }
}
