//! Versioned rows in checkpoints: chunks are written once, their dead rows when there are more.
//!
//! `r` + first row id: the rows, as Arrow IPC. `i` + first row id: if their ids have gaps, each
//! one's distance from the first (`u32`, little-endian). `d` + first row id: a bit a row, set if it
//! is dead. `n`: the next row id. Ids in keys are big-endian, so that keys sort as rows do. Epochs are
//! not saved: after a restart all living rows were always there, since nobody reads further back.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use changes::{ChangeBatch, Epoch};

use super::keys::Indexes;
use super::{RowId, Rows};
use crate::chunk::Births;
use crate::version::Version;
use crate::{Chunk, Delta, Error, Saved};

const NEXT: &[u8] = b"n";

fn key(kind: u8, first: RowId) -> Vec<u8> {
    [&[kind], first.to_be_bytes().as_slice()].concat()
}

impl Rows {
    /// Writes what changed since the last checkpoint.
    ///
    /// # Errors
    /// If Arrow cannot encode the rows.
    pub fn checkpoint(&mut self, delta: &mut Delta) -> Result<(), Error> {
        let mut now = BTreeMap::new();
        for chunk in self.version.chunks.iter() {
            let before = self.saved.remove(&chunk.first);
            let is_written = before.as_ref().is_some_and(|(saved, _)| std::ptr::eq(saved.as_ptr(), Arc::as_ptr(chunk)));
            if !is_written {
                if before.is_some() {
                    // Another chunk began with the same row.
                    delta.delete(&key(b'i', chunk.first));
                    delta.delete(&key(b'd', chunk.first));
                }
                let rows = ChangeBatch::inserts(chunk.rows.clone());
                delta.put(&key(b'r', chunk.first), changes::encode(&rows)?);
                if let Some(ids) = chunk.ids() {
                    delta.put(&key(b'i', chunk.first), ids.iter().flat_map(|id| id.to_le_bytes()).collect());
                }
            }
            let dead = chunk.dead();
            let dead_before = before.filter(|_| is_written).map_or(0, |(_, dead)| dead);
            if dead != dead_before {
                delta.put(&key(b'd', chunk.first), dead_bits(chunk));
            }
            now.insert(chunk.first, (Arc::downgrade(chunk), dead));
        }
        for &first in self.saved.keys() {
            for kind in [b'r', b'i', b'd'] {
                delta.delete(&key(kind, first));
            }
        }
        delta.put(NEXT, self.next_row.to_be_bytes().to_vec());
        self.saved = now;
        Ok(())
    }

    /// Makes these rows what the checkpoints so far have written, in place of what they are.
    ///
    /// # Errors
    /// If the bytes are damaged, or of other columns.
    pub fn restore(&mut self, saved: &Saved) -> Result<(), Error> {
        let damaged = |what: &str| Error::Damaged(what.to_owned());
        self.clear();
        for (key_bytes, value) in saved.iter() {
            let [b'r', first @ ..] = key_bytes else {
                continue;
            };
            let first = RowId::from_be_bytes(first.try_into().map_err(|_| damaged("a chunk's key"))?);
            let rows = changes::decode(value).map_err(|error| Error::Damaged(error.to_string()))?.into_parts().0;
            self.check_types(&rows).map_err(|_| damaged("a chunk with other columns"))?;
            let ids = saved.get(&key(b'i', first)).map(distances);
            if rows.num_rows() == 0 || ids.as_ref().is_some_and(|ids| ids.len() != rows.num_rows()) {
                return Err(damaged("a chunk without rows, or the ids of another"));
            }
            let births = Births::one(Epoch::ZERO, rows.num_rows());
            let chunk = Chunk::new(first, ids, rows.with_schema(self.schema().clone())?, births);
            if let Some(bits) = saved.get(&key(b'd', first)) {
                let is_dead = |row: &usize| bits.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1);
                for row in (0..chunk.len()).filter(is_dead) {
                    chunk.kill(row, Epoch::ZERO);
                    chunk.forget_one();
                }
            }
            self.adopt(chunk)?;
        }
        if let Some(next) = saved.get(NEXT) {
            self.next_row = RowId::from_be_bytes(next.try_into().map_err(|_| damaged("the next row id"))?);
        }
        Ok(())
    }

    fn clear(&mut self) {
        let bounds = self.version.bounds;
        self.version = Version { bounds, ..Version::new(Arc::clone(self.schema())) };
        self.newest = Epoch::ZERO;
        self.horizon = Epoch::ZERO;
        self.saved.clear();
        *self.index.write() = Indexes::new(&self.keys);
    }

    /// Takes a restored chunk, with its ids as they are.
    fn adopt(&mut self, chunk: Chunk) -> Result<(), Error> {
        let entries = self.keys.entries(&chunk.rows)?;
        {
            let mut indexes = self.index.write();
            for row in (0..chunk.len()).filter(|&row| chunk.death(row) == Epoch::NEVER) {
                indexes.insert(&entries, row, chunk.id(row));
            }
        }
        let (first, dead, is_half_dead) = (chunk.first, chunk.dead(), chunk.dead() >= chunk.len().div_ceil(2));
        self.version.living += chunk.len() - dead;
        self.next_row = self.next_row.max(chunk.last() + 1);
        self.push(chunk);
        let last = self.version.chunks.last().map(|place| self.version.chunks.get(place));
        self.saved.insert(first, (last.map_or_else(Weak::new, Arc::downgrade), dead));
        if is_half_dead { self.rewrite(first) } else { Ok(()) }
    }
}

fn distances(bytes: &[u8]) -> Box<[u32]> {
    let (each, _) = bytes.as_chunks::<4>();
    each.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
}

fn dead_bits(chunk: &Chunk) -> Vec<u8> {
    let mut bits = vec![0u8; chunk.len().div_ceil(8)];
    for row in (0..chunk.len()).filter(|&row| chunk.death(row) != Epoch::NEVER) {
        bits[row / 8] |= 1 << (row % 8);
    }
    bits
}
