//! Bringing stored rows up to date with a batch of changes.

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute;
use changes::{ChangeBatch, Diffs, Epoch};
use state::Rows;

use crate::Fault;
use crate::expression::row_text;

/// Applies changes whose rows may come in any order. Returns the deletions of rows that are not
/// there, as many batch rows as copies: they may come later in the epoch.
///
/// Rows are deleted before others are added, so that of an update by key the old row goes. Where
/// that fails, the row may have been added by the same batch.
pub(crate) fn apply(rows: &mut Rows, epoch: Epoch, changes: &ChangeBatch) -> Result<Option<ChangeBatch>, Fault> {
    let Diffs::Each(diffs) = changes.diffs() else {
        rows.insert(epoch, changes.rows())?;
        return Ok(None);
    };
    let deleted = copies(changes.rows(), diffs, -1)?;
    let missing = match &deleted {
        Some(deleted) => missing_of(deleted, &rows.delete(epoch, deleted)?)?,
        None => None,
    };
    if let Some(inserted) = copies(changes.rows(), diffs, 1)? {
        rows.insert(epoch, &inserted)?;
    }
    let Some(missing) = missing else {
        return Ok(None);
    };
    let still_missing = missing_of(&missing, &rows.delete(epoch, &missing)?)?;
    Ok(still_missing.map(ChangeBatch::deletes))
}

/// Retractions of rows that never came.
pub(crate) fn unknown_row(operator: &'static str, missing: &ChangeBatch) -> Fault {
    Fault::UnknownRow { operator, count: missing.len(), example: row_text(missing.rows(), 0) }
}

/// The rows whose diff has this sign, as often as it says.
fn copies(rows: &RecordBatch, diffs: &[i64], sign: i64) -> Result<Option<RecordBatch>, Fault> {
    if diffs.iter().all(|&diff| diff == sign) {
        return Ok(Some(rows.clone()).filter(|rows| rows.num_rows() > 0));
    }
    let times = |diff: i64| usize::try_from(diff.saturating_mul(sign)).unwrap_or(0);
    let chosen = (0u32..).zip(diffs).flat_map(|(row, &diff)| std::iter::repeat_n(row, times(diff)));
    let chosen = chosen.collect::<Vec<_>>();
    if chosen.is_empty() {
        return Ok(None);
    }
    Ok(Some(compute::take_record_batch(rows, &UInt32Array::from(chosen))?))
}

fn missing_of(deleted: &RecordBatch, missing: &[u32]) -> Result<Option<RecordBatch>, Fault> {
    if missing.is_empty() {
        return Ok(None);
    }
    Ok(Some(compute::take_record_batch(deleted, &UInt32Array::from(missing.to_vec()))?))
}
