//! `DELETE FROM t [USING ...] [WHERE ...] [RETURNING ...]`.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast;

use crate::bind::ParameterTypes;
use crate::statement::write::{Computed, Context, Matched, Matching, Returning, TableChange, Target};
use crate::{Error, SqlState};

/// A `DELETE` statement.
pub(crate) struct Delete<'a>(&'a ast::Delete);

impl<'a> Delete<'a> {
    pub(crate) fn new(delete: &'a ast::Delete) -> Delete<'a> {
        Delete(delete)
    }

    fn matching(&self, context: &Context<'_>) -> Result<Matching<'a>, Error> {
        let (ast::FromTable::WithFromKeyword(tables) | ast::FromTable::WithoutKeyword(tables)) = &self.0.from;
        let table = match tables.as_slice() {
            [one] => &one.relation,
            _ => return Err(Error::new(SqlState::SYNTAX_ERROR, "DELETE takes one table")),
        };
        let ast::TableFactor::Table { name, .. } = table else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "a table is expected after DELETE FROM"));
        };
        let target = Target::find(&context.reader, name, "delete from")?;
        let others = self.0.using.as_deref().unwrap_or_default();
        Matching::new(target, table, others, self.0.selection.as_ref(), vec![])
    }

    fn returning(&self) -> Returning<'_> {
        Returning(self.0.returning.as_ref())
    }
}

impl TableChange for Delete<'_> {
    async fn compute(&self, context: &Context<'_>) -> Result<Computed, Error> {
        let matching = self.matching(context)?;
        let target = matching.target();
        let Matched { old, others, .. } = matching.find(context).await?;
        let rows = old.iter().map(RecordBatch::num_rows).sum();
        let returning = self.returning().rows(context, matching.visible(old.clone(), others)).await?;
        Ok(Computed { write: target.write(old, vec![]), rows, returning })
    }

    async fn describe(&self, context: &Context<'_>, types: &mut ParameterTypes) -> Result<Option<SchemaRef>, Error> {
        self.matching(context)?.describe(context, &self.returning(), types).await
    }
}
