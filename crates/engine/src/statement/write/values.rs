//! The `VALUES` of an `INSERT`: each value is cast to its column's type by itself, as in Postgres,
//! so those of one column need not be of one type.
//!
//! A bulk load is one statement of very many literals. They are not planned each: the literals of one
//! column that are written alike (numbers of one scale, texts, `date '...'`) are one array, and one
//! cast takes it to the column's type, the same that takes a computed value there. What is more than a
//! literal is planned in blocks, so that the time for it grows with the number of values only.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Int64Array, RecordBatch, StringArray, new_null_array,
};
use arrow::compute::{cast, interleave};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Schema};
use datafusion::common::DFSchema;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, SetExpr, UnaryOperator};

use crate::bind::{ParameterTypes, number_of, with_types, with_values};
use crate::statement::query::{collect, typed};
use crate::statement::write::{
    Context, Target, assign_column, conform, default_of, is_unknown_literal, memory_table, parse_query, quoted,
    select_of,
};
use crate::{Error, SqlState};

/// Rows that become one batch.
const CHUNK_ROWS: usize = 8_192;
/// Expressions that are planned together. Each pass of a planner walks over all of them.
const BLOCK: usize = 128;
/// The same with subqueries, each of which becomes a join.
const BLOCK_OF_QUERIES: usize = 8;
/// What the table of literals is called while they are cast.
const LITERALS: &str = "freshet literals";

/// The rows of a query that is `VALUES` and nothing else.
pub(crate) fn rows_of(query: &ast::Query) -> Option<&ast::Values> {
    let is_bare = query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none();
    match query.body.as_ref() {
        SetExpr::Values(values) if is_bare => Some(values),
        _ => None,
    }
}

/// `VALUES` on their way into a table.
pub(crate) struct Values<'a> {
    rows: &'a ast::Values,
    target: &'a Target,
    /// For each of the table's columns, which value of a row goes there; none for the default.
    places: &'a [Option<usize>],
}

/// A value as it is written.
enum Cell<'a> {
    Null,
    Default,
    Boolean(bool),
    Integer(i64),
    /// Digits, and how many of them are behind the point.
    Decimal(i128, i8),
    Text(&'a str),
    /// `type 'text'`, `'text'::type`
    Typed(&'a ast::DataType, &'a str),
    /// `$n`
    Parameter(usize),
    Expression(&'a ast::Expr),
}

/// Values of one column that are cast as one.
struct Group<'a> {
    column: usize,
    /// Which rows of the chunk they are of.
    rows: Vec<usize>,
    values: Written<'a>,
}

enum Written<'a> {
    Nulls,
    Defaults,
    Booleans(Vec<bool>),
    Integers(Vec<i64>),
    Decimals(i8, Vec<i128>),
    Texts(Vec<&'a str>),
    Typed(&'a ast::DataType, Vec<&'a str>),
    Parameters(FieldRef, Vec<&'a ScalarValue>),
}

/// A value that must be computed.
struct Computed<'a> {
    column: usize,
    row: usize,
    expression: &'a ast::Expr,
}

/// A part of the rows, taken apart.
struct Chunk<'a> {
    rows: usize,
    groups: Vec<Group<'a>>,
    computed: Vec<Computed<'a>>,
}

