//! Finding living rows that have a key already.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, BooleanArray, BooleanBufferBuilder, UInt32Array, make_comparator};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{self, SortOptions, kernels::cmp};

use super::{Pairs, RowId, Rows};
use crate::groups::with_one_nan_and_zero;
use crate::version::Version;
use crate::{Error, work};

impl Rows {
    /// For each key of the identity, the living row that has it.
    ///
    /// # Errors
    /// If the keys are not of the identity's types.
    pub fn find(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<Option<RowId>>, Error> {
        let mut found = vec![None; rows];
        let Some(identity) = &self.keys.identity else {
            return Ok(found);
        };
        let hashes = identity.hashes(keys, rows)?;
        let mut pairs = Pairs::default();
        {
            let indexes = self.index.read();
            for (row, &hash) in hashes.iter().enumerate() {
                let of_hash = if identity.is_exact { 1 } else { usize::MAX };
                for id in indexes.identity.chain(hash).take(of_hash) {
                    pairs.rows.push(row as u32);
                    pairs.ids.push(id);
                }
            }
        }
        let equal = match identity.is_exact {
            true => None,
            false => Some(have_keys(&self.version, &identity.columns, keys, &pairs)?),
        };
        for (index, (&row, &id)) in pairs.rows.iter().zip(&pairs.ids).enumerate() {
            if equal.as_ref().is_none_or(|equal| equal.value(index)) {
                found[row as usize] = Some(id);
            }
        }
        Ok(found)
    }
}

/// Whether the rows `pairs.ids` have the keys at `pairs.rows` in the columns `columns`, as SQL compares
/// them: -0.0 is 0.0, and a NaN any other NaN.
pub(super) fn have_keys(
    version: &Version,
    columns: &[usize],
    keys: &[ArrayRef],
    pairs: &Pairs,
) -> Result<BooleanBuffer, Error> {
    let keys = keys.iter().map(with_one_nan_and_zero).collect::<Vec<_>>();
    compare(version, columns, &keys, pairs, with_one_nan_and_zero)
}

/// Whether the columns `columns` of the rows `pairs.ids` are `values` at `pairs.rows`.
pub(super) fn are_equal(
    version: &Version,
    columns: &[usize],
    values: &[ArrayRef],
    pairs: &Pairs,
) -> Result<BooleanBuffer, Error> {
    compare(version, columns, values, pairs, ArrayRef::clone)
}

/// As [`are_equal`], of what `form` makes of the stored columns.
fn compare(
    version: &Version,
    columns: &[usize],
    values: &[ArrayRef],
    pairs: &Pairs,
    form: impl Fn(&ArrayRef) -> ArrayRef,
) -> Result<BooleanBuffer, Error> {
    let mut all = BooleanBufferBuilder::new(pairs.ids.len());
    for piece in version.gather_pieces(&pairs.ids, columns) {
        let (range, stored) = piece?;
        let stored = stored.iter().map(&form).collect::<Vec<_>>();
        let rows = &pairs.rows[range];
        // A wanted value may be wider than the stored one, and be wanted often.
        for run in version.bounds.cut_taken(values, rows) {
            work::rows(run.len());
            let mut equal = BooleanBuffer::new_set(run.len());
            for (stored, value) in stored.iter().zip(values) {
                let wanted = take(value, &rows[run.clone()])?;
                equal = &equal & &not_distinct(&stored.slice(run.start, run.len()), &wanted)?;
            }
            all.append_buffer(&equal);
        }
    }
    Ok(all.finish())
}

/// The values at `rows`, without a copy where they lie together.
fn take(values: &ArrayRef, rows: &[u32]) -> Result<ArrayRef, Error> {
    let first = rows.first().copied().unwrap_or(0);
    if rows.iter().zip(first..).all(|(row, next)| *row == next) {
        return Ok(values.slice(first as usize, rows.len()));
    }
    Ok(compute::take(values, &UInt32Array::from(rows.to_vec()), None)?)
}

/// Where two columns are equal, null being equal to null.
fn not_distinct(left: &ArrayRef, right: &ArrayRef) -> Result<BooleanBuffer, Error> {
    if left.data_type().is_nested() {
        let compare = make_comparator(left, right, SortOptions::default())?;
        return Ok(BooleanBuffer::collect_bool(left.len(), |row| compare(row, row) == Ordering::Equal));
    }
    let equal: BooleanArray = cmp::not_distinct(left, right)?;
    Ok(equal.values().clone())
}
