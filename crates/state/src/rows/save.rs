//! Versioned rows in checkpoints: chunks are written once, their dead rows when there are more.
//!
//! Under the number of the worker (`u16`): `r` + first row id: the rows. `i` + first row id: if their ids
//! have gaps, each one's distance from the first (`u32`, little-endian). `d` + first row id: a bit a row, set if
//! it is dead. `n`: the next row id. Numbers in keys are big-endian, so that keys sort as rows do. Epochs are
//! not saved: after a restart all living rows were always there, since nobody reads further back.
//!
//! What another number of workers wrote is read by all workers, and each adds the rows that it owns, as new ones.

use std::sync::{Arc, Weak};

use arrow::array::{BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute;
use changes::{Epoch, KeyHasher};

use super::keys::Indexes;
use super::{RowId, Rows, check_types};
use crate::checkpoint::{CheckpointReader, CheckpointWriter, Partition};
use crate::chunk::Births;
use crate::version::Version;
use crate::{Chunk, Error, work};

const NEXT: &[u8] = b"n";

fn key(kind: u8, first: RowId) -> Vec<u8> {
    [&[kind], first.to_be_bytes().as_slice()].concat()
}

/// The keys of one worker's rows.
fn scope(partition: usize) -> [u8; 2] {
    u16::try_from(partition).expect("workers are cores").to_be_bytes()
}

/// Where a row belongs: to the worker that owns the hash of these columns.
struct Owners {
    partition: Partition,
    columns: Vec<usize>,
    hasher: KeyHasher,
}

impl Owners {
    /// Which of the rows belong to this partition.
    fn owned(&self, rows: &RecordBatch) -> Result<BooleanArray, Error> {
        let keys = self.columns.iter().map(|&column| rows.column(column).clone()).collect::<Vec<_>>();
        let mut hashes = Vec::new();
        self.hasher.hash(&keys, rows.num_rows(), &mut hashes)?;
        Ok(hashes.into_iter().map(|hash| Some(self.partition.owns(hash))).collect())
    }
}

impl Rows {
    /// Writes what changed since the last checkpoint.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn checkpoint(&mut self, writer: &CheckpointWriter<'_>) -> Result<(), Error> {
        let writer = writer.scoped(&scope(writer.partition().index));
        for first in std::mem::take(&mut self.unsaved) {
            work::chunks(1);
            let before = self.saved.remove(&first);
            let place = self.version.chunks.at_most(first);
            match place.map(|place| self.version.chunks.get(place)).filter(|chunk| chunk.first == first) {
                Some(chunk) => {
                    write_chunk(&writer, chunk, before)?;
                    chunk.note_saved();
                    self.saved.insert(first, (Arc::downgrade(chunk), chunk.dead()));
                }
                None if before.is_some() => {
                    for kind in [b'r', b'i', b'd'] {
                        writer.delete(&key(kind, first))?;
                    }
                }
                None => {}
            }
        }
        if self.saved_next != Some(self.next_row) {
            writer.put(NEXT, self.next_row.to_be_bytes().to_vec())?;
            self.saved_next = Some(self.next_row);
        }
        Ok(())
    }

    /// Notes for the next checkpoint that the chunk which begins with this row is no more.
    pub(super) fn note_gone(&mut self, first: RowId) {
        if self.saved.contains_key(&first) {
            self.unsaved.insert(first);
        } else {
            self.unsaved.remove(&first);
        }
    }

    /// Makes these rows what the checkpoints so far have written, in place of what they are.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or of other columns.
    pub fn restore(&mut self, reader: &CheckpointReader<'_>) -> Result<(), Error> {
        self.clear();
        if reader.is_continued() {
            return self.restore_own(&reader.scoped(&scope(reader.partition().index)));
        }
        let owners = self.owners(reader.partition())?;
        let mut chunks = 0;
        for writer in 0..reader.writers() {
            let reader = reader.scoped(&scope(writer));
            for saved in self.saved_chunks(&reader) {
                let SavedChunk { rows, dead, .. } = saved?;
                let rows = match dead {
                    Some(dead) => compute::filter_record_batch(&rows, &compute::not(&dead)?)?,
                    None => rows,
                };
                let rows = match &owners {
                    Some(owners) => compute::filter_record_batch(&rows, &owners.owned(&rows)?)?,
                    // Nobody ever looks for a row again: it may lie anywhere.
                    None if chunks % reader.partition().count == reader.partition().index => rows,
                    None => rows.slice(0, 0),
                };
                chunks += 1;
                self.insert(Epoch::ZERO, &rows)?;
            }
        }
        Ok(())
    }

    /// To whom rows belong, by the columns that they are found by: of several look-ups, the first.
    fn owners(&self, partition: Partition) -> Result<Option<Owners>, Error> {
        let Some(key) = self.keys.lookups.first().or(self.keys.identity.as_ref()) else {
            return Ok(None);
        };
        let columns = key.columns.clone();
        let types = columns.iter().map(|&column| self.schema().field(column).data_type().clone()).collect();
        Ok(Some(Owners { partition, columns, hasher: KeyHasher::new(types)? }))
    }

    fn restore_own(&mut self, reader: &CheckpointReader<'_>) -> Result<(), Error> {
        for saved in self.saved_chunks(reader) {
            let SavedChunk { first, ids, rows, dead } = saved?;
            let births = Births::one(Epoch::ZERO, rows.num_rows());
            let chunk = Chunk::new(first, ids, rows, births);
            for row in dead.iter().flat_map(|dead| dead.values().set_indices()) {
                chunk.kill(row, Epoch::ZERO);
                chunk.forget_one();
            }
            self.adopt(chunk)?;
        }
        if let Some(next) = reader.get(NEXT)? {
            self.next_row = RowId::from_be_bytes(number(&next.into_bytes()?, "the next row id")?);
        }
        Ok(())
    }

    /// One worker's chunks, in the order of their rows.
    fn saved_chunks<'a>(
        &self,
        reader: &CheckpointReader<'a>,
    ) -> impl Iterator<Item = Result<SavedChunk, Error>> + use<'a> {
        let (reader, rows, schema) = (reader.scoped(&[]), reader.scoped(b"r"), self.schema().clone());
        rows.iter().map(move |entry| {
            let (first, rows) = entry?;
            let first = RowId::from_be_bytes(number(&first, "a chunk's key")?);
            let rows = rows.into_rows()?;
            check_types(&schema, &rows).map_err(|_| Error::Damaged("a chunk with other columns".into()))?;
            let ids = reader.get(&key(b'i', first))?.map(|ids| distances(ids.into_bytes()?)).transpose()?;
            if rows.num_rows() == 0 || ids.as_ref().is_some_and(|ids| ids.len() != rows.num_rows()) {
                return Err(Error::Damaged("a chunk without rows, or the ids of another".into()));
            }
            let rows = rows.with_schema(schema.clone())?;
            let bits = reader.get(&key(b'd', first))?.map(|bits| dead(bits.into_bytes()?, rows.num_rows()));
            Ok(SavedChunk { first, ids, rows, dead: bits.transpose()? })
        })
    }

    fn clear(&mut self) {
        let bounds = self.version.bounds;
        self.version = Version { bounds, ..Version::new(Arc::clone(self.schema())) };
        self.newest = Epoch::ZERO;
        self.horizon = Epoch::ZERO;
        self.saved.clear();
        self.unsaved.clear();
        self.saved_next = None;
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
        self.unsaved.remove(&first);
        if is_half_dead { self.rewrite(first) } else { Ok(()) }
    }
}

