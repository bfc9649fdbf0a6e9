//! Versioned rows in checkpoints: chunks are written once, their dead rows when there are more.
//!
//! `r` + first row id: the rows, as Arrow IPC. `d` + first row id: a bit a row, set if it is dead.
//! `n`: the next row id. Ids are big-endian, so that keys sort as rows do. Epochs are not saved:
//! after a restart all living rows were always there, since nobody reads further back.

use std::collections::BTreeMap;
use std::sync::Arc;

use changes::{ChangeBatch, Epoch};

use super::{RowId, Rows};
use crate::chunk::Births;
use crate::index::Index;
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
        for chunk in &self.chunks {
            let (len, dead) = (chunk.len(), chunk.dead());
            let before = self.saved.remove(&chunk.first);
            let is_written = before.is_some_and(|(saved_len, _)| saved_len == len);
            if !is_written {
                let rows = ChangeBatch::inserts(chunk.rows.clone());
                delta.put(&key(b'r', chunk.first), changes::encode(&rows)?);
            }
            if dead > 0 && (!is_written || before != Some((len, dead))) {
                delta.put(&key(b'd', chunk.first), dead_bits(chunk));
            }
            now.insert(chunk.first, (len, dead));
        }
        for &first in self.saved.keys() {
            delta.delete(&key(b'r', first));
            delta.delete(&key(b'd', first));
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
            if rows.schema().fields().len() != self.schema.fields().len() {
                return Err(damaged("a chunk with other columns"));
            }
            let rows = rows.with_schema(self.schema.clone())?;
            let chunk = Chunk::new(first, rows, Births::One(Epoch::ZERO));
            if let Some(bits) = saved.get(&key(b'd', first)) {
                let is_dead = |row: &usize| bits.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1);
                (0..chunk.len()).filter(is_dead).for_each(|row| chunk.kill(row, Epoch::ZERO));
            }
            self.adopt(chunk)?;
        }
        if let Some(next) = saved.get(NEXT) {
            self.next_row = RowId::from_be_bytes(next.try_into().map_err(|_| damaged("the next row id"))?);
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.chunks.clear();
        self.living = 0;
        self.deaths.clear();
        self.mostly_dead.clear();
        self.saved.clear();
        for index in self.identity.iter_mut().chain(&mut self.lookup) {
            index.index = Index::default();
        }
    }

    /// Takes a restored chunk, with its ids as they are.
    fn adopt(&mut self, chunk: Chunk) -> Result<(), Error> {
        for index in self.identity.iter_mut().chain(&mut self.lookup) {
            index.insert(&chunk.rows, chunk.first)?;
            let dead = (0..chunk.len()).filter(|&row| chunk.death(row) != Epoch::NEVER).collect::<Vec<_>>();
            if !dead.is_empty() {
                let offsets = arrow::array::UInt32Array::from_iter_values(dead.iter().map(|&row| row as u32));
                let ids = dead.iter().map(|&row| chunk.first + row as RowId).collect::<Vec<_>>();
                index.remove(&arrow::compute::take_record_batch(&chunk.rows, &offsets)?, &ids)?;
            }
        }
        self.living += chunk.len() - chunk.dead();
        self.saved.insert(chunk.first, (chunk.len(), chunk.dead()));
        if chunk.dead() >= chunk.len().div_ceil(2) {
            self.mostly_dead.push(chunk.first);
        }
        self.next_row = self.next_row.max(chunk.end());
        self.chunks.push(Arc::new(chunk));
        Ok(())
    }
}

fn dead_bits(chunk: &Chunk) -> Vec<u8> {
    let mut bits = vec![0u8; chunk.len().div_ceil(8)];
    for row in (0..chunk.len()).filter(|&row| chunk.death(row) != Epoch::NEVER) {
        bits[row / 8] |= 1 << (row % 8);
    }
    bits
}
