//! One writer and several readers on real threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use changes::Epoch;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Holds, SharedRows};
use crate::{Identity, Rows};

const ACCOUNTS: i64 = 200;
const EPOCHS: u64 = 2000;
const READERS: u64 = 3;
/// In each account at first.
const AMOUNT: i64 = 1000;

fn accounts(rows: &[(i64, i64)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    let amounts: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1)));
    RecordBatch::try_from_iter([("id", ids), ("amount", amounts)]).expect("two columns")
}

fn sum(amounts: &ArrayRef) -> i64 {
    compute::sum(amounts.as_primitive::<Int64Type>()).unwrap_or(0)
}

struct World {
    rows: SharedRows,
    holds: Holds,
    now: AtomicU64,
    is_over: AtomicBool,
}

impl World {
    fn now(&self) -> Epoch {
        Epoch(self.now.load(Ordering::Acquire))
    }

    /// Moves money between accounts, some in each epoch; the sum stays.
    fn write(&self) {
        let mut random = StdRng::seed_from_u64(1);
        let mut amounts = vec![AMOUNT; ACCOUNTS as usize];
        for epoch in 2..=EPOCHS {
            let from = random.random_range(0..ACCOUNTS);
            let to = (from + random.random_range(1..ACCOUNTS)) % ACCOUNTS;
            let amount = random.random_range(1..100);
            let rows = |amounts: &[i64]| accounts(&[(from, amounts[from as usize]), (to, amounts[to as usize])]);
            let before = rows(&amounts);
            amounts[from as usize] -= amount;
            amounts[to as usize] += amount;
            // In any order, and readers may look in between.
            if random.random_bool(0.5) {
                self.rows.write().insert(Epoch(epoch), &rows(&amounts)).expect("inserts");
            } else {
                assert!(self.rows.write().delete(Epoch(epoch), &before).expect("deletes").is_empty());
                self.rows.write().insert(Epoch(epoch), &rows(&amounts)).expect("inserts");
                self.publish(epoch);
                continue;
            }
            assert!(self.rows.write().delete(Epoch(epoch), &before).expect("deletes").is_empty());
            self.publish(epoch);
        }
        self.is_over.store(true, Ordering::Release);
    }

    fn publish(&self, epoch: u64) {
        self.now.store(epoch, Ordering::Release);
        let horizon = self.holds.horizon(|| self.now());
        self.rows.write().collect(horizon).expect("collects");
    }

    fn read(&self, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        let mut is_last = false;
        while !is_last {
            is_last = self.is_over.load(Ordering::Acquire);
            let at = self.holds.acquire(|| self.now());
            for _ in 0..random.random_range(1..20) {
                self.check(at, &mut random);
            }
            self.holds.release(at);
        }
    }

    fn check(&self, at: Epoch, random: &mut StdRng) {
        let (mut count, mut total) = (0, 0);
        for chunk in self.rows.chunks() {
            if let Some(seen) = chunk.scan(at, &[0, 1]).expect("scans") {
                count += seen.num_rows();
                total += sum(seen.column(1));
            }
        }
        assert_eq!((count, total), (ACCOUNTS as usize, ACCOUNTS * AMOUNT), "at {at}");
        let ids = (0..10).map(|_| random.random_range(0..ACCOUNTS + 10)).collect::<Vec<_>>();
        let reader = self.rows.read();
        let keys: ArrayRef = Arc::new(Int64Array::from(ids.clone()));
        let found = reader.find_at(&[keys], ids.len(), at).expect("finds");
        let is_there = ids.iter().map(|&id| id < ACCOUNTS).collect::<Vec<_>>();
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), is_there, "{ids:?} at {at}");
        let found = found.into_iter().flatten().collect::<Vec<_>>();
        let gathered = reader.gather(&found, &[0]).expect("gathers");
        let of_ids = ids.iter().copied().filter(|&id| id < ACCOUNTS).collect::<Vec<_>>();
        assert_eq!(gathered[0].as_primitive::<Int64Type>().values(), of_ids.as_slice());
        let upto = self.now();
        let mut net = (0, 0);
        for batch in self.rows.changes(at, upto, &[0, 1]) {
            let batch = batch.expect("changes");
            let sign = if batch.diffs().is_inserts() { 1 } else { -1 };
            net = (net.0 + sign * batch.len() as i64, net.1 + sign * sum(batch.column(1)));
        }
        assert_eq!(net, (0, 0), "from {at} to {upto}");
    }
}

#[test]
fn readers_see_whole_epochs_while_the_writer_goes_on() {
    let field = |name| Field::new(name, DataType::Int64, false);
    let schema = Arc::new(Schema::new(vec![field("id"), field("amount")]));
    let rows = SharedRows::new(Rows::new(schema, Identity::Key(vec![0])).expect("keys can be hashed"));
    let first = (0..ACCOUNTS).map(|id| (id, AMOUNT)).collect::<Vec<_>>();
    rows.write().insert(Epoch(1), &accounts(&first)).expect("inserts");
    let world = World { rows, holds: Holds::default(), now: AtomicU64::new(1), is_over: AtomicBool::new(false) };
    std::thread::scope(|scope| {
        (0..READERS).for_each(|seed| {
            _ = scope.spawn({
                let world = &world;
                move || world.read(seed)
            })
        });
        world.write();
    });
    assert_eq!(world.rows.read().len(), ACCOUNTS as usize);
    world.rows.write().collect(world.now()).expect("collects");
    let kept = world.rows.chunks().map(|chunk| chunk.len()).sum::<usize>();
    assert!(kept <= 3 * ACCOUNTS as usize, "{kept} rows are kept for {ACCOUNTS}");
}
