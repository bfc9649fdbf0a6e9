//! Change batches as bytes, for a channel between processes: Arrow's IPC stream format with the
//! diffs as a last column, which the schema's metadata tells of. Nothing here knows where the bytes go.

use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, cast::AsArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use crate::batch::batch_of;
use crate::{ChangeBatch, Diffs};

/// Stands in the schema's metadata if the last column is the diffs; absent when every row came
/// once. No column's name can be mistaken for it.
const HAS_DIFFS: &str = "freshet.has_diffs";

/// Bytes that are not what [`encode`] writes.
#[derive(Debug, thiserror::Error)]
#[error("cannot decode a change batch: {0}")]
pub struct WireError(#[from] ArrowError);

/// One batch as an Arrow IPC stream.
///
/// # Errors
/// If Arrow cannot encode one of the columns' types.
pub fn encode(batch: &ChangeBatch) -> Result<Vec<u8>, ArrowError> {
    let rows = with_diff_column(batch)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema())?;
    writer.write(&rows)?;
    writer.into_inner()
}

/// The batch that [`encode`] wrote.
///
/// # Errors
/// If the bytes are cut short or are something else.
pub fn decode(bytes: &[u8]) -> Result<ChangeBatch, WireError> {
    let mut reader = StreamReader::try_new(Cursor::new(bytes), None)?;
    let rows = reader.next().ok_or_else(|| ArrowError::IpcError("no record batch in the stream".into()))??;
    if !rows.schema_ref().metadata().contains_key(HAS_DIFFS) {
        return Ok(ChangeBatch::inserts(rows));
    }
    let diffs = rows.columns().last().and_then(|last| last.as_primitive_opt::<Int64Type>());
    let diffs = diffs.ok_or_else(|| ArrowError::IpcError("no column of diffs".into()))?.values().clone();
    let last = rows.num_columns() - 1;
    let mut metadata = rows.schema_ref().metadata().clone();
    metadata.remove(HAS_DIFFS);
    let schema = Arc::new(Schema::new_with_metadata(rows.schema_ref().fields()[..last].to_vec(), metadata));
    let columns = rows.columns()[..last].to_vec();
    Ok(ChangeBatch::new(batch_of(schema, columns, diffs.len())?, Diffs::Each(diffs)))
}

fn with_diff_column(batch: &ChangeBatch) -> Result<RecordBatch, ArrowError> {
    let Diffs::Each(diffs) = batch.diffs() else {
        return Ok(batch.rows().clone());
    };
    let schema = batch.schema();
    let mut fields = schema.fields().to_vec();
    fields.push(Arc::new(Field::new("diff", DataType::Int64, false)));
    let mut columns = batch.rows().columns().to_vec();
    columns.push(Arc::new(Int64Array::new(diffs.clone(), None)) as ArrayRef);
    let mut metadata = schema.metadata().clone();
    metadata.insert(HAS_DIFFS.to_owned(), String::new());
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    RecordBatch::try_new_with_options(schema, columns, &RecordBatchOptions::new().with_row_count(Some(batch.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ListArray, StringArray};
    use arrow::datatypes::Int32Type;

    fn rows() -> RecordBatch {
        let numbers = Int64Array::from(vec![Some(1), None, Some(3)]);
        let names = StringArray::from(vec![Some("a"), Some(""), None]);
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
        RecordBatch::try_from_iter([
            ("n", Arc::new(numbers) as ArrayRef),
            ("s", Arc::new(names) as ArrayRef),
            ("l", Arc::new(lists) as ArrayRef),
        ])
        .expect("columns of one length")
    }

    fn check(batch: &ChangeBatch) {
        let decoded = decode(&encode(batch).expect("encodes")).expect("decodes");
        assert_eq!(decoded.rows(), batch.rows());
        let diffs = |batch: &ChangeBatch| (0..batch.len()).map(|row| batch.diffs().get(row)).collect::<Vec<_>>();
        assert_eq!(diffs(&decoded), diffs(batch));
        assert_eq!(decoded.diffs().is_inserts(), batch.diffs().is_inserts());
    }

    #[test]
    fn a_batch_survives_the_wire() {
        check(&ChangeBatch::inserts(rows()));
        check(&ChangeBatch::new(rows(), vec![1, -1, 7].into()));
        check(&ChangeBatch::new(rows(), vec![2, -1, 7].into()).slice(1, 2));
    }

    #[test]
    fn no_name_of_a_column_makes_it_diffs() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![5, 6]));
        for name in ["diff", "__freshet_diff", HAS_DIFFS] {
            let rows = RecordBatch::try_from_iter([("n", numbers.clone()), (name, numbers.clone())]).expect("columns");
            check(&ChangeBatch::inserts(rows.clone()));
            check(&ChangeBatch::new(rows, vec![-1, 2].into()));
        }
    }

    #[test]
    fn bytes_that_are_cut_short_are_an_error() {
        let bytes = encode(&ChangeBatch::inserts(rows())).expect("encodes");
        assert!(decode(&bytes[..bytes.len() / 2]).is_err());
        assert!(decode(b"not arrow").is_err());
    }
}
