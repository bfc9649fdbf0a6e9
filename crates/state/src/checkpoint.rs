//! What a checkpoint is made of: keys and values, of which only the changed ones are written.
//!
//! Durable storage fills in [`CheckpointSink`] and [`CheckpointCursor`]; [`Saved`] is both, in memory.
//! Keys sort as bytes. A key begins with whose state it is: a relation, an operator of its dataflow (each by a
//! number that stays the same as long as the relation is there), and then what lets another number of workers
//! divide it among them:
//! - keyed state, such as that of groups: the key's virtual node. A worker reads the nodes that it owns.
//! - rows, which lie in chunks as they came: the worker that wrote the chunk. As many workers as before each
//!   read their own; any other number read all, and each keeps the rows that it owns.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeInclusive};

use arrow::array::RecordBatch;
use changes::{ChangeBatch, Epoch, VIRTUAL_NODES, partition_of};
use parking_lot::RwLock;

use crate::Error;

/// Takes what changed since the last checkpoint. All workers write at once, each keys of its own.
///
/// What was put and deleted becomes the checkpoint when all of it is there, by [`CheckpointSink::commit`]; up to
/// then, and if that never comes, the one before is what is read. Whoever writes has meanwhile forgotten what
/// it gave to the sink: when anything fails, there is no further checkpoint before a restart.
pub trait CheckpointSink: Send + Sync {
    /// Sets `key` to `value`.
    ///
    /// # Errors
    /// If the value cannot be encoded or stored.
    fn put(&self, key: Vec<u8>, value: Value) -> Result<(), Error>;

    /// Removes `key`, which need not be there.
    ///
    /// # Errors
    /// If that cannot be stored.
    fn delete(&self, key: Vec<u8>) -> Result<(), Error>;

    /// Removes all keys that begin with `prefix`.
    ///
    /// # Errors
    /// If that cannot be stored.
    fn delete_all(&self, prefix: &[u8]) -> Result<(), Error>;

    /// All that changed up to the end of `epoch` has been written: it counts now, as a whole.
    ///
    /// # Errors
    /// If that cannot be stored.
    fn commit(&self, epoch: Epoch) -> Result<(), Error>;
}

/// Reads what sinks were given, in the order of the keys.
pub trait CheckpointCursor: Send + Sync {
    /// The value of `key`.
    ///
    /// # Errors
    /// If it cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Value>, Error>;

    /// The first key not below `from` (or above it, if that is excluded), and its value.
    ///
    /// # Errors
    /// If it cannot be read.
    fn next(&self, from: Bound<&[u8]>) -> Result<Option<(Vec<u8>, Value)>, Error>;
}

/// What a key stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of whatever form its writer chose.
    Bytes(Vec<u8>),
    /// Rows, which are shared with the writer until whoever stores them encodes them.
    Rows(RecordBatch),
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Value {
        Value::Bytes(bytes)
    }
}

impl From<RecordBatch> for Value {
    fn from(rows: RecordBatch) -> Value {
        Value::Rows(rows)
    }
}

impl Value {
    /// The bytes, where there must be some.
    ///
    /// # Errors
    /// If they are rows.
    pub fn into_bytes(self) -> Result<Vec<u8>, Error> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Rows(_) => Err(Error::Damaged("rows where there should be bytes".into())),
        }
    }

    /// The rows, where there must be some.
    ///
    /// # Errors
    /// If they are bytes.
    pub fn into_rows(self) -> Result<RecordBatch, Error> {
        match self {
            Value::Rows(rows) => Ok(rows),
            Value::Bytes(_) => Err(Error::Damaged("bytes where there should be rows".into())),
        }
    }
}

/// Which part of all keys somebody owns: one worker of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Which worker, from 0.
    pub index: usize,
    /// How many workers there are.
    pub count: usize,
}

impl Partition {
    /// The one of one.
    pub const ALL: Partition = Partition { index: 0, count: 1 };

