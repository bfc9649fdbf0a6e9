//! `ON CONFLICT DO NOTHING | DO UPDATE SET ... [WHERE ...]`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, Spanned};

use crate::bind::{Extra, ParameterTypes, fold, with_types, with_values};
use crate::statement::query::{collect, typed};
use crate::statement::write::{
    Context, KeyCodec, Target, assign_column, column_index, conform, constraint_name, find_rows, is_unknown_literal,
    memory_table, note_assigned, parse_query, quoted, select_of, set_columns,
};
use crate::{Error, SqlState};

/// The rows that are there, and the rows that should come, by the names that the clause uses for
/// them, are joined on these columns.
const EXISTING: &str = "freshet existing";
const EXCLUDED: &str = "freshet excluded";

/// An `ON CONFLICT` clause.
pub(crate) struct OnConflict<'a> {
    target: &'a Target,
    alias: &'a str,
    update: Option<Update<'a>>,
}

struct Update<'a> {
    set: Vec<(usize, ast::Expr)>,
    condition: Option<&'a ast::Expr>,
}

/// What becomes of rows of which some were in conflict.
pub(crate) struct Resolved {
    pub(crate) deletes: Vec<RecordBatch>,
    pub(crate) inserts: Vec<RecordBatch>,
    /// The rows as they are now that were inserted or updated, in the order of the statement's.
    pub(crate) changed: RecordBatch,
}

impl<'a> OnConflict<'a> {
    pub(crate) fn new(clause: &'a ast::OnConflict, target: &'a Target, alias: &'a str) -> Result<Self, Error> {
        check_conflict_target(clause, target)?;
        let update = match &clause.action {
            ast::OnConflictAction::DoNothing => None,
            ast::OnConflictAction::DoUpdate(update) => {
                Some(Update { set: set_columns(target, &update.assignments)?, condition: update.selection.as_ref() })
            }
        };
        Ok(OnConflict { target, alias, update })
    }

    /// Notes the types of the clause's parameters.
    pub(crate) async fn describe(&self, context: &Context<'_>, types: &mut ParameterTypes) -> Result<(), Error> {
        let Some(update) = &self.update else { return Ok(()) };
        let empty = RecordBatch::new_empty(Arc::clone(&self.target.entry.object.columns));
        let none = Conflicts { existing: empty.clone(), proposed: empty, numbers: Int64Array::from(Vec::<i64>::new()) };
        let plan = self.bind(context, update, &none, types).await?;
        types.infer(&plan)?;
        self.assigned(context, update, with_types(plan, &types.fields())?)?;
        Ok(())
    }

    /// Decides for each of `rows` whether it comes, goes unused, or changes the row that is there.
    pub(crate) async fn resolve(&self, context: &Context<'_>, rows: RecordBatch) -> Result<Resolved, Error> {
        let Some(codec) = KeyCodec::of(self.target)? else {
            // Without a key nothing is ever in conflict.
            return Ok(Resolved { deletes: vec![], inserts: vec![rows.clone()], changed: rows });
        };
        let keys = codec.keys(&rows)?;
        let found = find_rows(self.target, &context.reader, &keys)?;
        let mut seen: HashSet<Box<[u8]>> = HashSet::new();
        let mut new = Vec::new();
        let mut conflicting = Vec::new();
        for (row, key) in codec.encode(keys.columns())?.iter().enumerate() {
            let is_first = seen.insert(key.data().into());
            let row = u32::try_from(row).map_err(|_| Error::internal("too many rows in a batch"))?;
            match (found.places[row as usize], &self.update) {
                (None, _) if is_first => new.push(row),
                (Some(place), Some(_)) if is_first => conflicting.push((row, place)),
                (_, None) => {}
                (_, Some(_)) => return Err(second_time()),
            }
        }
        let inserted = take_record_batch(&rows, &UInt32Array::from(new.clone()))?;
        let Some(update) = self.update.as_ref().filter(|_| !conflicting.is_empty()) else {
            return Ok(Resolved { deletes: vec![], inserts: vec![inserted.clone()], changed: inserted });
        };
        let (excluded, places): (Vec<u32>, Vec<u32>) = conflicting.into_iter().unzip();
        let existing = found.take(&places)?;
        let numbers: Int64Array = excluded.iter().map(|row| i64::from(*row)).collect();
        let proposed = take_record_batch(&rows, &UInt32Array::from(excluded))?;
        let updated = self.updated(context, update, &Conflicts { existing, proposed, numbers }).await?;

        // In the order of the statement's rows: those inserted and those updated together.
        let changed = concat_batches(&rows.schema(), [&inserted, &updated.new])?;
        let mut order: Vec<(i64, u32)> =
            new.iter().map(|row| i64::from(*row)).chain(updated.numbers).zip(0..).collect();
        order.sort_unstable();
        let order: UInt32Array = order.into_iter().map(|(_, place)| place).collect();
        let changed = take_record_batch(&changed, &order)?;
        Ok(Resolved { deletes: vec![updated.old], inserts: vec![inserted, updated.new], changed })
    }

