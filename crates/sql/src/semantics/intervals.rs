//! Intervals compare by how long they last (`functions::interval_keys`), and not by their parts, as Arrow would
//! have it: wherever two are compared, sorted, grouped or joined, it is their lengths that are.
//!
//! Intervals that last equally long are one group, which shows one of them. It acts before type coercion, which
//! refuses some windows over intervals, and after it, when each operand has its final type; it leaves nothing that
//! it would change again.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::functions_aggregate::min_max::max_udaf;
use datafusion::logical_expr::expr::{
    AggregateFunction, InList, InSubquery, SetComparison, Sort as SortExpr, WindowFunction,
};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Aggregate, Between, BinaryExpr, Case, Distinct, Expr, ExprSchemable, Join, LogicalPlan, LogicalPlanBuilder,
    Operator, Subquery, Window, when,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

use crate::functions::interval_keys::{KEY, LENGTH, OF_KEY};

/// What is compared within an expression.
pub(super) fn rewrite(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is = |expression: &Expr| is_interval(expression, schema);
    Ok(Transformed::yes(match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) && is(&left) && is(&right) => {
            Expr::BinaryExpr(BinaryExpr { left: boxed_length(*left), op, right: boxed_length(*right) })
        }
        Expr::Between(Between { expr, negated, low, high }) if is(&expr) && is(&low) && is(&high) => {
            Expr::Between(Between {
                expr: boxed_length(*expr),
                negated,
                low: boxed_length(*low),
                high: boxed_length(*high),
            })
        }
        Expr::InList(InList { expr, list, negated }) if is(&expr) && list.iter().all(is) => {
            let list = list.into_iter().map(length).collect();
            Expr::InList(InList { expr: boxed_length(*expr), list, negated })
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) if is(&expr) => {
            Expr::InSubquery(InSubquery { expr: boxed_length(*expr), subquery: lengths(subquery)?, negated })
        }
        Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) if is(&expr) => {
            Expr::SetComparison(SetComparison {
                expr: boxed_length(*expr),
                subquery: lengths(subquery)?,
                op,
                quantifier,
            })
        }
        Expr::Case(Case { expr: Some(operand), when_then_expr, else_expr })
            if is(&operand) && when_then_expr.iter().all(|(when, _)| is(when)) =>
        {
            let arms = when_then_expr.into_iter().map(|(when, then)| (boxed_length(*when), then));
            Expr::Case(Case { expr: Some(boxed_length(*operand)), when_then_expr: arms.collect(), else_expr })
        }
        Expr::ScalarFunction(mut call)
            if ["nullif", "greatest", "least"].contains(&call.name()) && call.args.iter().all(is) =>
        {
            if call.name() == "nullif" {
                let [first, second] = call.args.as_slice() else {
                    return Ok(Transformed::no(Expr::ScalarFunction(call)));
                };
                let nothing = Expr::Literal(ScalarValue::Null, None).cast_to(&first.get_type(schema)?, schema)?;
                when(length(first.clone()).eq(length(second.clone())), nothing).otherwise(first.clone())?
            } else {
                call.args = call.args.into_iter().map(|argument| KEY.udf().call(vec![argument])).collect();
                OF_KEY.udf().call(vec![Expr::ScalarFunction(call)])
            }
        }
        Expr::AggregateFunction(mut call) => {
            let is_counted = call.params.distinct && call.func.name() == "count";
            if is_counted {
                lengths_of(&mut call.params.args, schema);
            }
            let is_sorted = lengths_in_order(&mut call.params.order_by, schema);
            return Ok(Transformed::new_transformed(Expr::AggregateFunction(call), is_counted || is_sorted));
        }
        Expr::WindowFunction(mut call) => {
            lengths_of(&mut call.params.partition_by, schema);
            lengths_in_order(&mut call.params.order_by, schema);
            Expr::WindowFunction(call)
        }
        other => return Ok(Transformed::no(other)),
    }))
}

/// What whole nodes of a plan compare: keys of groups, joins and sorts, and what extremes are of.
#[derive(Debug)]
pub(super) struct IntervalKeys;

impl AnalyzerRule for IntervalKeys {
    fn name(&self) -> &str {
        "postgres_interval_keys"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(rewrite_node)?.data)
    }
}

