//! `AND` and `OR` whose right side fails only where the left side has not decided already: nobody who writes
//! `b <> 0 AND a / b > 1` wants to hear of a division by zero.
//!
//! DataFusion evaluates both sides for all rows of a batch. Where that could be seen, or cost much, a
//! [`ShortCircuit`] takes their place: in a view's expressions by [`guard`], in every expression of a query, joins,
//! aggregates, sorts and windows included, by [`GuardedPlanner`].

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column as LogicalColumn, DFSchema, TableReference};
use datafusion::error::Result;
use datafusion::execution::context::{ExecutionProps, QueryPlanner};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr as LogicalBinary, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NotExpr,
};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};

use crate::short_circuit::{ShortCircuit, over};

/// The expression, guarded.
pub(crate) fn guard(expression: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
    Ok(guarded(expression)?.data)
}

fn guarded(expression: Arc<dyn PhysicalExpr>) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    let Some(operator) = logic_of(&expression) else { return expression.map_children(guarded) };
    let mut is_guarded = false;
    let mut runs: Vec<Vec<Arc<dyn PhysicalExpr>>> = Vec::new();
    for condition in chain(&expression, operator) {
        let condition = guarded(condition)?;
        is_guarded |= condition.transformed;
        match runs.last_mut() {
            // What cannot fail costs less for all rows than finding those that are left.
            Some(run) if cannot_fail(&condition.data) => run.push(condition.data),
            _ => runs.push(vec![condition.data]),
        }
    }
    if runs.len() == 1 && !is_guarded {
        return Ok(Transformed::no(expression));
    }
    let both = |left, right| Arc::new(BinaryExpr::new(left, operator, right)) as Arc<dyn PhysicalExpr>;
    let mut conditions: Vec<_> = runs.into_iter().filter_map(|run| run.into_iter().reduce(both)).collect();
    Ok(Transformed::yes(match (conditions.len(), conditions.pop()) {
        (1, Some(condition)) => condition,
        (_, last) => {
            conditions.extend(last);
            Arc::new(ShortCircuit::new(operator, conditions)?)
        }
    }))
}

/// `AND` or `OR`, if the expression is one.
pub(crate) fn logic_of(expression: &Arc<dyn PhysicalExpr>) -> Option<Operator> {
    let operator = *expression.downcast_ref::<BinaryExpr>()?.op();
    matches!(operator, Operator::And | Operator::Or).then_some(operator)
}

/// What an expression joins by `operator`, from left to right.
fn chain(expression: &Arc<dyn PhysicalExpr>, operator: Operator) -> Vec<Arc<dyn PhysicalExpr>> {
    let mut conditions = Vec::new();
    let mut waiting = vec![expression];
    while let Some(expression) = waiting.pop() {
        match expression.downcast_ref::<BinaryExpr>() {
            Some(binary) if *binary.op() == operator => waiting.extend([binary.right(), binary.left()]),
            _ => conditions.push(Arc::clone(expression)),
        }
    }
    conditions
}

/// Whether the expression has a value for every row, as comparisons have and divisions don't.
pub(crate) fn cannot_fail(expression: &Arc<dyn PhysicalExpr>) -> bool {
    let is_safe = match expression.downcast_ref::<BinaryExpr>() {
        Some(binary) => binary.op().supports_propagation() || binary.op().is_logic_operator(),
        None => {
            expression.is::<Column>()
                || expression.is::<Literal>()
                || expression.is::<IsNullExpr>()
                || expression.is::<IsNotNullExpr>()
                || expression.is::<NotExpr>()
                || expression.is::<InListExpr>()
                || expression.is::<LikeExpr>()
        }
    };
    is_safe && expression.children().into_iter().all(cannot_fail)
}

/// DataFusion's planner of queries, for plans that are guarded first.
#[derive(Debug)]
pub(crate) struct GuardedPlanner;

#[async_trait]
impl QueryPlanner for GuardedPlanner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = guard_plan(plan.clone(), session.execution_props())?;
        DefaultPhysicalPlanner::default().create_physical_plan(&plan, session).await
    }
}

