//! Finding rows by key, and the rows that a retraction means.

use std::cmp::Ordering;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array, make_comparator};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{self, SortOptions, kernels::cmp};
use arrow::datatypes::DataType;
use changes::Epoch;
use hashbrown::HashMap;

use super::{KeyIndex, Pairs, RowId, Rows};
use crate::Error;

impl Rows {
    /// For each key of the identity, the living row that has it.
    ///
    /// # Errors
    /// If the keys are not of the identity's types.
    pub fn find(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<Option<RowId>>, Error> {
        let mut found = vec![None; rows];
        let Some(identity) = &self.identity else {
            return Ok(found);
        };
        let hashes = identity.hashes(keys, rows)?;
        let mut pairs = Pairs::default();
        for (row, hash) in hashes.into_iter().enumerate() {
            let mut next = identity.index.head(hash);
            while let Some(id) = next {
                pairs.rows.push(row as u32);
                pairs.ids.push(id);
                next = if identity.is_exact { None } else { identity.index.after(id) };
            }
        }
        let equal = if identity.is_exact { None } else { Some(self.have_keys(identity, keys, &pairs)?) };
        for (index, (&row, &id)) in pairs.rows.iter().zip(&pairs.ids).enumerate() {
            if equal.as_ref().is_none_or(|equal| equal.value(index)) {
                found[row as usize] = Some(id);
            }
        }
        Ok(found)
    }

    /// For each key of the identity, the row that a reader at `at` sees with it, which may be dead
    /// by now. `at` must be at or above the horizon.
    ///
    /// # Errors
    /// If the keys are not of the identity's types.
    pub fn find_at(&self, keys: &[ArrayRef], rows: usize, at: Epoch) -> Result<Vec<Option<RowId>>, Error> {
        let mut found = self.find(keys, rows)?;
        for place in &mut found {
            *place = place.filter(|&id| self.is_visible(id, at));
        }
        // What has died since is in no index any more.
        let since = self.deaths.partition_point(|(epoch, _)| *epoch <= at);
        let dead = self.deaths.range(since..).flat_map(|(_, ids)| ids.iter().copied());
        let dead = dead.filter(|&id| self.is_visible(id, at)).collect::<Vec<_>>();
        let Some(identity) = self.identity.as_ref().filter(|_| !dead.is_empty()) else {
            return Ok(found);
        };
        let mut by_hash: HashMap<u64, Vec<RowId>> = HashMap::new();
        for (hash, &id) in identity.hashes(&self.gather(&dead, &identity.columns)?, dead.len())?.iter().zip(&dead) {
            by_hash.entry(*hash).or_default().push(id);
        }
        let mut pairs = Pairs::default();
        for (row, hash) in (0u32..).zip(identity.hashes(keys, rows)?) {
            for &id in by_hash.get(&hash).into_iter().flatten() {
                pairs.rows.push(row);
                pairs.ids.push(id);
            }
        }
        let equal = self.have_keys(identity, keys, &pairs)?;
        for index in equal.set_indices() {
            found[pairs.rows[index] as usize] = Some(pairs.ids[index]);
        }
        Ok(found)
    }

    /// For each row a living row that is equal, in all columns, different ones for equal rows. They
    /// leave the identity index at once, and are then to be buried. The identity says where to
    /// look; that all columns are compared lets an epoch's changes come in any order, when the old
    /// and the new row of a key are both there for a while.
    pub(super) fn take_identical(&mut self, rows: &RecordBatch) -> Result<Vec<Option<RowId>>, Error> {
        let mut found = vec![None; rows.num_rows()];
        let Some(mut identity) = self.identity.take() else {
            return Ok(found);
        };
        let result = self.take_from(&mut identity, rows, &mut found);
        self.identity = Some(identity);
        result.map(|()| found)
    }

    fn take_from(&self, identity: &mut KeyIndex, rows: &RecordBatch, found: &mut [Option<RowId>]) -> Result<(), Error> {
        let keys = identity.keys(rows);
        let hashes = identity.hashes(&keys, rows.num_rows())?;
        // In rounds: each row has one candidate a round, all are compared at once.
        let mut candidates = Pairs::default();
        for (row, &hash) in hashes.iter().enumerate() {
            if let Some(id) = identity.index.head(hash) {
                candidates.rows.push(row as u32);
                candidates.ids.push(id);
            }
        }
        let all_columns = (0..rows.num_columns()).collect::<Vec<_>>();
        let mut taken = hashbrown::HashSet::new();
        while !candidates.rows.is_empty() {
            let equal = self.are_equal(&all_columns, rows.columns(), &candidates)?;
            let mut next = Pairs::default();
            for (index, (&row, &id)) in candidates.rows.iter().zip(&candidates.ids).enumerate() {
                let hash = hashes[row as usize];
                let candidate = if taken.contains(&id) {
                    // It left its chain since it became the candidate: begin again.
                    identity.index.head(hash)
                } else if equal.value(index) {
                    taken.insert(id);
                    identity.index.remove(hash, id);
                    found[row as usize] = Some(id);
                    None
                } else {
                    // Another key of the same hash, or another row of the same key.
                    identity.index.after(id)
                };
                if let Some(candidate) = candidate {
                    next.rows.push(row);
                    next.ids.push(candidate);
                }
            }
            candidates = next;
        }
        Ok(())
    }

    /// Whether the rows `pairs.ids` have the keys at `pairs.rows`.
    fn have_keys(&self, index: &KeyIndex, keys: &[ArrayRef], pairs: &Pairs) -> Result<BooleanBuffer, Error> {
        self.are_equal(&index.columns, keys, pairs)
    }

    /// Whether the columns `columns` of the rows `pairs.ids` are `values` at `pairs.rows`.
    fn are_equal(&self, columns: &[usize], values: &[ArrayRef], pairs: &Pairs) -> Result<BooleanBuffer, Error> {
        let stored = self.gather(&pairs.ids, columns)?;
        let rows = UInt32Array::from(pairs.rows.clone());
        let mut equal = BooleanBuffer::new_set(pairs.rows.len());
        for (stored, value) in stored.iter().zip(values) {
            let value = compute::take(value, &rows, None)?;
            equal = &equal & &not_distinct(stored, &value)?;
        }
        Ok(equal)
    }
}

/// Where two columns are equal, null being equal to null.
pub(crate) fn not_distinct(left: &ArrayRef, right: &ArrayRef) -> Result<BooleanBuffer, Error> {
    if is_nested(left.data_type()) {
        let compare = make_comparator(left, right, SortOptions::default())?;
        return Ok(BooleanBuffer::collect_bool(left.len(), |row| compare(row, row) == Ordering::Equal));
    }
    let equal: BooleanArray = cmp::not_distinct(left, right)?;
    Ok(equal.values().clone())
}

fn is_nested(data_type: &DataType) -> bool {
    data_type.is_nested()
}