    /// The rows that are there, as `SET` changes them; those for which `WHERE` does not hold are left out.
    async fn updated(
        &self,
        context: &Context<'_>,
        update: &Update<'_>,
        conflicts: &Conflicts,
    ) -> Result<Updated, Error> {
        let mut types = ParameterTypes::default();
        let plan = self.bind(context, update, conflicts, &mut types).await?;
        let (plan, fields) = typed(plan, types, context.parameters)?;
        let plan = with_values(self.assigned(context, update, plan)?, context.parameters, &fields)?;
        let (_, batches) = collect(context.binder, plan).await?;

        let place_of: HashMap<i64, u32> = conflicts.numbers.values().iter().copied().zip(0..).collect();
        let schema = &self.target.entry.object.columns;
        let (mut numbers, mut old, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for batch in batches {
            let of_batch = batch.column(0).as_primitive::<Int64Type>().values();
            let places: UInt32Array = of_batch.iter().filter_map(|number| place_of.get(number).copied()).collect();
            let before = take_record_batch(&conflicts.existing, &places)?;
            let mut columns: Vec<ArrayRef> = before.columns().to_vec();
            for (index, (column, _)) in update.set.iter().enumerate() {
                columns[*column] = Arc::clone(batch.column(index + 1));
            }
            new.push(conform(self.target, columns, batch.num_rows())?);
            old.push(before);
            numbers.extend_from_slice(of_batch);
        }
        Ok(Updated { numbers, old: concat_batches(schema, &old)?, new: concat_batches(schema, &new)? })
    }

    /// Binds `SELECT number, set expressions FROM existing JOIN excluded WHERE condition`.
    async fn bind(
        &self,
        context: &Context<'_>,
        update: &Update<'_>,
        conflicts: &Conflicts,
        types: &mut ParameterTypes,
    ) -> Result<LogicalPlan, Error> {
        let Conflicts { existing, proposed, numbers } = conflicts;
        let extras: Vec<Extra> = vec![
            (EXISTING.to_owned(), numbered(EXISTING, existing, numbers)?),
            (EXCLUDED.to_owned(), numbered(EXCLUDED, proposed, numbers)?),
        ];
        let (existing, excluded, alias) = (quoted(EXISTING), quoted(EXCLUDED), quoted(self.alias));
        let text = format!(
            "SELECT {excluded} FROM {existing} AS {alias} JOIN {excluded} AS excluded ON {existing} = {excluded}"
        );
        let mut query = parse_query(&text)?;
        let select = select_of(&mut query)?;
        let columns = &self.target.entry.object.columns;
        for (index, (column, value)) in update.set.iter().enumerate() {
            note_assigned(types, value, &columns.fields()[*column])?;
            let alias = ast::Ident::with_quote('"', format!("freshet value {index}"));
            select.projection.push(ast::SelectItem::ExprWithAlias { expr: value.clone(), alias });
        }
        select.selection = update.condition.cloned();
        Ok(context.binder.bind(&query, &context.reader, extras).await?.plan)
    }

    /// The same, with each value cast to its column's type.
    fn assigned(&self, context: &Context<'_>, update: &Update<'_>, plan: LogicalPlan) -> Result<LogicalPlan, Error> {
        let plan = sql::analyse(plan, context.binder.state())?;
        let mut values = Vec::with_capacity(update.set.len() + 1);
        for (index, (qualifier, from)) in plan.schema().iter().enumerate() {
            let value = Expr::Column(Column::from((qualifier, from)));
            values.push(match index.checked_sub(1).map(|place| &update.set[place]) {
                None => value.alias(EXCLUDED),
                Some((column, expression)) => {
                    let to = self.target.entry.object.columns.field(*column);
                    assign_column(value, from, is_unknown_literal(expression), to)
                        .map_err(|error| error.at(expression.span()))?
                        .alias(format!("value {index}"))
                }
            });
        }
        Ok(LogicalPlanBuilder::from(plan).project(values)?.build()?)
    }
}

/// Rows that are there and rows that should come with the same keys, in step.
struct Conflicts {
    existing: RecordBatch,
    proposed: RecordBatch,
    /// Which of the statement's rows each of `proposed` is.
    numbers: Int64Array,
}

/// Rows that were there and were changed, in step.
struct Updated {
    /// Which of the statement's rows changed each.
    numbers: Vec<i64>,
    old: RecordBatch,
    new: RecordBatch,
}

/// Rows with the numbers of the statement's rows in a last column.
fn numbered(
    name: &str,
    rows: &RecordBatch,
    numbers: &Int64Array,
) -> Result<Arc<dyn datafusion::catalog::TableProvider>, Error> {
    let mut fields = rows.schema().fields().to_vec();
    fields.push(Arc::new(Field::new(name, DataType::Int64, false)));
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(numbers.clone()));
    memory_table(&schema, vec![RecordBatch::try_new(Arc::clone(&schema), columns)?])
}

