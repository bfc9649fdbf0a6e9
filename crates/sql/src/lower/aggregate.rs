//! `GROUP BY`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::AggregateFunction as Call;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr_common::physical_expr::fmt_sql;
use plan::{Aggregate, AggregateCall, AggregateFunction, Node};

use super::expression::{Expression, column_of, may_be_null, replace_columns};
use super::{Lowering, build, check_storable, refused};
use crate::Error;

impl Lowering<'_> {
    pub(super) fn aggregate(&self, aggregate: &datafusion::logical_expr::Aggregate) -> Result<Node, Error> {
        let input_schema = aggregate.input.schema();
        let input = self.node(&aggregate.input)?;
        // A projection below becomes part of ours.
        let (input, below) = match input {
            Node::Project(project) => (*project.input, Some(project.expressions)),
            input => (input, None),
        };
        let mut columns = Columns { input: &input, below, expressions: vec![], fields: vec![] };

        let mut keys = vec![];
        for expression in &aggregate.group_expr {
            if matches!(expression, Expr::GroupingSet(_)) {
                return Err(refused("GROUPING SETS, CUBE or ROLLUP"));
            }
            keys.push(columns.place(self.expression(expression, input_schema)?)?);
        }
        let mut calls = vec![];
        for (expression, field) in aggregate.aggr_expr.iter().zip(&aggregate.schema.fields()[keys.len()..]) {
            let call = self.call(expression, field.data_type(), aggregate, &mut columns)?;
            calls.push(call);
        }
        let Columns { expressions, fields, .. } = columns;
        let (input, places) = below_aggregate(input, expressions, fields)?;
        let place = |column: usize| places.as_ref().map_or(column, |places| places[column]);
        let keys = keys.into_iter().map(place).collect::<Vec<_>>();
        for call in &mut calls {
            call.argument = call.argument.map(place);
            call.filter = call.filter.map(place);
        }
        let names = keys.iter().map(|&key| input.schema().field(key).name().clone());
        let names = names.chain(calls.iter().map(|call| name_of(call, &input)));
        let fields = aggregate.schema.fields().iter().zip(names);
        let fields = fields.map(|(field, name)| field.as_ref().clone().with_name(name));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(Node::Aggregate(Aggregate { input: Box::new(input), keys, calls, schema }))
    }

    fn call(
        &self,
        expression: &Expr,
        result: &DataType,
        aggregate: &datafusion::logical_expr::Aggregate,
        columns: &mut Columns<'_>,
    ) -> Result<AggregateCall, Error> {
        let expression = match expression {
            Expr::Alias(alias) => alias.expr.as_ref(),
            expression => expression,
        };
        let Expr::AggregateFunction(Call { func, params }) = expression else {
            return Err(refused(&format!("the aggregate {expression}")));
        };
        let function = match func.name() {
            "count" => AggregateFunction::Count,
            "sum" => AggregateFunction::Sum,
            "avg" => AggregateFunction::Avg,
            "min" => AggregateFunction::Min,
            "max" => AggregateFunction::Max,
            other => return Err(refused(&format!("the aggregate function {other}"))),
        };
        let argument = match params.args.as_slice() {
            [] => None,
            [argument] => Some(self.expression(argument, aggregate.input.schema())?),
            _ => return Err(refused(&format!("{function} of several columns"))),
        };
        let argument = match (function, argument) {
            (AggregateFunction::Count, Some(argument)) if is_not_null(&argument) && !params.distinct => None,
            (_, Some(argument)) => Some(columns.place(argument)?),
            (_, None) => None,
        };
        let filter = match &params.filter {
            Some(filter) => Some(columns.place(self.expression(filter, aggregate.input.schema())?)?),
            None => None,
        };
        Ok(AggregateCall { function, argument, distinct: params.distinct, filter, result: result.clone() })
    }
}

/// What to call a call's column, unless the query does.
fn name_of(call: &AggregateCall, input: &Node) -> String {
    let argument = call.argument.map_or("*", |column| input.schema().field(column).name());
    format!("{}({}{argument})", call.function, if call.distinct { "DISTINCT " } else { "" })
}

fn is_not_null(expression: &Expression) -> bool {
    expression.downcast_ref::<Literal>().is_some_and(|literal| !literal.value().is_null())
}

/// The columns that an aggregate reads, each once.
struct Columns<'a> {
    input: &'a Node,
    /// What the expressions' columns are in terms of the input's.
    below: Option<Vec<Expression>>,
    expressions: Vec<Expression>,
    fields: Vec<Field>,
}

impl Columns<'_> {
    fn place(&mut self, expression: Expression) -> Result<usize, Error> {
        let expression = self.over_input(expression)?;
        self.add(expression)
    }

    fn over_input(&self, expression: Expression) -> Result<Expression, Error> {
        match &self.below {
            Some(below) => replace_columns(&expression, |column| Arc::clone(&below[column.index()])),
            None => Ok(expression),
        }
    }

    fn add(&mut self, expression: Expression) -> Result<usize, Error> {
        if let Some(place) = self.expressions.iter().position(|known| known.as_ref() == expression.as_ref()) {
            return Ok(place);
        }
        let schema = self.input.schema();
        let field = match column_of(&expression) {
            Some(column) => schema.field(column).clone(),
            None => Field::new(
                fmt_sql(expression.as_ref()).to_string(),
                expression.data_type(schema)?,
                may_be_null(&expression, schema),
            ),
        };
        check_storable(field.data_type())?;
        self.fields.push(field);
        self.expressions.push(expression);
        Ok(self.expressions.len() - 1)
    }
}

/// The aggregate's input, and where in it the expressions are if they are not just its columns.
fn below_aggregate(
    input: Node,
    expressions: Vec<Expression>,
    fields: Vec<Field>,
) -> Result<(Node, Option<Vec<usize>>), Error> {
    let columns = expressions.iter().map(column_of).collect::<Option<Vec<_>>>();
    let gathers = match &input {
        Node::Join(_) => true,
        Node::Filter(filter) => matches!(*filter.input, Node::Join(_)),
        _ => false,
    };
    match columns {
        // Nothing to compute, and nothing saved by leaving columns out.
        Some(columns) if !gathers => Ok((input, Some(columns))),
        _ => Ok((build::project(input, expressions, Arc::new(Schema::new(fields)))?, None)),
    }
}
