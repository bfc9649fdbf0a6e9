//! The last touch: a view's columns have the names that the query gave, and types that are ours.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::expressions::{CastExpr, Column};
use plan::Node;

use super::expression::Expression;
use super::{build, refused};
use crate::Error;
use crate::types::{TYPE_KEY, canonical};

pub(super) fn finish(node: Node, plan: &LogicalPlan) -> Result<Node, Error> {
    let named = plan.schema().fields();
    if named.is_empty() {
        return Err(refused("a query without columns"));
    }
    let mut fields = Vec::with_capacity(named.len());
    let mut expressions: Vec<Expression> = Vec::with_capacity(named.len());
    for (place, (from, name)) in node.schema().fields().iter().zip(named).enumerate() {
        let mut field = from.as_ref().clone().with_name(name.name()).with_metadata(name.metadata().clone());
        field.set_nullable(from.is_nullable() || name.is_nullable());
        let Some(kept) = canonical(&field) else {
            return Err(refused(&format!("a column of type {} ({})", from.data_type(), name.name())));
        };
        let column: Expression = Arc::new(Column::new(from.name(), place));
        expressions.push(if kept.data_type() == from.data_type() {
            column
        } else {
            Arc::new(CastExpr::new(column, kept.data_type().clone(), None))
        });
        fields.push(kept);
    }
    let node = build::project(node, expressions, Arc::new(Schema::new(fields.clone())))?;
    rename(node, Arc::new(Schema::new(fields)))
}

/// The node with other names for its columns.
fn rename(mut node: Node, schema: SchemaRef) -> Result<Node, Error> {
    if is_same(node.schema(), &schema) {
        return Ok(node);
    }
    match &mut node {
        Node::Project(project) => project.schema = schema,
        Node::Join(join) => join.schema = schema,
        Node::Aggregate(aggregate) => aggregate.schema = schema,
        Node::Union(union) => union.schema = schema,
        Node::Constant(constant) => {
            constant.rows = constant.rows.clone().with_schema(Arc::clone(&schema))?;
            constant.schema = schema;
        }
        Node::Get(_) | Node::Filter(_) | Node::Distinct(_) => {
            let columns = node.schema().fields().iter().enumerate();
            let columns = columns.map(|(place, field)| Arc::new(Column::new(field.name(), place)) as Expression);
            let columns = columns.collect();
            return Ok(build::plain_project(node, columns, schema));
        }
    }
    Ok(node)
}

/// Whether names, types and what Postgres calls the types are the same.
fn is_same(left: &Schema, right: &Schema) -> bool {
    left.fields().len() == right.fields().len()
        && left.fields().iter().zip(right.fields()).all(|(left, right)| {
            left.name() == right.name()
                && left.data_type() == right.data_type()
                && left.metadata().get(TYPE_KEY) == right.metadata().get(TYPE_KEY)
        })
}