/// That the clause names the primary key, or nothing where that will do.
fn check_conflict_target(clause: &ast::OnConflict, target: &Target) -> Result<(), Error> {
    let key = &target.entry.object.primary_key;
    match &clause.conflict_target {
        None => match clause.action {
            ast::OnConflictAction::DoNothing => Ok(()),
            ast::OnConflictAction::DoUpdate(_) => Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "ON CONFLICT DO UPDATE requires inference specification or constraint name",
            )
            .with_hint("For example, ON CONFLICT (column_name).")),
        },
        Some(ast::ConflictTarget::Columns(names)) => {
            let mut columns = Vec::with_capacity(names.len());
            for name in names {
                columns.push(column_index(target, name)?);
            }
            columns.sort_unstable();
            columns.dedup();
            let mut key = key.clone();
            key.sort_unstable();
            if columns == key {
                return Ok(());
            }
            Err(Error::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                "there is no unique or exclusion constraint matching the ON CONFLICT specification",
            ))
        }
        Some(ast::ConflictTarget::OnConstraint(name)) => {
            let name = name.0.last().and_then(|part| part.as_ident()).map(fold).unwrap_or_default();
            if !key.is_empty() && name == constraint_name(target.name()) {
                return Ok(());
            }
            Err(Error::new(
                SqlState::UNDEFINED_OBJECT,
                format!("constraint \"{name}\" for table \"{}\" does not exist", target.name()),
            ))
        }
    }
}

fn second_time() -> Error {
    Error::new(SqlState::CARDINALITY_VIOLATION, "ON CONFLICT DO UPDATE command cannot affect row a second time")
        .with_hint(
            "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.",
        )
}
