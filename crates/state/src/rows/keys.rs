//! What rows are found by: the key columns and their hashes, and the indexes over living and dead
//! rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::SchemaRef;
use changes::KeyHasher;

use super::Identity;
use crate::index::Index;
use crate::version::Deaths;
use crate::{Error, RowId};

/// The columns by which rows are found. Nothing here changes.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(super) identity: Option<Key>,
    pub(super) lookup: Option<Key>,
    /// Whether the look-up is by the identity's own columns, whose index then serves for both.
    pub(super) lookup_is_identity: bool,
}

#[derive(Debug)]
pub(crate) struct Key {
    pub(super) columns: Vec<usize>,
    hasher: KeyHasher,
    /// Places of the key's columns in which a null keeps a row out, since there null equals nothing.
    pub(super) not_null: Vec<usize>,
    /// Equal hashes mean equal keys.
    pub(super) is_exact: bool,
}

/// The hash of each row's key, and where a null in it keeps the row out.
pub(super) struct Hashed {
    pub(super) hashes: Vec<u64>,
    nulls: Option<NullBuffer>,
}

/// The indexes of one writer's rows.
#[derive(Debug)]
pub(crate) struct Indexes {
    /// Living rows.
    pub(super) identity: Index,
    pub(super) lookup: Index,
    /// Dead rows that somebody may still see, by the identity, the last to die first. Most rows
    /// that die are forgotten before they would get here.
    pub(super) dead: Index,
    /// Those that have died since the last collection, and are in no index.
    pub(super) died: Vec<Arc<Deaths>>,
}

impl Keys {
    pub(super) fn new(schema: &SchemaRef, identity: &Identity, lookup: Option<Vec<usize>>) -> Result<Keys, Error> {
        let identity = match identity {
            Identity::AppendOnly => None,
            Identity::Key(columns) => Some(columns.clone()),
            Identity::Row => Some((0..schema.fields().len()).collect()),
        };
        let is_nullable = |columns: &Vec<usize>| columns.iter().any(|&column| schema.field(column).is_nullable());
        let lookup_is_identity =
            identity.is_some() && identity == lookup && identity.as_ref().is_some_and(|columns| !is_nullable(columns));
        let lookup = lookup.filter(|_| !lookup_is_identity);
        Ok(Keys {
            identity: identity.map(|columns| Key::new(schema, columns, false)).transpose()?,
            lookup: lookup.map(|columns| Key::new(schema, columns, true)).transpose()?,
            lookup_is_identity,
        })
    }
}

impl Key {
    fn new(schema: &SchemaRef, columns: Vec<usize>, skips_nulls: bool) -> Result<Key, Error> {
        let types = columns.iter().map(|&column| schema.field(column).data_type().clone()).collect();
        let hasher = KeyHasher::new(types)?;
        let has_nulls = !skips_nulls && columns.iter().any(|&column| schema.field(column).is_nullable());
        let is_exact = columns.is_empty() || (hasher.is_exact() && !has_nulls);
        let not_null = if skips_nulls { (0..columns.len()).collect() } else { Vec::new() };
        Ok(Key { columns, hasher, not_null, is_exact })
    }

    /// Has null equal null in the columns at `places`.
    pub(super) fn equate_nulls(&mut self, schema: &SchemaRef, places: &[usize]) {
        self.not_null.retain(|place| !places.contains(place));
        self.is_exact &= places.iter().all(|&place| !schema.field(self.columns[place]).is_nullable());
    }

    /// The hashes of keys, which are columns of the key's types.
    pub(super) fn hashes(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<u64>, Error> {
        let mut hashes = Vec::new();
        self.hasher.hash(keys, rows, &mut hashes)?;
        Ok(hashes)
    }

    /// The hashes of whole rows.
    pub(super) fn hash_rows(&self, rows: &RecordBatch) -> Result<Hashed, Error> {
        let keys = self.columns.iter().map(|&column| rows.column(column).clone()).collect::<Vec<_>>();
        let hashes = self.hashes(&keys, rows.num_rows())?;
        let nulls = nulls_of(&keys, &self.not_null);
        Ok(Hashed { hashes, nulls })
    }
}

impl Hashed {
    /// The hash of one row, if it has one.
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<u64> {
        self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)).then(|| self.hashes[row])
    }

    /// Puts all rows into an index; the first has the id `first`.
    pub(super) fn index(&self, index: &mut Index, first: RowId) {
        let Some(nulls) = &self.nulls else {
            return index.insert_all(&self.hashes, first);
        };
        for row in nulls.valid_indices() {
            index.insert(self.hashes[row], first + row as RowId);
        }
    }
}

impl Indexes {
    /// Of no rows yet.
    pub(super) fn new(keys: &Keys) -> Indexes {
        // Without an identity no row is ever found to be deleted.
        let lookup = if keys.identity.is_some() { Index::default() } else { Index::append_only() };
        Indexes { identity: Index::default(), lookup, dead: Index::default(), died: Vec::new() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.identity.bytes() + self.lookup.bytes() + self.dead.bytes()
    }
}

/// Where any of the keys' columns at `places` is null.
pub(super) fn nulls_of(keys: &[ArrayRef], places: &[usize]) -> Option<NullBuffer> {
    let union = |nulls: Option<NullBuffer>, &place: &usize| {
        NullBuffer::union(nulls.as_ref(), keys[place].logical_nulls().as_ref())
    };
    places.iter().fold(None, union)
}
