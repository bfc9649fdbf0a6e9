//! An ordered index: rows by the bytes of their sort key, and by age where these are equal.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::RowId;

/// What an entry takes beside its key's bytes: itself in a node that is three quarters full, and
/// what the allocator rounds up.
const ENTRY_BYTES: usize = size_of::<(Box<[u8]>, RowId)>() * 4 / 3 + 8;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct OrderedIndex {
    entries: BTreeSet<(Box<[u8]>, RowId)>,
    /// Bytes of all keys.
    key_bytes: usize,
}

impl OrderedIndex {
    pub(crate) fn insert(&mut self, key: &[u8], row: RowId) {
        let is_new = self.entries.insert((key.into(), row));
        debug_assert!(is_new, "a row is indexed once");
        self.key_bytes += key.len();
    }

    /// Takes a row out. It must be there.
    pub(crate) fn remove(&mut self, key: &[u8], row: RowId) {
        let was_there = self.entries.remove(&(key.into(), row));
        assert!(was_there, "a row that is removed was indexed");
        self.key_bytes -= key.len();
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.len() * ENTRY_BYTES + self.key_bytes
    }

    /// The rows from `start` on, in order, with their keys.
    pub(crate) fn from(&self, start: Bound<(Box<[u8]>, RowId)>) -> impl Iterator<Item = (&[u8], RowId)> {
        self.entries.range((start, Bound::Unbounded)).map(|(key, row)| (&**key, *row))
    }
}