/// Writes what of a chunk is not as it was `before`: a chunk that began with the same row, and its dead rows.
fn write_chunk(
    writer: &CheckpointWriter<'_>,
    chunk: &Arc<Chunk>,
    before: Option<(Weak<Chunk>, usize)>,
) -> Result<(), Error> {
    let first = chunk.first;
    let is_written = before.as_ref().is_some_and(|(saved, _)| std::ptr::eq(saved.as_ptr(), Arc::as_ptr(chunk)));
    if !is_written {
        if before.is_some() {
            // Another chunk began with the same row.
            writer.delete(&key(b'i', first))?;
            writer.delete(&key(b'd', first))?;
        }
        writer.put(&key(b'r', first), chunk.rows.clone())?;
        if let Some(ids) = chunk.ids() {
            let distances = ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<_>>();
            writer.put(&key(b'i', first), distances)?;
        }
    }
    let dead_before = before.filter(|_| is_written).map_or(0, |(_, dead)| dead);
    if chunk.dead() != dead_before {
        writer.put(&key(b'd', first), dead_bits(chunk))?;
    }
    Ok(())
}

/// A chunk as it was written.
struct SavedChunk {
    first: RowId,
    ids: Option<Box<[u32]>>,
    rows: RecordBatch,
    /// Which rows are dead, if any are.
    dead: Option<BooleanArray>,
}

fn number<const N: usize>(bytes: &[u8], what: &str) -> Result<[u8; N], Error> {
    bytes.try_into().map_err(|_| Error::Damaged(what.to_owned()))
}

fn distances(bytes: Vec<u8>) -> Result<Box<[u32]>, Error> {
    let (each, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(Error::Damaged("the ids of a chunk".into()));
    }
    Ok(each.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
}

fn dead(bits: Vec<u8>, rows: usize) -> Result<BooleanArray, Error> {
    if bits.len() != rows.div_ceil(8) {
        return Err(Error::Damaged("the dead rows of a chunk".into()));
    }
    Ok(BooleanArray::new(BooleanBuffer::new(bits.into(), 0, rows), None))
}

/// A bit for each row, the lowest first.
fn dead_bits(chunk: &Chunk) -> Vec<u8> {
    let mut bits = vec![0u8; chunk.len().div_ceil(8)];
    for row in (0..chunk.len()).filter(|&row| chunk.death(row) != Epoch::NEVER) {
        bits[row / 8] |= 1 << (row % 8);
    }
    bits
}