    /// Whether a key of this hash belongs to it.
    #[must_use]
    pub fn owns(self, hash: u64) -> bool {
        partition_of(hash, self.count) == self.index
    }

    /// The virtual nodes that belong to it, if any do.
    fn nodes(self) -> Option<RangeInclusive<u8>> {
        let first = |index: usize| (index * VIRTUAL_NODES).div_ceil(self.count);
        let (from, until) = (first(self.index), first(self.index + 1));
        (from < until).then(|| from as u8..=(until - 1) as u8)
    }
}

/// Writes one thing's part of a checkpoint.
pub struct CheckpointWriter<'a> {
    sink: &'a dyn CheckpointSink,
    partition: Partition,
    prefix: Vec<u8>,
}

impl<'a> CheckpointWriter<'a> {
    /// A writer of keys that begin with `prefix`, for one worker.
    #[must_use]
    pub fn new(sink: &'a dyn CheckpointSink, partition: Partition, prefix: Vec<u8>) -> CheckpointWriter<'a> {
        CheckpointWriter { sink, partition, prefix }
    }

    /// Who writes.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// Sets `key` to `value`.
    ///
    /// # Errors
    /// As the sink.
    pub fn put(&self, key: &[u8], value: impl Into<Value>) -> Result<(), Error> {
        self.sink.put([&self.prefix, key].concat(), value.into())
    }

    /// Removes `key`, which need not be there.
    ///
    /// # Errors
    /// As the sink.
    pub fn delete(&self, key: &[u8]) -> Result<(), Error> {
        self.sink.delete([&self.prefix, key].concat())
    }

    /// A writer whose keys all begin with `name`, apart from all others.
    #[must_use]
    pub fn scoped(&self, name: &[u8]) -> CheckpointWriter<'a> {
        let prefix = [&self.prefix, name].concat();
        CheckpointWriter { prefix, ..*self }
    }
}

/// Reads one thing's part of a checkpoint.
pub struct CheckpointReader<'a> {
    cursor: &'a dyn CheckpointCursor,
    partition: Partition,
    /// How many workers wrote it.
    writers: usize,
    prefix: Vec<u8>,
}

impl<'a> CheckpointReader<'a> {
    /// A reader of keys that begin with `prefix`, for one worker, of what so many workers wrote.
    #[must_use]
    pub fn new(
        cursor: &'a dyn CheckpointCursor,
        partition: Partition,
        writers: usize,
        prefix: Vec<u8>,
    ) -> CheckpointReader<'a> {
        CheckpointReader { cursor, partition, writers, prefix }
    }

    /// Who reads.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// How many workers wrote it.
    #[must_use]
    pub fn writers(&self) -> usize {
        self.writers
    }

    /// Whether the next checkpoint goes on with this one, so that what is as it was need not be written again.
    /// It does if each worker owns what it owned; otherwise the next one begins anew, with an empty sink.
    #[must_use]
    pub fn is_continued(&self) -> bool {
        self.writers == self.partition.count
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// As the cursor.
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>, Error> {
        self.cursor.get(&[&self.prefix, key].concat())
    }

    /// All keys and values, in the keys' order.
    #[must_use]
    pub fn iter(&self) -> Entries<'a> {
        Entries { cursor: self.cursor, prefix: self.prefix.clone(), last: None }
    }

    /// All keys and values under the virtual nodes that this worker owns, without the node. Keys must begin with
    /// their node.
    pub fn of_own_nodes(&self) -> impl Iterator<Item = Result<(Vec<u8>, Value), Error>> + use<'a> {
        let (cursor, prefix) = (self.cursor, self.prefix.clone());
        let entries = move |node| Entries { cursor, prefix: [&prefix, &[node][..]].concat(), last: None };
        self.partition.nodes().into_iter().flatten().flat_map(entries)
    }

    /// A reader of the keys that [`CheckpointWriter::scoped`] wrote.
    #[must_use]
    pub fn scoped(&self, name: &[u8]) -> CheckpointReader<'a> {
        CheckpointReader { prefix: [&self.prefix, name].concat(), ..*self }
    }
}

