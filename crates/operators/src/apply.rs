//! Bringing stored rows up to date with a batch of changes.

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute;
use changes::{Bounds, ChangeBatch, Diffs, Epoch};
use state::Rows;

use crate::Fault;
use crate::expression::row_text;

/// Applies changes whose rows may come in any order. Returns the deletions of rows that are not
/// there, as many batch rows as copies: they may come later in the epoch.
///
/// Rows are deleted before others are added, so that of an update by key the old row goes. Where
/// that fails, the row may have been added by the same batch.
pub(crate) fn apply(rows: &mut Rows, epoch: Epoch, changes: &ChangeBatch) -> Result<Vec<ChangeBatch>, Fault> {
    let Diffs::Each(diffs) = changes.diffs() else {
        rows.insert(epoch, changes.rows())?;
        return Ok(Vec::new());
    };
    let mut missing = Vec::new();
    Copies::new(changes.rows(), diffs, -1).for_each(|deleted| {
        missing.extend(missing_of(deleted, &rows.delete(epoch, deleted)?)?);
        Ok(())
    })?;
    Copies::new(changes.rows(), diffs, 1).for_each(|inserted| {
        rows.insert(epoch, inserted)?;
        Ok(())
    })?;
    let mut still_missing = Vec::new();
    for missing in missing {
        still_missing.extend(missing_of(&missing, &rows.delete(epoch, &missing)?)?.map(ChangeBatch::deletes));
    }
    Ok(still_missing)
}

/// Retractions of rows that never came.
pub(crate) fn unknown_row(operator: &'static str, missing: &ChangeBatch) -> Fault {
    Fault::UnknownRow { operator, count: missing.len(), example: row_text(missing.rows(), 0) }
}

/// The rows whose diff has one sign, each as often as its diff says, in batches of a bounded size.
struct Copies<'a> {
    rows: &'a RecordBatch,
    diffs: &'a [i64],
    sign: i64,
}

impl Copies<'_> {
    fn new<'a>(rows: &'a RecordBatch, diffs: &'a [i64], sign: i64) -> Copies<'a> {
        Copies { rows, diffs, sign }
    }

    fn for_each(&self, mut take: impl FnMut(&RecordBatch) -> Result<(), Fault>) -> Result<(), Fault> {
        if self.diffs.is_empty() {
            return Ok(());
        }
        if self.diffs.iter().all(|&diff| diff == self.sign) {
            return take(self.rows);
        }
        let mut chosen = Vec::new();
        for (row, &diff) in (0u32..).zip(self.diffs) {
            let mut left = u64::try_from(diff.saturating_mul(self.sign)).unwrap_or(0);
            while left > 0 {
                let now = left.min((Bounds::BATCH.rows - chosen.len()) as u64);
                chosen.extend(std::iter::repeat_n(row, now as usize));
                left -= now;
                if chosen.len() == Bounds::BATCH.rows {
                    self.take_chosen(&chosen, &mut take)?;
                    chosen.clear();
                }
            }
        }
        self.take_chosen(&chosen, &mut take)
    }

    fn take_chosen(
        &self,
        chosen: &[u32],
        take: &mut impl FnMut(&RecordBatch) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        for run in Bounds::BATCH.cut_taken(self.rows.columns(), chosen) {
            take(&taken(self.rows, &chosen[run])?)?;
        }
        Ok(())
    }
}

fn taken(rows: &RecordBatch, places: &[u32]) -> Result<RecordBatch, Fault> {
    Ok(compute::take_record_batch(rows, &UInt32Array::from(places.to_vec()))?)
}

fn missing_of(deleted: &RecordBatch, missing: &[u32]) -> Result<Option<RecordBatch>, Fault> {
    if missing.is_empty() {
        return Ok(None);
    }
    Ok(Some(taken(deleted, missing)?))
}