/// The plan with all its expressions guarded. It comes after the optimiser, which could not look into them.
fn guard_plan(plan: LogicalPlan, properties: &ExecutionProps) -> Result<LogicalPlan> {
    let guarded = plan.transform_up_with_subqueries(|plan| {
        // What a table is asked for is a hint, and asked again above it.
        if matches!(plan, LogicalPlan::TableScan(_)) {
            return Ok(Transformed::no(plan));
        }
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        let plan = plan.map_expressions(|expression| {
            let name = names.save(&expression);
            let guarded = expression.transform_down(|expression| decision(expression, &schema, properties))?;
            Ok(if guarded.transformed { guarded.update_data(|expression| name.restore(expression)) } else { guarded })
        })?;
        if plan.transformed { plan.map_data(LogicalPlan::recompute_schema) } else { Ok(plan) }
    })?;
    Ok(guarded.data)
}

/// A chain of `AND` or `OR` that needs a guard as a call of a [`Decision`].
fn decision(expression: Expr, schema: &DFSchema, properties: &ExecutionProps) -> Result<Transformed<Expr>> {
    let is_chain = matches!(&expression, Expr::BinaryExpr(LogicalBinary { op: Operator::And | Operator::Or, .. }));
    if !is_chain || is_planned_elsewhere(&expression)? {
        return Ok(Transformed::no(expression));
    }
    let (evaluated, schema, inputs) = without_subqueries(expression.clone(), schema)?;
    let physical = create_physical_expr(&evaluated, &schema, properties, &PhysicalPlanningContext::default())?;
    let physical = guarded(physical)?;
    if !physical.transformed {
        return Ok(Transformed::new(expression, false, TreeNodeRecursion::Jump));
    }
    let mut columns: Vec<usize> = collect_columns(&physical.data).iter().map(Column::index).collect();
    columns.sort_unstable();
    let fields = columns.iter().map(|&column| schema.field(column).as_ref().clone().with_nullable(true)).collect();
    let arguments = columns.iter().map(|&column| inputs[column].clone()).collect();
    let volatility = if evaluated.is_volatile() { Volatility::Volatile } else { Volatility::Immutable };
    let decision = Decision {
        expression: over(&physical.data, &columns)?,
        fields,
        is_nullable: evaluated.nullable(&schema)?,
        signature: Signature::any(columns.len(), volatility),
    };
    let call = ScalarUDF::new_from_impl(decision).call(arguments);
    Ok(Transformed::new(call, true, TreeNodeRecursion::Jump))
}

/// Whether there is something in the expression that only an operator can evaluate.
fn is_planned_elsewhere(expression: &Expr) -> Result<bool> {
    expression.exists(|expression| {
        Ok(matches!(
            expression,
            Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::Unnest(_)
        ))
    })
}

/// The expression with a column for each scalar subquery in it, the schema of all columns, and what they are.
fn without_subqueries(expression: Expr, schema: &DFSchema) -> Result<(Expr, DFSchema, Vec<Expr>)> {
    let mut inputs: Vec<Expr> = schema.iter().map(Expr::from).collect();
    let mut fields: Vec<(Option<TableReference>, FieldRef)> =
        schema.iter().map(|(table, field)| (table.cloned(), Arc::clone(field))).collect();
    let expression = expression.transform_down(|expression| {
        if !matches!(expression, Expr::ScalarSubquery(_)) {
            return Ok(Transformed::no(expression));
        }
        let table = TableReference::bare("freshet subquery");
        let name = inputs.len().to_string();
        fields.push((Some(table.clone()), Arc::new(Field::new(&name, expression.get_type(schema)?, true))));
        inputs.push(expression);
        let column = Expr::Column(LogicalColumn::new(Some(table), name));
        Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
    })?;
    let schema = DFSchema::new_with_metadata(fields, schema.metadata().clone())?;
    Ok((expression.data, schema, inputs))
}

/// A guarded condition as a function of the columns that it reads, to stand in a logical plan.
#[derive(Debug)]
struct Decision {
    /// Over the arguments.
    expression: Arc<dyn PhysicalExpr>,
    /// The arguments.
    fields: Fields,
    is_nullable: bool,
    signature: Signature,
}

impl PartialEq for Decision {
    fn eq(&self, other: &Self) -> bool {
        self.expression.as_ref() == other.expression.as_ref() && self.fields == other.fields
    }
}

impl Eq for Decision {}

impl Hash for Decision {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expression.hash(state);
    }
}

impl ScalarUDFImpl for Decision {
    fn name(&self) -> &str {
        "decision"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), DataType::Boolean, self.is_nullable)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let columns = arguments.args.into_iter().map(|column| column.into_array(rows)).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::new(Schema::new(self.fields.clone()));
        self.expression.evaluate(&RecordBatch::try_new_with_options(schema, columns, &options)?)
    }
}
