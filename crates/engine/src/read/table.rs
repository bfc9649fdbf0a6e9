//! A relation as DataFusion's binder and planner see it.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use dataflow::Relation;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use sql::ObjectKind;

use super::Reader;
use super::scan::{Part, RelationScan};
use crate::Error;
use crate::catalog::Entry;

/// The name of the column that tells equal rows apart, where it is asked for.
pub(crate) const ROW_COLUMN: &str = "freshet row";

/// A table, source or materialized view at the epoch of a reader.
#[derive(Debug)]
pub(crate) struct RelationTable {
    entry: Arc<Entry>,
    relation: Relation,
    reader: Arc<Reader>,
    schema: SchemaRef,
    has_row_column: bool,
}

impl RelationTable {
    /// As queries see it.
    pub(crate) fn new(entry: Arc<Entry>, relation: Relation, reader: Arc<Reader>) -> RelationTable {
        let schema = Arc::clone(&entry.object.columns);
        RelationTable { entry, relation, reader, schema, has_row_column: false }
    }

    /// With a last column that numbers its rows, for statements that change some of them. The
    /// numbers mean something within one execution only.
    pub(crate) fn with_row_column(mut self) -> RelationTable {
        let mut fields = self.schema.fields().to_vec();
        fields.push(Arc::new(Field::new(ROW_COLUMN, DataType::Int64, false)));
        self.schema = Arc::new(Schema::new_with_metadata(fields, self.schema.metadata().clone()));
        self.has_row_column = true;
        self
    }

    /// What is scanned: all partitions, less what the transaction deleted, and what it inserted.
    fn parts(&self, filters: &[Expr]) -> Result<Vec<Part>, Error> {
        let oid = self.entry.object.oid;
        let Some(pending) = self.reader.pending(oid) else {
            return match self.row_by_key(filters)? {
                Some(row) => Ok(vec![Part::Rows(vec![row])]),
                None => Ok(self.partitions()),
            };
        };
        let mut parts = self.partitions();
        if pending.has_deletes() {
            let columns: Vec<usize> = (0..self.relation.schema().fields().len()).collect();
            let mut batches = Vec::new();
            for partition in 0..self.relation.partitions() {
                for batch in self.relation.scan(partition, self.reader.epoch(), &columns) {
                    batches.push(batch?);
                }
            }
            parts = vec![Part::Rows(pending.without_deleted(batches)?)];
        }
        parts.push(Part::Rows(vec![pending.inserted()?]));
        Ok(parts)
    }

    fn partitions(&self) -> Vec<Part> {
        let is_blocking = self.entry.object.kind == ObjectKind::Source;
        if let Some(source) = self.entry.source.as_ref().filter(|source| source.has_end_now())
            && !self.reader.catalog.is_maintained(self.entry.object.oid)
        {
            return vec![Part::Source(Arc::clone(source))];
        }
        (0..self.relation.partitions()).map(|partition| Part::Partition { partition, is_blocking }).collect()
    }

    /// The one row that can match, where the filters give a value for each column of the key.
    fn row_by_key(&self, filters: &[Expr]) -> Result<Option<RecordBatch>, Error> {
        let key = &self.entry.object.primary_key;
        if key.is_empty() {
            return Ok(None);
        }
        let mut values = Vec::with_capacity(key.len());
        let mut fields = Vec::with_capacity(key.len());
        for column in key {
            let field = self.schema.field(*column);
            let Some(value) = filters.iter().find_map(|filter| equal_to(filter, field)) else { return Ok(None) };
            values.push(value.to_array_of_size(1)?);
            fields.push(field.clone());
        }
        let keys = RecordBatch::try_new(Arc::new(Schema::new(fields)), values)?;
        let (rows, _) = self.relation.find(&keys, self.reader.epoch())?;
        Ok(Some(rows))
    }
}

#[async_trait]
impl TableProvider for RelationTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.schema.fields().len()).collect();
        let projection = projection.cloned().unwrap_or_else(all);
        let row_column = self.has_row_column.then(|| self.schema.fields().len() - 1);
        let scan = RelationScan::new(
            self.entry.object.name.clone(),
            self.relation.clone(),
            Arc::clone(&self.reader),
            self.parts(filters)?,
            Arc::new(self.schema.project(&projection)?),
            projection,
            row_column,
        );
        Ok(Arc::new(scan))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let key = &self.entry.object.primary_key;
        let is_useful = |filter: &Expr| {
            !self.reader.is_for_view()
                && key.iter().any(|column| equal_to(filter, self.schema.field(*column)).is_some())
        };
        let support = |filter: &&Expr| match is_useful(filter) {
            // The filter is applied again, which costs nothing on one row.
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }
}

/// The value that `filter` demands of the column `field`, if that is what it does.
fn equal_to<'a>(filter: &'a Expr, field: &Field) -> Option<&'a ScalarValue> {
    let Expr::BinaryExpr(binary) = filter else { return None };
    if binary.op != Operator::Eq {
        return None;
    }
    let (column, value) = match (binary.left.as_ref(), binary.right.as_ref()) {
        (Expr::Column(column), Expr::Literal(value, _)) | (Expr::Literal(value, _), Expr::Column(column)) => {
            (column, value)
        }
        _ => return None,
    };
    let is_usable = column.name == *field.name() && value.data_type() == *field.data_type() && !value.is_null();
    is_usable.then_some(value)
}