/// Keys that begin with the same bytes, without these, and their values.
pub struct Entries<'a> {
    cursor: &'a dyn CheckpointCursor,
    prefix: Vec<u8>,
    last: Option<Vec<u8>>,
}

impl Iterator for Entries<'_> {
    type Item = Result<(Vec<u8>, Value), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let from = match &self.last {
            Some(last) => Bound::Excluded(last.as_slice()),
            None => Bound::Included(self.prefix.as_slice()),
        };
        match self.cursor.next(from) {
            Ok(Some((key, value))) => {
                let rest = key.strip_prefix(self.prefix.as_slice())?.to_vec();
                self.last = Some(key);
                Some(Ok((rest, value)))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// A checkpoint in memory, as durable storage would hold it: rows are encoded when they come, and decoded when
/// they are read. What is written counts at once, since nothing of it outlives a failure.
#[derive(Debug, Default)]
pub struct Saved(RwLock<BTreeMap<Vec<u8>, Stored>>);

#[derive(Debug)]
enum Stored {
    Bytes(Vec<u8>),
    Rows(Vec<u8>),
}

impl Stored {
    fn value(&self) -> Result<Value, Error> {
        match self {
            Stored::Bytes(bytes) => Ok(Value::Bytes(bytes.clone())),
            Stored::Rows(encoded) => {
                let rows = changes::decode(encoded).map_err(|error| Error::Damaged(error.to_string()))?;
                Ok(Value::Rows(rows.into_parts().0))
            }
        }
    }
}

impl Saved {
    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().len()
    }

    /// Whether nothing is saved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl CheckpointSink for Saved {
    fn put(&self, key: Vec<u8>, value: Value) -> Result<(), Error> {
        let stored = match value {
            Value::Bytes(bytes) => Stored::Bytes(bytes),
            Value::Rows(rows) => Stored::Rows(changes::encode(&ChangeBatch::inserts(rows))?),
        };
        self.0.write().insert(key, stored);
        Ok(())
    }

    fn delete(&self, key: Vec<u8>) -> Result<(), Error> {
        self.0.write().remove(&key);
        Ok(())
    }

    fn delete_all(&self, prefix: &[u8]) -> Result<(), Error> {
        self.0.write().retain(|key, _| !key.starts_with(prefix));
        Ok(())
    }

    fn commit(&self, _epoch: Epoch) -> Result<(), Error> {
        Ok(())
    }
}

impl CheckpointCursor for Saved {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, Error> {
        self.0.read().get(key).map(Stored::value).transpose()
    }

    fn next(&self, from: Bound<&[u8]>) -> Result<Option<(Vec<u8>, Value)>, Error> {
        let values = self.0.read();
        let next = values.range::<[u8], _>((from, Bound::Unbounded)).next();
        next.map(|(key, stored)| Ok((key.clone(), stored.value()?))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_read_their_own_nodes_and_all_together_read_all() {
        let saved = Saved::default();
        let writer = CheckpointWriter::new(&saved, Partition::ALL, b"op".to_vec());
        for node in 0..=u8::MAX {
            writer.put(&[node, 7], vec![node]).expect("memory takes it");
        }
        CheckpointWriter::new(&saved, Partition::ALL, b"oq".to_vec()).put(&[0], vec![0]).expect("memory takes it");
        for count in [1, 2, 3, 7, 255, 256, 300] {
            let mut read = Vec::new();
            for index in 0..count {
                let partition = Partition { index, count };
                let reader = CheckpointReader::new(&saved, partition, 1, b"op".to_vec());
                for entry in reader.of_own_nodes() {
                    let (key, value) = entry.expect("it was written");
                    let node = value.into_bytes().expect("bytes were written")[0];
                    assert_eq!(key, [7]);
                    assert!(partition.owns(u64::from(node) << 40), "{node} of {partition:?}");
                    read.push(node);
                }
            }
            assert_eq!(read, (0..=u8::MAX).collect::<Vec<_>>());
        }
    }
}