impl<'a> Values<'a> {
    /// `places`: for each of the table's columns, which value of a row goes there.
    pub(crate) fn new(rows: &'a ast::Values, target: &'a Target, places: &'a [Option<usize>]) -> Values<'a> {
        Values { rows, target, places }
    }

    /// The rows as the table keeps them. Of several errors, the first row's is given.
    pub(crate) async fn rows(&self, context: &Context<'_>, types: &ParameterTypes) -> Result<Vec<RecordBatch>, Error> {
        let fields = parameter_fields(types, context.parameters);
        let mut batches = Vec::new();
        let mut first = 0;
        while first < self.rows.rows.len() {
            let end = self.rows.rows.len().min(first + CHUNK_ROWS);
            self.add_rows(context, types, &fields, first..end, &mut batches).await?;
            first = end;
            // Between chunks, so that the statement can be stopped.
            tokio::task::yield_now().await;
        }
        Ok(batches)
    }

    async fn add_rows(
        &self,
        context: &Context<'_>,
        types: &ParameterTypes,
        fields: &[FieldRef],
        rows: Range<usize>,
        batches: &mut Vec<RecordBatch>,
    ) -> Result<(), Error> {
        let error = match self.batch(context, types, fields, rows.clone()).await {
            Ok(batch) => {
                context.binder.memory().take(batch.get_array_memory_size())?;
                batches.push(batch);
                return Ok(());
            }
            Err(error) => error,
        };
        if rows.len() == 1 || error.code == SqlState::OUT_OF_MEMORY {
            return Err(error);
        }
        let middle = rows.start + rows.len() / 2;
        Box::pin(self.add_rows(context, types, fields, rows.start..middle, batches)).await?;
        Box::pin(self.add_rows(context, types, fields, middle..rows.end, batches)).await
    }

    async fn batch(
        &self,
        context: &Context<'_>,
        types: &ParameterTypes,
        fields: &[FieldRef],
        rows: Range<usize>,
    ) -> Result<RecordBatch, Error> {
        let chunk = self.chunk(rows, fields, context.parameters)?;
        let columns = self.target.entry.object.columns.fields();
        let mut parts: Vec<Parts> = columns.iter().map(|_| Parts::new(chunk.rows)).collect();
        for (group, cast) in chunk.groups.iter().zip(self.casts(context, &chunk.groups).await?) {
            parts[group.column].add(&group.rows, cast.evaluate(context, group, &columns[group.column])?);
        }
        for block in blocks(&chunk.computed) {
            let plan = bind_block(context, block).await?;
            let (plan, fields) = typed(plan, types.clone(), context.parameters)?;
            let plan = self.assigned_block(context, plan, block)?;
            let (_, rows) = collect(context.binder, with_values(plan, context.parameters, &fields)?).await?;
            let row = rows.iter().find(|batch| batch.num_rows() > 0);
            let row = row.ok_or_else(|| Error::internal("values without a row"))?;
            for (computed, value) in block.iter().zip(row.columns()) {
                let value = as_kept(value, &columns[computed.column])?;
                parts[computed.column].add(&[computed.row], value);
            }
        }
        let columns = parts.into_iter().map(Parts::into_column).collect::<Result<_, _>>()?;
        conform(self.target, columns, chunk.rows)
    }

    /// Notes the types of parameters, and checks that each value may go into its column.
    pub(crate) async fn describe(&self, context: &Context<'_>, types: &mut ParameterTypes) -> Result<(), Error> {
        let columns = self.target.entry.object.columns.fields();
        let mut bound = Vec::new();
        let mut first = 0;
        while first < self.rows.rows.len() {
            let end = self.rows.rows.len().min(first + CHUNK_ROWS);
            let chunk = self.chunk(first..end, &[], &[])?;
            self.casts(context, &chunk.groups).await?;
            for block in blocks(&chunk.computed) {
                let plan = bind_block(context, block).await?;
                types.infer(&plan)?;
                let block: Vec<Computed<'_>> = block.iter().map(|one| Computed { ..*one }).collect();
                bound.push((plan, block));
            }
            first = end;
            tokio::task::yield_now().await;
        }
        debug_assert!(self.places.len() == columns.len(), "a place for each column");
        for (plan, block) in bound {
            self.assigned_block(context, with_types(plan, &types.fields())?, &block)?;
        }
        Ok(())
    }

    /// Notes the parameters that are values themselves: they have the types of their columns.
    pub(crate) fn note_parameters(&self, types: &mut ParameterTypes) -> Result<(), Error> {
        let columns = self.target.entry.object.columns.fields();
        for row in &self.rows.rows {
            for (place, to) in self.places.iter().zip(columns) {
                if let Some(place) = place
                    && let Cell::Parameter(number) = cell_of(&row.content[*place])?
                {
                    types.note(number, Some(Arc::clone(to)));
                }
            }
        }
        Ok(())
    }

    /// Takes rows apart. Without `parameters`, those are left out.
    fn chunk(
        &self,
        rows: Range<usize>,
        fields: &[FieldRef],
        parameters: &'a [ScalarValue],
    ) -> Result<Chunk<'a>, Error> {
        let count = rows.len();
        let mut chunk = Chunk { rows: count, groups: vec![], computed: vec![] };
        let mut groups: Vec<Vec<Group<'a>>> = self.places.iter().map(|_| vec![]).collect();
        for (row, values) in self.rows.rows[rows].iter().enumerate() {
            for (column, (place, groups)) in self.places.iter().zip(&mut groups).enumerate() {
                let cell = match place {
                    Some(place) => cell_of(&values.content[*place])?,
                    None => Cell::Default,
                };
                match cell {
                    Cell::Expression(expression) => chunk.computed.push(Computed { column, row, expression }),
                    Cell::Parameter(number) if parameters.is_empty() && fields.is_empty() => {
                        debug_assert!(number > 0, "they are counted from 1");
                    }
                    cell => add_cell(groups, column, row, cell, fields, parameters)?,
                }
            }
        }
        chunk.groups = groups.into_iter().flatten().collect();
        Ok(chunk)
    }

