//! A relation as DataFusion's binder and planner see it.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{interleave_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use changes::Epoch;
use dataflow::{Found, Relation};
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use sql::ObjectKind;

use super::scan::{Part, RelationScan};
use super::{Pending, PendingView, Reader};
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

    /// What is scanned: all partitions, less what the transaction deleted, and what it inserted. One
    /// row, where the filters give its key.
    fn parts(&self, filters: &[Expr]) -> Result<Vec<Part>, Error> {
        if let Some(rows) = self.row_by_key(filters)? {
            return Ok(vec![Part::Rows(rows)]);
        }
        let Some(pending) = self.reader.pending(self.entry.object.oid) else { return Ok(self.partitions(None)) };
        let mut parts = self.partitions(pending.has_deletes().then(|| pending.clone()));
        parts.push(Part::Rows(pending.inserted()?));
        Ok(parts)
    }

    fn partitions(&self, without: Option<PendingView>) -> Vec<Part> {
        let is_blocking = self.entry.object.kind == ObjectKind::Source;
        if let Some(source) = self.entry.source.as_ref().filter(|source| source.has_end_now())
            && !self.reader.catalog.is_maintained(self.entry.object.oid)
        {
            return vec![Part::Source(Arc::clone(source))];
        }
        let part = |partition| Part::Partition { partition, is_blocking, without: without.clone() };
        (0..self.relation.partitions()).map(part).collect()
    }

    /// The one row that can match, where the filters give a value for each column of the key.
    fn row_by_key(&self, filters: &[Expr]) -> Result<Option<Vec<RecordBatch>>, Error> {
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
        let found = find(&self.relation, self.reader.pending(self.entry.object.oid), &keys, self.reader.epoch())?;
        Ok(Some(found.batches()?))
    }
}

/// Rows that were looked for by their keys: those of the table, then those of the transaction's own.
pub(crate) struct FoundRows {
    stored: Found,
    own: Option<RecordBatch>,
    /// For each key, the number of its row.
    pub(crate) places: Vec<Option<u32>>,
}

impl FoundRows {
    /// All rows, in the order of their numbers, in batches of bounded size.
    pub(crate) fn batches(&self) -> Result<Vec<RecordBatch>, Error> {
        let mut batches = self.stored.batches().collect::<std::result::Result<Vec<_>, _>>()?;
        batches.extend(self.own.clone());
        Ok(batches)
    }

    /// The rows with these numbers, together.
    ///
    /// # Errors
    /// 54000 if a column's values are more than Arrow can form.
    pub(crate) fn take(&self, numbers: &[u32]) -> Result<RecordBatch, Error> {
        let batches = self.batches()?;
        let ends = batches.iter().scan(0, |end, batch| {
            *end += batch.num_rows();
            Some(*end)
        });
        let ends = ends.collect::<Vec<_>>();
        let place = |&number: &u32| {
            let batch = ends.partition_point(|&end| end <= number as usize);
            (batch, number as usize - batch.checked_sub(1).map_or(0, |before| ends[before]))
        };
        let places = numbers.iter().map(place).collect::<Vec<_>>();
        match batches.is_empty() {
            true => Ok(RecordBatch::new_empty(Arc::clone(self.stored.schema()))),
            false => Ok(interleave_record_batch(&batches.iter().collect::<Vec<_>>(), &places)?),
        }
    }
}

/// The rows of a table with the given keys at an epoch, with what a transaction has written.
pub(crate) fn find(
    relation: &Relation,
    pending: Option<PendingView>,
    keys: &RecordBatch,
    at: Epoch,
) -> Result<FoundRows, Error> {
    let Some(pending) = pending else {
        let stored = relation.find(keys, at)?;
        let places = stored.places().to_vec();
        return Ok(FoundRows { stored, own: None, places });
    };
    let own = pending.find(keys.columns())?;
    let unknown: UInt32Array =
        own.iter().zip(0_u32..).filter(|(own, _)| **own == Pending::Nothing).map(|(_, key)| key).collect();
    let stored = relation.find(&take_record_batch(keys, &unknown)?, at)?;
    let stored_rows = stored.len();
    let mut found = stored.places().iter();
    let mut numbers = Vec::new();
    let mut places = Vec::with_capacity(own.len());
    for own in own {
        places.push(match own {
            Pending::Row(number) => {
                numbers.push(number);
                u32::try_from(stored_rows + numbers.len() - 1).ok()
            }
            Pending::Gone => None,
            Pending::Nothing => found.next().copied().flatten(),
        });
    }
    let own = if numbers.is_empty() { None } else { Some(pending.rows(&numbers)?) };
    Ok(FoundRows { stored, own, places })
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
