//! `UPDATE t SET ... [FROM ...] [WHERE ...] [RETURNING ...]`.

use arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast;

use crate::bind::ParameterTypes;
use crate::statement::write::{
    Computed, Context, Matched, Matching, Returning, TableChange, Target, check_unique, conform, set_columns,
};
use crate::{Error, SqlState};

/// An `UPDATE` statement.
pub(crate) struct Update<'a>(&'a ast::Update);

impl<'a> Update<'a> {
    pub(crate) fn new(update: &'a ast::Update) -> Update<'a> {
        Update(update)
    }

    fn matching(&self, context: &Context<'_>) -> Result<Matching<'a>, Error> {
        let table = &self.0.table.relation;
        let ast::TableFactor::Table { name, .. } = table else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "a table is expected after UPDATE"));
        };
        let target = Target::find(&context.reader, name, "update")?;
        let set = set_columns(&target, &self.0.assignments)?;
        let others: &[ast::TableWithJoins] = match &self.0.from {
            Some(ast::UpdateTableFromKind::AfterSet(tables) | ast::UpdateTableFromKind::BeforeSet(tables)) => tables,
            None => &[],
        };
        Matching::new(target, table, others, self.0.selection.as_ref(), set)
    }

    fn returning(&self) -> Returning<'_> {
        Returning(self.0.returning.as_ref())
    }
}

impl TableChange for Update<'_> {
    async fn compute(&self, context: &Context<'_>) -> Result<Computed, Error> {
        let matching = self.matching(context)?;
        let target = matching.target();
        let Matched { old, set, others } = matching.find(context).await?;
        let mut new = Vec::with_capacity(old.len());
        for (before, values) in old.iter().zip(set) {
            let mut columns = before.columns().to_vec();
            for (column, value) in matching.set_columns().zip(values) {
                columns[column] = value;
            }
            new.push(conform(target, columns, before.num_rows())?);
        }
        let touches_key = matching.set_columns().any(|column| target.entry.object.primary_key.contains(&column));
        if touches_key {
            check_unique(target, &context.reader, &old, &new)?;
        }
        let rows = new.iter().map(arrow::array::RecordBatch::num_rows).sum();
        let returning = self.returning().rows(context, matching.visible(new.clone(), others)).await?;
        Ok(Computed { write: target.write(old, new), rows, returning })
    }

    async fn describe(&self, context: &Context<'_>, types: &mut ParameterTypes) -> Result<Option<SchemaRef>, Error> {
        self.matching(context)?.describe(context, &self.returning(), types).await
    }
}