fn rewrite_node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    Ok(match plan {
        LogicalPlan::Sort(mut sort) => {
            let changed = lengths_in_order(&mut sort.expr, &schema);
            Transformed::new_transformed(LogicalPlan::Sort(sort), changed)
        }
        LogicalPlan::Join(join) if join.on.iter().any(|(left, _)| is_interval(left, join.left.schema())) => {
            let on = join.on.into_iter().map(|(left, right)| match is_interval(&left, join.left.schema()) {
                true => (length(left), length(right)),
                false => (left, right),
            });
            Transformed::yes(LogicalPlan::Join(Join { on: on.collect(), ..join }))
        }
        LogicalPlan::Distinct(Distinct::All(input)) if has_interval(input.schema()) => {
            let keys = input.schema().iter().map(Expr::from).collect();
            Transformed::yes(grouped(Aggregate::try_new(input, keys, vec![])?)?)
        }
        LogicalPlan::Distinct(Distinct::On(mut distinct)) => {
            let mut changed = lengths_of(&mut distinct.on_expr, &schema);
            if let Some(order) = &mut distinct.sort_expr {
                changed |= lengths_in_order(order, &schema);
            }
            Transformed::new_transformed(LogicalPlan::Distinct(Distinct::On(distinct)), changed)
        }
        LogicalPlan::Window(window) if window.window_expr.iter().any(|call| extreme_over(call, &schema).is_some()) => {
            Transformed::yes(windowed(window)?)
        }
        LogicalPlan::Aggregate(aggregate) if is_affected(&aggregate) => Transformed::yes(grouped(aggregate)?),
        other => Transformed::no(other),
    })
}

/// Whether an aggregate groups by intervals, or has an extreme of some.
fn is_affected(aggregate: &Aggregate) -> bool {
    let schema = aggregate.input.schema();
    let has_sets = aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_)));
    let has_key = !has_sets && aggregate.group_expr.iter().any(|key| is_interval(key, schema));
    has_key || aggregate.aggr_expr.iter().any(|call| extreme_of(call, schema).is_some())
}

/// The call of `min` or `max` of intervals, if it is one.
fn extreme_of(call: &Expr, schema: &DFSchema) -> Option<AggregateFunction> {
    match call {
        Expr::Alias(alias) => extreme_of(&alias.expr, schema),
        Expr::AggregateFunction(call) if ["min", "max"].contains(&call.func.name()) => {
            call.params.args.first().is_some_and(|argument| is_interval(argument, schema)).then(|| call.clone())
        }
        _ => None,
    }
}

/// The same of one over a window.
fn extreme_over(call: &Expr, schema: &DFSchema) -> Option<WindowFunction> {
    match call {
        Expr::Alias(alias) => extreme_over(&alias.expr, schema),
        Expr::WindowFunction(call) if ["min", "max"].contains(&call.fun.name()) => {
            call.params.args.first().is_some_and(|argument| is_interval(argument, schema)).then(|| (**call).clone())
        }
        _ => None,
    }
}

/// Windows with extremes of keys, and a projection that gives them their columns as they were.
fn windowed(window: Window) -> Result<LogicalPlan> {
    let Window { input, window_expr, schema } = window;
    let first_call = input.schema().fields().len();
    let mut is_extreme = vec![false; first_call];
    let mut calls = Vec::with_capacity(window_expr.len());
    for call in window_expr {
        let extreme = extreme_over(&call, input.schema());
        is_extreme.push(extreme.is_some());
        calls.push(match extreme {
            Some(mut extreme) => {
                extreme.params.args = extreme.params.args.into_iter().map(|one| KEY.udf().call(vec![one])).collect();
                Expr::WindowFunction(Box::new(extreme))
            }
            None => call,
        });
    }
    let plan = LogicalPlan::Window(Window::try_new(calls, input)?);
    let shown = is_extreme.into_iter().enumerate().map(|(place, is_extreme)| {
        let column = Expr::Column(Column::from(plan.schema().qualified_field(place)));
        let value = if is_extreme { OF_KEY.udf().call(vec![column]) } else { column };
        let (qualifier, field) = schema.qualified_field(place);
        value.alias_qualified(qualifier.cloned(), field.name())
    });
    let shown: Vec<Expr> = shown.collect();
    LogicalPlanBuilder::from(plan).project(shown)?.build()
}

