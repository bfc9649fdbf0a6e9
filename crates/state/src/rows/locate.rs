//! Finding the rows that deletions mean, without taking them: whether a transaction may be written.

use arrow::array::RecordBatch;
use hashbrown::{HashMap, HashSet};

use super::find::are_equal;
use super::{Pairs, RowId, Rows};
use crate::Error;
use crate::index::Place;

/// Rows that were found for a transaction so far: each stands for one deletion.
#[derive(Debug, Default)]
pub struct Located {
    ids: HashSet<RowId>,
    /// By hash, the row of its chain that was not looked at yet.
    next: HashMap<u64, Option<Place>>,
    /// By hash, rows that were looked at and are another's than the one they were compared with.
    passed: HashMap<u64, Vec<RowId>>,
}

impl Located {
    /// Whether a row is among them.
    #[must_use]
    pub fn has(&self, id: RowId) -> bool {
        self.ids.contains(&id)
    }
}

impl Rows {
    /// Whether for each row there is a living row that is equal to it in all columns, different ones
    /// for equal rows, none of them in `located` yet. If so they are added to it.
    ///
    /// # Errors
    /// If the rows are not of this schema.
    pub fn locate(&self, rows: &RecordBatch, located: &mut Located) -> Result<bool, Error> {
        let Some(identity) = self.keys.identity.as_ref().filter(|_| rows.num_rows() > 0) else {
            return Ok(rows.num_rows() == 0);
        };
        let hashes = identity.hash_rows(rows)?.hashes;
        let all_columns = (0..rows.num_columns()).collect::<Vec<_>>();
        // The nth row of a hash is compared with the nth of its chain: equal rows are settled at once.
        let mut pairs = Pairs::default();
        let mut unsettled = Vec::new();
        {
            let indexes = self.index.read();
            for (row, &hash) in (0u32..).zip(&hashes) {
                let next = located.next.entry(hash).or_insert_with(|| indexes.identity.head(hash));
                match *next {
                    Some(place) => {
                        *next = indexes.identity.after(place);
                        pairs.rows.push(row);
                        pairs.ids.push(place.row());
                    }
                    None => unsettled.push(row),
                }
            }
        }
        let equal = are_equal(&self.version, &all_columns, rows.columns(), &pairs)?;
        for (index, (&row, &id)) in pairs.rows.iter().zip(&pairs.ids).enumerate() {
            if equal.value(index) {
                located.ids.insert(id);
            } else {
                located.passed.entry(hashes[row as usize]).or_default().push(id);
                unsettled.push(row);
            }
        }
        // What is left are rows that are not there, another row of their key, and collisions: few.
        for row in unsettled {
            let hash = hashes[row as usize];
            let passed = located.passed.entry(hash).or_default();
            if let Some(place) = located.next.insert(hash, None).flatten() {
                let indexes = self.index.read();
                let rest = std::iter::successors(Some(place), |place| indexes.identity.after(*place));
                passed.extend(rest.map(|place| place.row()));
            }
            let pairs = Pairs { rows: vec![row; passed.len()], ids: passed.clone() };
            let equal = are_equal(&self.version, &all_columns, rows.columns(), &pairs)?;
            let Some(place) = equal.set_indices().next() else {
                return Ok(false);
            };
            located.ids.insert(passed.swap_remove(place));
        }
        Ok(true)
    }
}
