//! Rows that the engine makes itself, rather than DataFusion.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;

use crate::{Error, Outcome, Tag};

/// Rows that are at hand, as an outcome.
pub(crate) fn outcome(tag: Tag, schema: SchemaRef, batches: Vec<RecordBatch>) -> Outcome {
    let rows = RecordBatchStreamAdapter::new(Arc::clone(&schema), stream::iter(batches.into_iter().map(Ok)));
    Outcome::Rows { tag, schema, rows: Box::pin(rows) }
}

/// Columns of text.
pub(crate) fn text_schema(names: &[&str]) -> SchemaRef {
    Arc::new(Schema::new(names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>()))
}

/// Rows of text, as an outcome.
pub(crate) fn text_outcome(tag: Tag, names: &[&str], rows: &[Vec<Option<String>>]) -> Result<Outcome, Error> {
    let schema = text_schema(names);
    let column = |index: usize| -> ArrayRef {
        let values = rows.iter().map(|row| row.get(index).and_then(Option::as_deref));
        Arc::new(values.collect::<StringArray>())
    };
    let batch = RecordBatch::try_new(Arc::clone(&schema), (0..names.len()).map(column).collect())?;
    Ok(outcome(tag, schema, vec![batch]))
}