    /// How each group gets to its column's type.
    async fn casts(&self, context: &Context<'_>, groups: &[Group<'_>]) -> Result<Vec<CastPlan>, Error> {
        if groups.is_empty() {
            return Ok(vec![]);
        }
        let columns = self.target.entry.object.columns.fields();
        let fields: Vec<Field> = groups.iter().enumerate().map(|(index, group)| group.field(index)).collect();
        let table = memory_table(&Arc::new(Schema::new(fields)), vec![])?;
        let mut query = parse_query(&format!("SELECT 1 FROM {}", quoted(LITERALS)))?;
        let mut literals = Vec::with_capacity(groups.len());
        let mut items = Vec::with_capacity(groups.len());
        for (index, group) in groups.iter().enumerate() {
            let (expr, is_literal) = group.expression(index, self.target);
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
        for (index, value) in projection.expr.iter().enumerate() {
            let (qualifier, field) = input.qualified_field(index);
            let schema =
                DFSchema::new_with_metadata(vec![(qualifier.cloned(), Arc::clone(field))], Default::default())?;
            casts.push(CastPlan { value: value.clone().unalias(), schema });
        }
        Ok(casts)
    }

    /// The block's plan with each value cast to its column.
    fn assigned_block(
        &self,
        context: &Context<'_>,
        plan: LogicalPlan,
        block: &[Computed<'_>],
    ) -> Result<LogicalPlan, Error> {
        let columns = self.target.entry.object.columns.fields();
        let plan = sql::analyse(plan, context.binder.state())?;
        let projection = projection_of(&plan)?;
        let mut assigned = Vec::with_capacity(block.len());
        for (index, (computed, value)) in block.iter().zip(&projection.expr).enumerate() {
            let from = plan.schema().field(index);
            let is_literal = is_unknown_literal(computed.expression);
            let value = assign_column(value.clone().unalias(), from, is_literal, &columns[computed.column])?;
            assigned.push(value.alias(index.to_string()));
        }
        Ok(LogicalPlanBuilder::from(projection.input.as_ref().clone()).project(assigned)?.build()?)
    }
}

/// What takes a group to its column's type: an expression over its own column.
struct CastPlan {
    value: Expr,
    schema: DFSchema,
}

impl CastPlan {
    fn evaluate(self, context: &Context<'_>, group: &Group<'_>, to: &Field) -> Result<ArrayRef, Error> {
        let state = context.binder.state();
        // A default may ask for the time, which is the statement's.
        let simplifying = SimplifyContext::builder()
            .with_schema(Arc::new(self.schema.clone()))
            .with_config_options(Arc::clone(state.config_options()))
            .with_query_execution_start_time(state.execution_props().query_execution_start_time)
            .build();
        let value = ExprSimplifier::new(simplifying).simplify(self.value)?;
        let expression = state.create_physical_expr(value, &self.schema)?;
        let written = group.array()?;
        let rows = RecordBatch::try_new(Arc::new(self.schema.as_arrow().clone()), vec![written])?;
        as_kept(&expression.evaluate(&rows)?.into_array(group.rows.len())?, to)
    }
}

/// The values as the column keeps them.
fn as_kept(values: &ArrayRef, to: &Field) -> Result<ArrayRef, Error> {
    match values.data_type() == to.data_type() {
        true => Ok(Arc::clone(values)),
        false => Ok(cast(values, to.data_type())?),
    }
}

/// The values of one column as they come together.
struct Parts {
    arrays: Vec<ArrayRef>,
    /// For each row, its array and its place there.
    places: Vec<(usize, usize)>,
}

impl Parts {
    fn new(rows: usize) -> Parts {
        Parts { arrays: vec![], places: vec![(0, 0); rows] }
    }

    fn add(&mut self, rows: &[usize], values: ArrayRef) {
        let array = self.arrays.len();
        for (place, row) in rows.iter().enumerate() {
            self.places[*row] = (array, place);
        }
        self.arrays.push(values);
    }

    fn into_column(self) -> Result<ArrayRef, Error> {
        match self.arrays.as_slice() {
            [only] if only.len() == self.places.len() => Ok(Arc::clone(only)),
            arrays => Ok(interleave(&arrays.iter().map(AsRef::as_ref).collect::<Vec<_>>(), &self.places)?),
        }
    }
}

impl Group<'_> {
    /// The column of the values as they are written.
    fn field(&self, index: usize) -> Field {
        let data_type = match &self.values {
            Written::Nulls | Written::Defaults => DataType::Null,
            Written::Booleans(_) => DataType::Boolean,
            Written::Integers(_) => DataType::Int64,
            Written::Decimals(scale, _) => DataType::Decimal128(DECIMAL128_MAX_PRECISION, *scale),
            Written::Texts(_) | Written::Typed(..) => DataType::Utf8,
            Written::Parameters(field, _) => {
                return field.as_ref().clone().with_name(index.to_string()).with_nullable(true);
            }
        };
        Field::new(index.to_string(), data_type, true)
    }

    /// What is made of that column before it is assigned, and whether that has no type of its own yet.
    fn expression(&self, index: usize, target: &Target) -> (ast::Expr, bool) {
        let column = ast::Expr::Identifier(name_of(index));
        match &self.values {
            Written::Defaults => {
                let default = default_of(target, self.column);
                let is_literal = is_unknown_literal(&default);
                (default, is_literal)
            }
            Written::Typed(data_type, _) => {
                let kind = ast::CastKind::Cast;
                let (expr, data_type) = (Box::new(column), (*data_type).clone());
                (ast::Expr::Cast { kind, expr, data_type, array: false, format: None }, false)
            }
            _ => (column, true),
        }
    }

    /// The type that the first value has where it stands alone, if the whole group's is wider.
    fn written_type(&self) -> Option<Field> {
        let data_type = match &self.values {
            Written::Integers(values) => match values.first().map(|value| i32::try_from(*value)) {
                Some(Ok(_)) => DataType::Int32,
                _ => DataType::Int64,
            },
            Written::Decimals(scale, values) => {
                let digits = values.first()?.unsigned_abs().to_string().len();
                let precision = u8::try_from(digits).ok()?.max(scale.unsigned_abs());
                DataType::Decimal128(precision, *scale)
            }
            _ => return None,
        };
        Some(Field::new("", data_type, true))
    }

    fn array(&self) -> Result<ArrayRef, Error> {
        Ok(match &self.values {
            Written::Nulls | Written::Defaults => new_null_array(&DataType::Null, self.rows.len()),
            Written::Booleans(values) => Arc::new(BooleanArray::from(values.clone())),
            Written::Integers(values) => Arc::new(Int64Array::from_iter_values(values.iter().copied())),
            Written::Decimals(scale, values) => {
                let digits = Decimal128Array::from_iter_values(values.iter().copied());
                Arc::new(digits.with_precision_and_scale(DECIMAL128_MAX_PRECISION, *scale)?)
            }
            Written::Texts(values) | Written::Typed(_, values) => {
                Arc::new(StringArray::from_iter_values(values.iter().copied()))
            }
            Written::Parameters(_, values) => ScalarValue::iter_to_array(values.iter().map(|value| (*value).clone()))?,
        })
    }
}