/// The aggregate over lengths and keys, with a projection that gives it its columns as they were.
fn grouped(aggregate: Aggregate) -> Result<LogicalPlan> {
    let Aggregate { input, group_expr, aggr_expr, schema, .. } = aggregate;
    let below = Arc::clone(input.schema());
    let mut shown = Vec::with_capacity(schema.fields().len());
    let mut keys = Vec::with_capacity(group_expr.len());
    let mut calls = Vec::with_capacity(aggr_expr.len());
    let as_before = |value: Expr, place: usize| {
        let (qualifier, field) = schema.qualified_field(place);
        value.alias_qualified(qualifier.cloned(), field.name())
    };
    let mut shown_keys = Vec::new();
    for (place, key) in group_expr.into_iter().enumerate() {
        match is_interval(&key, &below) {
            true => {
                // Any interval of the group may stand for all, but always the same one: that of most months.
                shown_keys.push((place, max_udaf().call(vec![KEY.udf().call(vec![key.clone()])])));
                keys.push(length(key));
            }
            false => keys.push(key),
        }
    }
    let first_call = keys.len();
    let mut is_extreme = Vec::with_capacity(aggr_expr.len());
    for call in aggr_expr {
        match extreme_of(&call, &below) {
            Some(mut extreme) => {
                extreme.params.args = extreme.params.args.into_iter().map(|one| KEY.udf().call(vec![one])).collect();
                calls.push(Expr::AggregateFunction(extreme));
                is_extreme.push(true);
            }
            None => {
                calls.push(call);
                is_extreme.push(false);
            }
        }
    }
    let first_shown = first_call + calls.len();
    let representatives: Vec<usize> = shown_keys.iter().map(|(place, _)| *place).collect();
    // A name for each, since the same may be asked for twice.
    let hidden = shown_keys.into_iter().enumerate();
    calls.extend(hidden.map(|(index, (_, call))| call.alias(format!("interval key {index}"))));
    let grouped = LogicalPlan::Aggregate(Aggregate::try_new(input, keys, calls)?);
    let column = |place: usize| Expr::Column(Column::from(grouped.schema().qualified_field(place)));
    for place in 0..schema.fields().len() {
        let value = match representatives.iter().position(|key| *key == place) {
            Some(index) => OF_KEY.udf().call(vec![column(first_shown + index)]),
            None if place >= first_call && is_extreme[place - first_call] => OF_KEY.udf().call(vec![column(place)]),
            None => column(place),
        };
        shown.push(as_before(value, place));
    }
    LogicalPlanBuilder::from(grouped).project(shown)?.build()
}

/// A subquery's one column as lengths.
fn lengths(subquery: Subquery) -> Result<Subquery> {
    let column = Expr::from(subquery.subquery.schema().qualified_field(0));
    let plan = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone()).project(vec![length(column)])?.build()?;
    Ok(Subquery { subquery: Arc::new(plan), ..subquery })
}

fn lengths_of(expressions: &mut [Expr], schema: &DFSchema) -> bool {
    let mut changed = false;
    for expression in expressions.iter_mut().filter(|expression| is_interval(expression, schema)) {
        *expression = length(expression.clone());
        changed = true;
    }
    changed
}

fn lengths_in_order(order: &mut [SortExpr], schema: &DFSchema) -> bool {
    let mut changed = false;
    for key in order.iter_mut().filter(|key| is_interval(&key.expr, schema)) {
        key.expr = length(key.expr.clone());
        changed = true;
    }
    changed
}

fn length(interval: Expr) -> Expr {
    LENGTH.udf().call(vec![interval])
}

fn boxed_length(interval: Expr) -> Box<Expr> {
    Box::new(length(interval))
}

fn is_interval(expression: &Expr, schema: &DFSchema) -> bool {
    matches!(expression.get_type(schema), Ok(DataType::Interval(_)))
}

fn has_interval(schema: &DFSchema) -> bool {
    schema.fields().iter().any(|field| matches!(field.data_type(), DataType::Interval(_)))
}

fn is_comparison(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}
