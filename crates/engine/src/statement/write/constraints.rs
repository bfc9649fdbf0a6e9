//! Rows as a table keeps them: its types, and no nulls where it has none.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::Target;
use crate::{Error, SqlState};

/// The rows with exactly the table's columns.
///
/// # Errors
/// 23502 for a null where there must be none.
pub(crate) fn conform(target: &Target, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, Error> {
    let schema = &target.entry.object.columns;
    let mut kept = Vec::with_capacity(columns.len());
    for (column, field) in columns.iter().zip(schema.fields()) {
        let column =
            if column.data_type() == field.data_type() { Arc::clone(column) } else { cast(column, field.data_type())? };
        kept.push(column);
    }
    for (column, field) in kept.iter().zip(schema.fields()) {
        if !field.is_nullable() && column.logical_null_count() > 0 {
            let row = (0..column.len()).find(|row| column.is_null(*row)).unwrap_or(0);
            return Err(null_value(target, field.name(), &kept, row));
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), kept, &options)?)
}

fn null_value(target: &Target, column: &str, columns: &[ArrayRef], row: usize) -> Error {
    let table = target.name();
    Error::new(
        SqlState::NOT_NULL_VIOLATION,
        format!("null value in column \"{column}\" of relation \"{table}\" violates not-null constraint"),
    )
    .with_detail(format!("Failing row contains ({}).", values(columns, row)))
    .about_table(table)
    .about_column(column)
}

/// The values of one row, as Postgres writes them in errors.
pub(crate) fn values(columns: &[ArrayRef], row: usize) -> String {
    let options = FormatOptions::default()
        .with_null("null")
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
        .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f+00"));
    let value = |column: &ArrayRef| match ArrayFormatter::try_new(column.as_ref(), &options) {
        Ok(formatter) => formatter.value(row).to_string(),
        Err(_) => "...".to_owned(),
    };
    columns.iter().map(value).collect::<Vec<_>>().join(", ")
}