/// Puts a value to those that are written alike.
fn add_cell<'a>(
    groups: &mut Vec<Group<'a>>,
    column: usize,
    row: usize,
    cell: Cell<'a>,
    fields: &[FieldRef],
    parameters: &'a [ScalarValue],
) -> Result<(), Error> {
    let mut parameter = None;
    if let Cell::Parameter(number) = cell {
        let missing = || Error::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter ${number}"));
        parameter =
            Some((fields.get(number - 1).ok_or_else(missing)?, parameters.get(number - 1).ok_or_else(missing)?));
    }
    for group in groups.iter_mut() {
        match (&mut group.values, &cell) {
            (Written::Nulls, Cell::Null) | (Written::Defaults, Cell::Default) => {}
            (Written::Booleans(values), Cell::Boolean(value)) => values.push(*value),
            (Written::Integers(values), Cell::Integer(value)) => values.push(*value),
            (Written::Decimals(scale, values), Cell::Decimal(digits, of)) if scale == of => values.push(*digits),
            (Written::Texts(values), Cell::Text(text)) => values.push(text),
            (Written::Typed(data_type, values), Cell::Typed(of, text)) if data_type == of => values.push(text),
            (Written::Parameters(field, values), Cell::Parameter(_)) => match parameter {
                Some((of, value)) if field == of => values.push(value),
                _ => continue,
            },
            _ => continue,
        }
        group.rows.push(row);
        return Ok(());
    }
    let values = match cell {
        Cell::Null => Written::Nulls,
        Cell::Default => Written::Defaults,
        Cell::Boolean(value) => Written::Booleans(vec![value]),
        Cell::Integer(value) => Written::Integers(vec![value]),
        Cell::Decimal(digits, scale) => Written::Decimals(scale, vec![digits]),
        Cell::Text(text) => Written::Texts(vec![text]),
        Cell::Typed(data_type, text) => Written::Typed(data_type, vec![text]),
        Cell::Parameter(_) | Cell::Expression(_) => match parameter {
            Some((field, value)) => Written::Parameters(Arc::clone(field), vec![value]),
            None => return Err(Error::internal("an expression among literals")),
        },
    };
    groups.push(Group { column, rows: vec![row], values });
    Ok(())
}

