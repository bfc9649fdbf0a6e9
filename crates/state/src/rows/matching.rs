//! Which stored rows a batch of retractions means: for each row a living one that is equal to it in
//! all columns, different ones for equal rows.
//!
//! The identity says where to look. That all columns are compared, even under a key, lets an
//! epoch's changes come in any order: the old and the new row of a key may both be there for a
//! while, and a retraction may come before its row.

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute;
use arrow::row::{RowConverter, SortField};
use hashbrown::HashMap;

use super::find::are_equal;
use super::{Pairs, RowId, Rows};
use crate::index::Place;
use crate::{Error, work};

/// Rows of a chain that are looked at together at first.
const FIRST_PORTION_ROWS: usize = 64;
/// Rows of a chain that are looked at together at most.
const PORTION_ROWS_MAX: usize = 65_536;

/// How far the chain of each hash was walked: the next row in it.
type Cursors = HashMap<u64, Option<Place>>;

impl Rows {
    /// For each row of `rows`, whose identities have these hashes, the living row that it means.
    pub(super) fn find_identical(&self, rows: &RecordBatch, hashes: &[u64]) -> Result<Vec<Option<RowId>>, Error> {
        let mut found = vec![None; rows.num_rows()];
        let (candidates, cursors) = self.one_each(hashes);
        let all_columns = (0..rows.num_columns()).collect::<Vec<_>>();
        let equal = are_equal(&self.version, &all_columns, rows.columns(), &candidates)?;
        let mut others = Vec::new();
        for (index, (&row, &id)) in candidates.rows.iter().zip(&candidates.ids).enumerate() {
            if equal.value(index) {
                found[row as usize] = Some(id);
            } else {
                others.push((hashes[row as usize], id));
            }
        }
        if !others.is_empty() {
            self.match_others(rows, hashes, others, cursors, &mut found)?;
        }
        Ok(found)
    }

    /// Gives the i-th row of a hash the i-th row of its chain: where all of them are equal, as
    /// they nearly always are, that settles them at once.
    fn one_each(&self, hashes: &[u64]) -> (Pairs, Cursors) {
        let mut pairs = Pairs { rows: Vec::with_capacity(hashes.len()), ids: Vec::with_capacity(hashes.len()) };
        let mut cursors = Cursors::with_capacity(hashes.len().min(65_536));
        let indexes = self.index.read();
        for (row, &hash) in (0u32..).zip(hashes) {
            let cursor = cursors.entry(hash).or_insert_with(|| indexes.identity.head(hash));
            if let Some(place) = *cursor {
                pairs.rows.push(row);
                pairs.ids.push(place.row());
                *cursor = indexes.identity.after(place);
            }
        }
        (pairs, cursors)
    }

    /// For hashes that rows share which are not equal. What is wanted is looked up by the whole
    /// row, so that each row of the chains is looked at once, and no more of them than needed.
    /// `others` are rows that were walked past.
    fn match_others(
        &self,
        rows: &RecordBatch,
        hashes: &[u64],
        others: Vec<(u64, RowId)>,
        mut cursors: Cursors,
        found: &mut [Option<RowId>],
    ) -> Result<(), Error> {
        let fields = self.schema().fields().iter().map(|field| SortField::new(field.data_type().clone()));
        let converter = RowConverter::new(fields.collect())?;
        let mut wanted = HashMap::<Box<[u8]>, Vec<u32>>::new();
        let mut unmet = HashMap::<u64, usize>::new();
        others.iter().for_each(|(hash, _)| *unmet.entry(*hash).or_default() = 0);
        let missing = (0u32..).zip(found.iter()).filter(|(_, id)| id.is_none()).map(|(row, _)| row);
        let missing = missing.filter(|&row| unmet.contains_key(&hashes[row as usize])).collect::<Vec<_>>();
        for run in self.version.bounds.cut_taken(rows.columns(), &missing) {
            let taken = UInt32Array::from(missing[run.clone()].to_vec());
            let encoded = converter.convert_columns(&compute::take_arrays(rows.columns(), &taken, None)?)?;
            for (&row, encoded) in missing[run].iter().zip(&encoded) {
                wanted.entry(encoded.as_ref().into()).or_default().push(row);
                *unmet.entry(hashes[row as usize]).or_default() += 1;
            }
        }
        let all_columns = (0..rows.num_columns()).collect::<Vec<_>>();
        let mut portion = others;
        let mut length = FIRST_PORTION_ROWS;
        while !portion.is_empty() {
            work::rows(portion.len());
            let ids = portion.iter().map(|(_, id)| *id).collect::<Vec<_>>();
            for piece in self.version.gather_pieces(&ids, &all_columns) {
                let (range, stored) = piece?;
                for ((hash, id), encoded) in portion[range].iter().zip(&converter.convert_columns(&stored)?) {
                    if let Some(row) = wanted.get_mut(encoded.as_ref()).and_then(Vec::pop) {
                        found[row as usize] = Some(*id);
                        *unmet.entry(*hash).or_default() -= 1;
                    }
                }
            }
            unmet.retain(|_, count| *count > 0);
            portion = self.next_portion(&unmet, &mut cursors, length);
            length = (2 * length).min(PORTION_ROWS_MAX);
        }
        Ok(())
    }

    /// The next rows of these hashes' chains, up to `length` of each.
    fn next_portion(&self, unmet: &HashMap<u64, usize>, cursors: &mut Cursors, length: usize) -> Vec<(u64, RowId)> {
        let mut portion = Vec::new();
        let indexes = self.index.read();
        for &hash in unmet.keys() {
            let Some(cursor) = cursors.get_mut(&hash) else {
                continue;
            };
            for _ in 0..length {
                let Some(place) = *cursor else {
                    break;
                };
                portion.push((hash, place.row()));
                *cursor = indexes.identity.after(place);
            }
        }
        portion
    }
}
