//! What rows are found by: the key columns and their hashes, what they are sorted by, and the indexes
//! over living and dead rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::SchemaRef;
use changes::KeyHasher;

use super::Identity;
use super::order::OrderColumns;
use crate::index::{Index, OrderedIndex};
use crate::version::Deaths;
use crate::{Error, RowId};

/// The columns by which rows are found. Nothing here changes once there are rows.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(super) identity: Option<Key>,
    pub(super) lookups: Vec<Key>,
    pub(super) orders: Vec<OrderColumns>,
}

/// One of the keys by which [`super::Rows`] can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookUp(pub(super) Found);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// By the identity, whose index then serves for both.
    ByIdentity,
    /// By the look-up of this number.
    ByLookUp(usize),
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

/// What the indexes need to know of some rows.
pub(super) struct Entries {
    pub(super) identity: Option<Hashed>,
    lookups: Vec<Hashed>,
    orders: Vec<arrow::row::Rows>,
}

/// The indexes of one writer's rows.
#[derive(Debug)]
pub(crate) struct Indexes {
    /// Living rows.
    pub(super) identity: Index,
    pub(super) lookups: Vec<Index>,
    pub(super) orders: Vec<OrderedIndex>,
    /// Dead rows that somebody may still see, by the identity, the last to die first. Most rows
    /// that die are forgotten before they would get here.
    pub(super) dead: Index,
    /// Those that have died since the last collection, and are in no index.
    pub(super) died: Vec<Arc<Deaths>>,
}

impl Keys {
    pub(super) fn new(schema: &SchemaRef, identity: &Identity) -> Result<Keys, Error> {
        let identity = match identity {
            Identity::AppendOnly => None,
            Identity::Key(columns) => Some(columns.clone()),
            Identity::Row => Some((0..schema.fields().len()).collect()),
        };
        let identity = identity.map(|columns| Key::new(schema, columns, Vec::new())).transpose()?;
        Ok(Keys { identity, lookups: Vec::new(), orders: Vec::new() })
    }

    /// Has rows be found by these columns, too; a null in the ones at the places `not_null` keeps a
    /// row out.
    pub(super) fn add_lookup(
        &mut self,
        schema: &SchemaRef,
        columns: Vec<usize>,
        not_null: Vec<usize>,
    ) -> Result<LookUp, Error> {
        let keeps_out = not_null.iter().any(|&place| schema.field(columns[place]).is_nullable());
        if !keeps_out && self.identity.as_ref().is_some_and(|identity| identity.columns == columns) {
            return Ok(LookUp(Found::ByIdentity));
        }
        self.lookups.push(Key::new(schema, columns, not_null)?);
        Ok(LookUp(Found::ByLookUp(self.lookups.len() - 1)))
    }

    pub(super) fn of(&self, lookup: LookUp) -> &Key {
        match lookup.0 {
            Found::ByIdentity => self.identity.as_ref().expect("a look-up by the identity needs one"),
            Found::ByLookUp(number) => &self.lookups[number],
        }
    }

    pub(super) fn has_indexes(&self) -> bool {
        self.identity.is_some() || !self.lookups.is_empty() || !self.orders.is_empty()
    }

    pub(super) fn entries(&self, rows: &RecordBatch) -> Result<Entries, Error> {
        Ok(Entries {
            identity: self.identity.as_ref().map(|key| key.hash_rows(rows)).transpose()?,
            lookups: self.lookups.iter().map(|key| key.hash_rows(rows)).collect::<Result<_, _>>()?,
            orders: self.orders.iter().map(|order| order.keys_of(rows)).collect::<Result<_, _>>()?,
        })
    }
}

impl Key {
    fn new(schema: &SchemaRef, columns: Vec<usize>, not_null: Vec<usize>) -> Result<Key, Error> {
        let types = columns.iter().map(|&column| schema.field(column).data_type().clone()).collect();
        let hasher = KeyHasher::new(types)?;
        let may_be_null =
            |(place, &column): (usize, &usize)| schema.field(column).is_nullable() && !not_null.contains(&place);
        let has_nulls = columns.iter().enumerate().any(may_be_null);
        let is_exact = columns.is_empty() || (hasher.is_exact() && !has_nulls);
        Ok(Key { columns, hasher, not_null, is_exact })
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
        let lookup = || if keys.identity.is_some() { Index::default() } else { Index::append_only() };
        Indexes {
            identity: Index::default(),
            lookups: keys.lookups.iter().map(|_| lookup()).collect(),
            orders: keys.orders.iter().map(|_| OrderedIndex::default()).collect(),
            dead: Index::default(),
            died: Vec::new(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let lookups = self.lookups.iter().map(Index::bytes).sum::<usize>();
        let orders = self.orders.iter().map(OrderedIndex::bytes).sum::<usize>();
        self.identity.bytes() + lookups + orders + self.dead.bytes()
    }

    pub(super) fn of(&self, lookup: LookUp) -> &Index {
        match lookup.0 {
            Found::ByIdentity => &self.identity,
            Found::ByLookUp(number) => &self.lookups[number],
        }
    }

    /// Adds all rows of `entries`, whose ids begin at `first`.
    pub(super) fn insert_all(&mut self, entries: &Entries, first: RowId) {
        if let Some(identity) = &entries.identity {
            identity.index(&mut self.identity, first);
        }
        for (hashed, index) in entries.lookups.iter().zip(&mut self.lookups) {
            hashed.index(index, first);
        }
        for (keys, index) in entries.orders.iter().zip(&mut self.orders) {
            keys.iter().zip(first..).for_each(|(key, id)| index.insert(key.as_ref(), id));
        }
    }

    /// Adds one row of `entries`.
    pub(super) fn insert(&mut self, entries: &Entries, row: usize, id: RowId) {
        let identity = entries.identity.iter().zip(std::slice::from_mut(&mut self.identity));
        for (hashed, index) in identity.chain(entries.lookups.iter().zip(&mut self.lookups)) {
            if let Some(hash) = hashed.get(row) {
                index.insert(hash, id);
            }
        }
        for (keys, index) in entries.orders.iter().zip(&mut self.orders) {
            index.insert(keys.row(row).as_ref(), id);
        }
    }

    /// Takes out one row of `entries`, which must be there.
    pub(super) fn remove(&mut self, entries: &Entries, row: usize, id: RowId) {
        let identity = entries.identity.iter().zip(std::slice::from_mut(&mut self.identity));
        for (hashed, index) in identity.chain(entries.lookups.iter().zip(&mut self.lookups)) {
            if let Some(hash) = hashed.get(row) {
                index.remove(hash, id);
            }
        }
        for (keys, index) in entries.orders.iter().zip(&mut self.orders) {
            index.remove(keys.row(row).as_ref(), id);
        }
    }
}

/// Where any of the keys' columns at `places` is null.
pub(super) fn nulls_of(keys: &[ArrayRef], places: &[usize]) -> Option<NullBuffer> {
    let union = |nulls: Option<NullBuffer>, &place: &usize| {
        NullBuffer::union(nulls.as_ref(), keys[place].logical_nulls().as_ref())
    };
    places.iter().fold(None, union)
}
