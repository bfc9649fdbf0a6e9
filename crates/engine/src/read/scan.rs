//! The scan of a relation as DataFusion executes it: a stream a partition.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use connectors::Source;
use dataflow::Relation;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties, StatisticsArgs,
};

use super::Reader;
use super::pending::{LeftOut, PendingView};
use super::source::SourceRows;
use crate::Error;

/// Batches that a blocking scan may be ahead of its reader.
const BATCHES_AHEAD: usize = 2;
/// Rows of one part at most, in the numbers that tell rows apart.
const PART_ROWS_BITS: u32 = 40;

/// Where the rows of one of DataFusion's partitions come from.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// A partition of the relation. Blocking: its rows are read from outside. Without: some of its
    /// rows go in the reader's transaction.
    Partition { partition: usize, is_blocking: bool, without: Option<PendingView> },
    /// All that a source has now.
    Source(Arc<dyn Source>),
    /// These.
    Rows(Vec<RecordBatch>),
}

/// A scan of a relation at an epoch.
pub(crate) struct RelationScan {
    name: String,
    relation: Relation,
    reader: Arc<Reader>,
    parts: Vec<Part>,
    schema: SchemaRef,
    projection: Vec<usize>,
    /// Which column numbers the rows, before projection.
    row_column: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl RelationScan {
    pub(super) fn new(
        name: String,
        relation: Relation,
        reader: Arc<Reader>,
        parts: Vec<Part>,
        schema: SchemaRef,
        projection: Vec<usize>,
        row_column: Option<usize>,
    ) -> RelationScan {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(parts.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        RelationScan { name, relation, reader, parts, schema, projection, row_column, properties: Arc::new(properties) }
    }

    /// What a row takes on average, all of its columns and indexes counted, in bytes.
    pub(crate) fn row_bytes(&self) -> usize {
        self.relation.bytes() / self.relation.len().max(1)
    }

    /// The batches of one part, with the columns that were asked for.
    fn batches(&self, part: usize) -> impl Iterator<Item = Result<RecordBatch>> + Send + 'static {
        let relation_columns: Vec<usize> =
            self.projection.iter().copied().filter(|column| Some(*column) != self.row_column).collect();
        let batches: Box<dyn Iterator<Item = Result<RecordBatch, Error>> + Send> = match &self.parts[part] {
            Part::Partition { partition, without: None, .. } => {
                let scan = self.relation.scan(*partition, self.reader.epoch(), &relation_columns);
                Box::new(scan.map(|batch| batch.map_err(Error::from)))
            }
            Part::Partition { partition, without: Some(pending), .. } => {
                Box::new(self.staying(*partition, pending.clone(), relation_columns))
            }
            Part::Source(source) => Box::new(SourceRows::new(&self.name, source, relation_columns)),
            Part::Rows(batches) => {
                let project = move |batch: RecordBatch| Ok(batch.project(&relation_columns)?);
                Box::new(batches.clone().into_iter().map(project))
            }
        };
        let row_place = self.row_column.and_then(|row| self.projection.iter().position(|column| *column == row));
        let schema = Arc::clone(&self.schema);
        let mut next_row = i64::try_from(part).unwrap_or(0) << PART_ROWS_BITS;
        // The reader's hold must outlive the scan.
        let reader = Arc::clone(&self.reader);
        batches.map(move |batch| {
            let _held = &reader;
            let batch = batch?;
            let count = batch.num_rows();
            let mut columns = batch.columns().to_vec();
            if let Some(place) = row_place {
                let end = next_row + i64::try_from(count).unwrap_or(0);
                let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(next_row..end));
                columns.insert(place, numbers);
                next_row = end;
            }
            let options = RecordBatchOptions::new().with_row_count(Some(count));
            Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?)
        })
    }

    /// A partition's rows without those that go in the transaction.
    fn staying(
        &self,
        partition: usize,
        pending: PendingView,
        columns: Vec<usize>,
    ) -> impl Iterator<Item = Result<RecordBatch, Error>> + Send + 'static {
        // What tells rows apart is read behind what was asked for.
        let identity = pending.identity();
        let all: Vec<usize> = columns.iter().chain(&identity).copied().collect();
        let asked: Vec<usize> = (0..columns.len()).collect();
        let mut left_out = LeftOut::default();
        self.relation.scan(partition, self.reader.epoch(), &all).map(move |batch| {
            let batch = batch?;
            let stays = pending.staying(&batch.columns()[asked.len()..], &mut left_out)?;
            Ok(filter_record_batch(&batch.project(&asked)?, &stays)?)
        })
    }
}

impl ExecutionPlan for RelationScan {
    fn name(&self) -> &'static str {
        "RelationScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = Arc::clone(&self.schema);
        let batches = self.batches(partition);
        if let Some(Part::Source(_) | Part::Partition { is_blocking: true, .. }) = self.parts.get(partition) {
            let mut stream = RecordBatchReceiverStream::builder(schema, BATCHES_AHEAD);
            let sender = stream.tx();
            stream.spawn_blocking(move || {
                for batch in batches {
                    let is_error = batch.is_err();
                    // The reader may have enough.
                    if sender.blocking_send(batch).is_err() || is_error {
                        break;
                    }
                }
                Ok::<(), DataFusionError>(())
            });
            return Ok(stream.build());
        }
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches))))
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let rows = match (args.partition(), self.parts.as_slice()) {
            (None, [Part::Rows(batches)]) => Precision::Inexact(batches.iter().map(RecordBatch::num_rows).sum()),
            (None, [Part::Partition { is_blocking: false, .. }, ..]) => Precision::Inexact(self.relation.len()),
            _ => Precision::Absent,
        };
        Ok(Arc::new(Statistics { num_rows: rows, ..Statistics::new_unknown(&self.schema) }))
    }
}

impl fmt::Debug for RelationScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelationScan").field("name", &self.name).finish_non_exhaustive()
    }
}

impl DisplayAs for RelationScan {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "RelationScan: {} [{}]", self.name, columns.join(", "))
    }
}
