//! Nodes put together so that none does what another one can do on its way: projections merge into
//! what is below them, filters into one or into the join, and a join gathers no column that nobody reads.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column};
use datafusion::physical_expr::split_conjunction;
use plan::{Filter, Get, Join, Node, Project, Properties};

use super::expression::{Expression, column_of, columns_of, count_columns, is_trivial, move_columns, replace_columns};
use crate::Error;
use crate::guard::{cannot_fail, guard};

/// Keeps the rows for which the predicate is true. A join does so itself, before it makes rows of
/// its pairs.
///
/// Conditions that cannot fail come first, and each that can stands for itself: so
/// `b <> 0 AND a / b > 1` divides by no zero.
pub(super) fn filter(input: Node, predicate: &Expression) -> Result<Node, Error> {
    let predicate = named_as(predicate, &input)?;
    let conditions = split_conjunction(&predicate).into_iter().cloned();
    let (safe, risky): (Vec<_>, Vec<_>) = conditions.partition(cannot_fail);
    let risky = risky.into_iter().map(guard).collect::<Result<Vec<_>, _>>()?;
    let both = |left: Expression, right| Arc::new(BinaryExpr::new(left, Operator::And, right)) as Expression;
    let safe = safe.into_iter().reduce(both);
    let mut node = input;
    if let Node::Join(join) = &mut node {
        for condition in safe.iter().chain(&risky) {
            let condition = move_columns(condition, |column| join.output[column])?;
            join.residual.push(condition);
        }
        return Ok(node);
    }
    if let Some(safe) = safe {
        node = match node {
            Node::Filter(below) => Node::Filter(Filter { input: below.input, predicate: both(below.predicate, safe) }),
            node => Node::Filter(Filter { input: Box::new(node), predicate: safe }),
        };
    }
    for predicate in risky {
        node = Node::Filter(Filter { input: Box::new(node), predicate });
    }
    Ok(node)
}

/// The expression with the input's own names for its columns.
fn named_as(expression: &Expression, input: &Node) -> Result<Expression, Error> {
    let schema = input.schema();
    replace_columns(expression, |column| {
        let name = schema.fields().get(column.index()).map_or(column.name(), |field| field.name());
        Arc::new(Column::new(name, column.index()))
    })
}

/// Computes `expressions`, whose names and types `schema` says. What has no columns stays as it is.
pub(super) fn project(input: Node, expressions: Vec<Expression>, schema: SchemaRef) -> Result<Node, Error> {
    if expressions.is_empty() || is_identity(&input, &expressions) {
        return Ok(input);
    }
    let expressions =
        expressions.iter().map(|expression| named_as(expression, &input)).collect::<Result<Vec<_>, _>>()?;
    match input {
        Node::Project(below) if can_merge(&below, &expressions) => {
            let merged = expressions
                .iter()
                .map(|expression| replace_columns(expression, |column| Arc::clone(&below.expressions[column.index()])))
                .collect::<Result<Vec<_>, _>>()?;
            project(*below.input, merged, schema)
        }
        Node::Get(get) => Ok(narrow_get(get, expressions, schema)),
        Node::Join(join) => match expressions.iter().map(column_of).collect::<Option<Vec<_>>>() {
            Some(columns) => {
                let output = columns.iter().map(|&column| join.output[column]).collect();
                Ok(Node::Join(Join { output, schema, ..join }))
            }
            None => {
                let read = columns_of(&expressions);
                let expressions = moved(&expressions, &read)?;
                Ok(plain_project(Node::Join(narrow_join(join, &read)), expressions, schema))
            }
        },
        input => Ok(plain_project(input, expressions, schema)),
    }
}

/// A projection and nothing else.
pub(super) fn plain_project(input: Node, expressions: Vec<Expression>, schema: SchemaRef) -> Node {
    Node::Project(Project { input: Box::new(input), expressions, schema })
}

/// Whether the expressions are all columns of the input, each in its place.
fn is_identity(input: &Node, expressions: &[Expression]) -> bool {
    let width = input.schema().fields().len();
    let is_in_place = |(place, expression): (usize, &Expression)| column_of(expression) == Some(place);
    expressions.len() == width && expressions.iter().enumerate().all(is_in_place)
}

/// Whether nothing is computed more often if the projections become one.
fn can_merge(below: &Project, expressions: &[Expression]) -> bool {
    let mut counts = vec![0; below.expressions.len()];
    expressions.iter().for_each(|expression| count_columns(expression, &mut counts));
    below.expressions.iter().zip(&counts).all(|(expression, &count)| count <= 1 || is_trivial(expression))
}

/// Reads fewer columns, where they are all that is wanted of it.
fn narrow_get(get: Get, expressions: Vec<Expression>, schema: SchemaRef) -> Node {
    let columns = expressions.iter().map(column_of).collect::<Option<Vec<_>>>();
    let columns = columns.filter(|columns| columns.iter().collect::<BTreeSet<_>>().len() == columns.len());
    let Some(columns) = columns else { return plain_project(Node::Get(get), expressions, schema) };
    let place = |column: &usize| columns.iter().position(|kept| kept == column);
    let unique = get.properties.unique.and_then(|key| key.iter().map(place).collect());
    Node::Get(Get {
        columns: columns.iter().map(|&column| get.columns[column]).collect(),
        schema: select(&get.schema, columns.iter().copied()),
        properties: Properties { unique, ..get.properties },
        ..get
    })
}

/// Gathers only the columns that are read; one at least.
fn narrow_join(join: Join, read: &BTreeSet<usize>) -> Join {
    let keep = if read.is_empty() { BTreeSet::from([0]) } else { read.clone() };
    Join {
        output: keep.iter().map(|&column| join.output[column]).collect(),
        schema: select(&join.schema, keep.iter().copied()),
        ..join
    }
}

fn place_in(read: &BTreeSet<usize>, column: usize) -> usize {
    read.range(..column).count()
}

fn moved(expressions: &[Expression], read: &BTreeSet<usize>) -> Result<Vec<Expression>, Error> {
    expressions.iter().map(|expression| move_columns(expression, |column| place_in(read, column))).collect()
}

/// Some columns of a schema.
pub(super) fn select(schema: &Schema, columns: impl IntoIterator<Item = usize>) -> SchemaRef {
    let fields = schema.fields();
    Arc::new(Schema::new(columns.into_iter().map(|column| Arc::clone(&fields[column])).collect::<Vec<_>>()))
}