/// What is written here.
fn cell_of(value: &ast::Expr) -> Result<Cell<'_>, Error> {
    Ok(match value {
        ast::Expr::Nested(inner) => cell_of(inner)?,
        ast::Expr::Value(literal) => match &literal.value {
            ast::Value::Null => Cell::Null,
            ast::Value::Boolean(value) => Cell::Boolean(*value),
            ast::Value::Number(number, _) => number_cell(number, false).unwrap_or(Cell::Expression(value)),
            ast::Value::Placeholder(id) => Cell::Parameter(number_of(id)?),
            _ => text_of(&literal.value).map_or(Cell::Expression(value), Cell::Text),
        },
        ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(number, _), .. }) => {
                number_cell(number, true).unwrap_or(Cell::Expression(value))
            }
            _ => Cell::Expression(value),
        },
        ast::Expr::TypedString(typed) => match text_of(&typed.value.value) {
            Some(text) => Cell::Typed(&typed.data_type, text),
            None => Cell::Expression(value),
        },
        ast::Expr::Cast {
            kind: ast::CastKind::Cast | ast::CastKind::DoubleColon,
            expr,
            data_type,
            array: false,
            format: None,
        } => match expr.as_ref() {
            ast::Expr::Value(literal) => match text_of(&literal.value) {
                Some(text) => Cell::Typed(data_type, text),
                None => Cell::Expression(value),
            },
            _ => Cell::Expression(value),
        },
        ast::Expr::Identifier(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default") => {
            Cell::Default
        }
        _ => Cell::Expression(value),
    })
}

fn text_of(value: &ast::Value) -> Option<&str> {
    match value {
        ast::Value::SingleQuotedString(text) | ast::Value::EscapedStringLiteral(text) => Some(text),
        ast::Value::DollarQuotedString(quoted) => Some(&quoted.value),
        _ => None,
    }
}

