//! Rows to the worker that owns their key, within a process and between processes.
//!
//! [`Changes`] is what timely moves: change batches, as memory within a process and as Arrow IPC
//! between processes. [`ByKey`] splits a batch by the hash of its key columns.

use std::io::Write;

use changes::{ChangeBatch, KeyHasher, partition_of};
use timely::Accountable;
use timely::bytes::arc::Bytes;
use timely::communication::Push;
use timely::dataflow::channels::pushers::exchange::Distributor;
use timely::dataflow::channels::{ContainerBytes, Message};

/// Change batches on their way between operators.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(pub(crate) Vec<ChangeBatch>);

impl From<ChangeBatch> for Changes {
    fn from(batch: ChangeBatch) -> Changes {
        Changes(vec![batch])
    }
}

impl Accountable for Changes {
    /// Rows: they are what an exchange keeps the number of.
    fn record_count(&self) -> i64 {
        self.0.iter().map(|batch| batch.len() as i64).sum()
    }
}

/// The wire form: for each batch its length in bytes (`u64`, little-endian) and its Arrow IPC
/// stream, filled with zeros to a multiple of eight.
impl ContainerBytes for Changes {
    fn from_bytes(bytes: Bytes) -> Changes {
        let mut rest = &bytes[..];
        let mut batches = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let length = u64::from_le_bytes(*length) as usize;
            batches.push(changes::decode(&after[..length]).expect("a peer sends what it encoded"));
            rest = &after[length.next_multiple_of(8)..];
        }
        Changes(batches)
    }

    fn length_in_bytes(&self) -> usize {
        self.encoded().iter().map(|batch| 8 + batch.len().next_multiple_of(8)).sum()
    }

    fn into_bytes<W: Write>(&self, writer: &mut W) {
        for batch in self.encoded() {
            let padding = batch.len().next_multiple_of(8) - batch.len();
            writer
                .write_all(&(batch.len() as u64).to_le_bytes())
                .and_then(|()| writer.write_all(&batch))
                .and_then(|()| writer.write_all(&[0; 8][..padding]))
                .expect("timely gives as much room as length_in_bytes asked for");
        }
    }
}

impl Changes {
    fn encoded(&self) -> Vec<Vec<u8>> {
        self.0.iter().map(|batch| changes::encode(batch).expect("a batch of plain Arrow types encodes")).collect()
    }
}

/// Sends each row to the worker that its key's hash belongs to. No key at all: worker 0.
pub(crate) struct ByKey {
    columns: Vec<usize>,
    hasher: KeyHasher,
    hashes: Vec<u64>,
}

impl ByKey {
    pub(crate) fn new(columns: Vec<usize>, hasher: KeyHasher) -> ByKey {
        ByKey { columns, hasher, hashes: Vec::new() }
    }

    /// The rows of a batch by worker; workers without rows have an empty list.
    fn split(&mut self, batch: &ChangeBatch, workers: usize) -> Vec<Vec<u32>> {
        let keys = self.columns.iter().map(|&column| batch.column(column).clone()).collect::<Vec<_>>();
        self.hasher.hash(&keys, batch.len(), &mut self.hashes).expect("key columns are of the planned types");
        let mut rows = vec![Vec::new(); workers];
        for (row, &hash) in self.hashes.iter().enumerate() {
            rows[partition_of(hash, workers)].push(row as u32);
        }
        rows
    }
}

impl Distributor<Changes> for ByKey {
    fn partition<T: Clone, P: Push<Message<T, Changes>>>(
        &mut self,
        container: &mut Changes,
        time: &T,
        pushers: &mut [P],
    ) {
        for batch in std::mem::take(&mut container.0) {
            for (rows, pusher) in self.split(&batch, pushers.len()).into_iter().zip(pushers.iter_mut()) {
                if rows.is_empty() {
                    continue;
                }
                let part =
                    if rows.len() == batch.len() { batch.clone() } else { batch.take(&rows).expect("rows exist") };
                Message::push_at(&mut part.into(), time.clone(), pusher);
            }
        }
    }

    fn flush<T: Clone, P: Push<Message<T, Changes>>>(&mut self, _time: &T, _pushers: &mut [P]) {
        // Nothing is kept back.
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use arrow::datatypes::DataType;

    use super::*;

    fn batch(count: i64) -> ChangeBatch {
        let keys = Arc::new((0..count).map(|n| (n % 7 != 0).then_some(n)).collect::<Int64Array>()) as ArrayRef;
        let names = Arc::new((0..count).map(|n| Some(format!("name {n}"))).collect::<StringArray>()) as ArrayRef;
        let rows = RecordBatch::try_from_iter([("k", keys), ("s", names)]).expect("columns of one length");
        let diffs = (0..count).map(|n| if n % 3 == 0 { -1 } else { 1 }).collect::<Vec<_>>();
        ChangeBatch::new(rows, diffs.into())
    }

    #[test]
    fn batches_cross_the_wire() {
        let sent = Changes(vec![batch(10), batch(1), batch(1000)]);
        let mut bytes = Vec::new();
        sent.into_bytes(&mut bytes);
        assert_eq!(bytes.len(), sent.length_in_bytes());
        assert_eq!(bytes.len() % 8, 0);
        let bytes = timely::bytes::arc::BytesMut::from(bytes).freeze();
        let received = Changes::from_bytes(bytes);
        assert_eq!(received.record_count(), sent.record_count());
        for (received, sent) in received.0.iter().zip(&sent.0) {
            assert_eq!(received.rows(), sent.rows());
            assert!((0..sent.len()).all(|row| received.diffs().get(row) == sent.diffs().get(row)));
        }
    }

    #[test]
    fn each_row_goes_to_one_worker_and_equal_keys_to_the_same() {
        let hasher = KeyHasher::new(vec![DataType::Int64]).expect("an integer key");
        let mut exchange = ByKey::new(vec![0], hasher);
        let split = exchange.split(&batch(1000), 3);
        let mut rows = split.concat();
        rows.sort_unstable();
        assert_eq!(rows, (0..1000).collect::<Vec<_>>());
        assert!(split.iter().all(|rows| rows.len() > 200), "rows spread over the workers");
        assert_eq!(exchange.split(&batch(1000), 3), split);
    }
}
