//! Inner joins: equal keys, and any other condition as a residual.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{JoinType, NullEquality};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_common::physical_expr::fmt_sql;
use datafusion::scalar::ScalarValue;
use plan::{Join, JoinKey, JoinKind, Node};

use super::expression::{Expression, column_of, may_be_null};
use super::{Lowering, build, check_storable, refused};
use crate::Error;

impl Lowering<'_> {
    pub(super) fn join(&self, join: &datafusion::logical_expr::Join) -> Result<Node, Error> {
        let (left, right) = (self.node(&join.left)?, self.node(&join.right)?);
        let condition = join.filter.as_ref().filter(|filter| !is_true(filter));
        let is_unconditional = join.on.is_empty() && condition.is_none();
        match join.join_type {
            JoinType::Inner => {}
            // A scalar subquery: there is exactly one row to join with, so no row goes without.
            JoinType::Left if is_unconditional && is_one_row(&right) => {}
            JoinType::Right if is_unconditional && is_one_row(&left) => {}
            other => return Err(refused(name_of(other))),
        }
        let (left_keys, right_keys): (Vec<_>, Vec<_>) = join.on.iter().cloned().unzip();
        let left = self.side(left, &join.left, &left_keys)?;
        let right = self.side(right, &join.right, &right_keys)?;
        for (&left_key, &right_key) in left.keys.iter().zip(&right.keys) {
            let (left, right) = (left.node.schema().field(left_key), right.node.schema().field(right_key));
            check_storable(left.data_type())?;
            if left.data_type() != right.data_type() {
                let types = format!("{} and {}", left.data_type(), right.data_type());
                return Err(refused(&format!("a join of {types}")));
            }
        }
        let null_equal = join.null_equality == NullEquality::NullEqualsNull;
        let keys = left.keys.iter().zip(&right.keys);
        let on = keys.map(|(&left, &right)| JoinKey { left, right, null_equal }).collect();
        let offset = left.node.schema().fields().len();
        let output = (0..left.width).chain((0..right.width).map(|column| offset + column)).collect::<Vec<_>>();
        let all = [left.node.schema().fields().to_vec(), right.node.schema().fields().to_vec()].concat();
        let output = if output.is_empty() { vec![0] } else { output };
        let schema: SchemaRef =
            Arc::new(Schema::new(output.iter().map(|&column| Arc::clone(&all[column])).collect::<Vec<_>>()));
        let node = Node::Join(Join {
            kind: JoinKind::Inner,
            left: Box::new(left.node),
            right: Box::new(right.node),
            on,
            residual: Vec::new(),
            output,
            schema,
        });
        match condition {
            Some(condition) => build::filter(node, &self.condition(condition, &join.schema)?),
            None => Ok(node),
        }
    }

    /// One input with its keys as columns, added behind its own where they are expressions.
    fn side(&self, node: Node, plan: &LogicalPlan, keys: &[Expr]) -> Result<Side, Error> {
        let width = plan.schema().fields().len();
        let mut fields = node.schema().fields().to_vec();
        let mut expressions = node
            .schema()
            .fields()
            .iter()
            .enumerate()
            .map(|(place, field)| Arc::new(Column::new(field.name(), place)) as Expression)
            .collect::<Vec<_>>();
        let mut places = Vec::with_capacity(keys.len());
        for key in keys {
            let expression = self.expression(key, plan.schema())?;
            places.push(match column_of(&expression) {
                Some(place) => place,
                None => {
                    let schema = plan.schema().as_arrow();
                    let (data_type, nullable) = (expression.data_type(schema)?, may_be_null(&expression, schema));
                    fields.push(Arc::new(Field::new(fmt_sql(expression.as_ref()).to_string(), data_type, nullable)));
                    expressions.push(expression);
                    expressions.len() - 1
                }
            });
        }
        let node = if expressions.len() > node.schema().fields().len() {
            build::project(node, expressions, Arc::new(Schema::new(fields)))?
        } else {
            node
        };
        Ok(Side { node, width, keys: places })
    }
}

struct Side {
    node: Node,
    /// How many of its columns the logical plan knows.
    width: usize,
    keys: Vec<usize>,
}

fn is_true(expression: &Expr) -> bool {
    matches!(expression, Expr::Literal(ScalarValue::Boolean(Some(true)), _))
}

/// Whether there is exactly one row at every time.
fn is_one_row(node: &Node) -> bool {
    match node {
        Node::Aggregate(aggregate) => aggregate.keys.is_empty(),
        Node::Project(project) => is_one_row(&project.input),
        Node::Constant(constant) => constant.rows.num_rows() == 1,
        Node::Join(join) => join.on.is_empty() && is_one_row(&join.left) && is_one_row(&join.right),
        _ => false,
    }
}

/// What its user wrote.
fn name_of(join_type: JoinType) -> &'static str {
    match join_type {
        JoinType::Inner => "JOIN",
        JoinType::Left => "LEFT JOIN or this form of scalar subquery",
        JoinType::Right => "RIGHT JOIN",
        JoinType::Full => "FULL JOIN",
        JoinType::LeftSemi | JoinType::RightSemi => "EXISTS, IN (subquery) or INTERSECT",
        JoinType::LeftAnti | JoinType::RightAnti => "NOT EXISTS, NOT IN (subquery) or EXCEPT",
        JoinType::LeftMark | JoinType::RightMark => "EXISTS or IN (subquery) within an expression",
    }
}