/// A number, if it has at most so many digits as a `numeric` and no exponent.
fn number_cell(number: &str, is_negative: bool) -> Option<Cell<'static>> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = whole.bytes().chain(fraction.bytes());
    if whole.len() + fraction.len() > usize::from(DECIMAL128_MAX_PRECISION) {
        return None;
    }
    let mut value = 0_i128;
    for digit in digits {
        value = value * 10 + i128::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    let value = if is_negative { -value } else { value };
    if number.contains('.') {
        return Some(Cell::Decimal(value, i8::try_from(fraction.len()).ok()?));
    }
    Some(i64::try_from(value).map_or(Cell::Decimal(value, 0), Cell::Integer))
}

/// The types of parameters: as they were described, or as their values have them.
fn parameter_fields(types: &ParameterTypes, values: &[ScalarValue]) -> Vec<FieldRef> {
    let mut fields = types.fields();
    for (field, value) in fields.iter_mut().zip(values) {
        if *field.data_type() != value.data_type() {
            *field = Arc::new(Field::new("", value.data_type(), true));
        }
    }
    fields
}

/// The values that are planned together.
fn blocks<'b, 'a>(mut computed: &'b [Computed<'a>]) -> Vec<&'b [Computed<'a>]> {
    let mut blocks = Vec::new();
    while !computed.is_empty() {
        let mut queries = 0;
        let end = computed.iter().take(BLOCK).position(|one| {
            queries += usize::from(has_query(one.expression));
            queries > BLOCK_OF_QUERIES
        });
        let (block, rest) = computed.split_at(end.unwrap_or_else(|| computed.len().min(BLOCK)));
        blocks.push(block);
        computed = rest;
    }
    blocks
}

fn has_query(expression: &ast::Expr) -> bool {
    struct Queries;
    impl ast::Visitor for Queries {
        type Break = ();

        fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    ast::Visit::visit(expression, &mut Queries).is_break()
}

/// Binds expressions as one row.
async fn bind_block(context: &Context<'_>, block: &[Computed<'_>]) -> Result<LogicalPlan, Error> {
    let mut query = parse_query("SELECT 1")?;
    select_of(&mut query)?.projection = block
        .iter()
        .enumerate()
        .map(|(index, computed)| ast::SelectItem::ExprWithAlias {
            expr: computed.expression.clone(),
            alias: name_of(index),
        })
        .collect();
    Ok(context.binder.bind(&query, &context.reader, vec![]).await?.plan)
}

fn name_of(index: usize) -> ast::Ident {
    ast::Ident::with_quote('"', index.to_string())
}

fn projection_of(plan: &LogicalPlan) -> Result<&datafusion::logical_expr::Projection, Error> {
    match plan {
        LogicalPlan::Projection(projection) => Ok(projection),
        _ => Err(Error::internal("a projection became something else")),
    }
}

/// The value of a plan's column, for a projection over it.
pub(crate) fn column(plan: &LogicalPlan, index: usize) -> Expr {
    Expr::Column(datafusion::common::Column::from(plan.schema().qualified_field(index)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_type_that_they_are_written_in() {
        let shown = |number: &str, is_negative| match number_cell(number, is_negative) {
            Some(Cell::Integer(value)) => format!("integer {value}"),
            Some(Cell::Decimal(digits, scale)) => format!("decimal {digits} {scale}"),
            _ => "other".to_owned(),
        };
        for (number, is_negative, expected) in [
            ("12", false, "integer 12"),
            ("12", true, "integer -12"),
            ("9223372036854775808", true, "integer -9223372036854775808"),
            ("9223372036854775808", false, "decimal 9223372036854775808 0"),
            ("1.50", true, "decimal -150 2"),
            (".5", false, "decimal 5 1"),
            ("5.", false, "decimal 5 0"),
            ("1e3", false, "other"),
            ("1_000", false, "other"),
            ("123456789012345678901234567890123456789", false, "other"),
        ] {
            assert_eq!(shown(number, is_negative), expected, "{number}");
        }
    }
}
