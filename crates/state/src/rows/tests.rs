//! Versioned rows against the obvious thing: a list of rows with their births and deaths.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use changes::{Bounds, ChangeBatch, Epoch};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Identity, Reader, Rows};
use crate::checkpoint::{CheckpointReader, CheckpointWriter, Partition, Saved};

mod cost;
mod ways;

use ways::Ways;

type Row = (i64, Option<String>);

struct Model {
    rows: Vec<(Row, u64, u64)>,
}

impl Model {
    fn at(&self, epoch: u64) -> Vec<Row> {
        let seen = self.rows.iter().filter(|(_, birth, death)| *birth <= epoch && epoch < *death);
        sorted(seen.map(|(row, _, _)| row.clone()).collect())
    }
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, false), Field::new("s", DataType::Utf8, true)]))
}

fn batch(rows: &[Row]) -> RecordBatch {
    let keys = rows.iter().map(|(key, _)| *key).collect::<Int64Array>();
    let names = rows.iter().map(|(_, name)| name.clone()).collect::<StringArray>();
    RecordBatch::try_new(schema(), vec![Arc::new(keys) as ArrayRef, Arc::new(names)]).expect("two columns")
}

fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let (keys, names) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_string::<i32>());
    let name = |row| names.is_valid(row).then(|| names.value(row).to_owned());
    (0..batch.num_rows()).map(|row| (keys.value(row), name(row))).collect()
}

fn scan(rows: &Rows, epoch: u64) -> Vec<Row> {
    let scanned = rows.chunks().into_iter().filter_map(|chunk| chunk.scan(Epoch(epoch), &[0, 1]).expect("scans"));
    sorted(scanned.flat_map(|batch| rows_of(&batch)).collect())
}

/// What changed between two epochs.
fn changes(reader: &Reader, after: Epoch, upto: Epoch, columns: &[usize]) -> Vec<ChangeBatch> {
    reader.changes(after, upto, columns).collect::<Result<_, _>>().expect("changes")
}

fn apply_changes(mut rows: Vec<Row>, changes: &[ChangeBatch]) -> Vec<Row> {
    for batch in changes {
        for (index, row) in rows_of(batch.rows()).into_iter().enumerate() {
            if batch.diffs().get(index) > 0 {
                rows.push(row);
            } else {
                let place = rows.iter().position(|other| *other == row).expect("a row that goes was there");
                rows.swap_remove(place);
            }
        }
    }
    sorted(rows)
}

/// What a random history is made of.
#[derive(Clone)]
struct Plan {
    identity: Identity,
    epochs: u64,
    rows_max: usize,
    /// Different keys that are not unique.
    keys: i64,
    bounds: Bounds,
}

fn plan(identity: Identity) -> Plan {
    Plan { identity, epochs: 25, rows_max: 12, keys: 10, bounds: Bounds::BATCH }
}

struct History {
    random: StdRng,
    plan: Plan,
    rows: Rows,
    ways: Ways,
    model: Model,
    epoch: u64,
    next_key: i64,
}

impl History {
    fn empty(plan: &Plan) -> (Rows, Ways) {
        let mut rows = Rows::new(schema(), plan.identity.clone()).expect("keys can be hashed");
        rows.bound(plan.bounds);
        rows.find_dead();
        let ways = Ways::add(&mut rows);
        (rows, ways)
    }

    fn name(&mut self) -> Option<String> {
        let random = &mut self.random;
        // Now and then one that fills a good part of a batch.
        let length = if random.random_bool(0.05) { random.random_range(0..400) } else { 0 };
        random.random_bool(0.9).then(|| format!("n{}{}", random.random_range(0..5), "x".repeat(length)))
    }

    fn living(&self) -> Vec<usize> {
        let living = self.model.rows.iter().enumerate().filter(|(_, row)| row.2 == u64::MAX);
        living.map(|(index, _)| index).collect()
    }

    fn insert(&mut self, inserted: Vec<Row>) {
        self.rows.insert(Epoch(self.epoch), &batch(&inserted)).expect("inserts");
        self.model.rows.extend(inserted.into_iter().map(|row| (row, self.epoch, u64::MAX)));
    }

    fn insert_some(&mut self) {
        let count = self.random.random_range(0..=self.plan.rows_max);
        let is_key = matches!(self.plan.identity, Identity::Key(_));
        let new_row = |_| {
            self.next_key += 1;
            let key = if is_key { self.next_key } else { self.random.random_range(0..self.plan.keys) };
            (key, self.name())
        };
        let inserted = (0..count).map(new_row).collect();
        self.insert(inserted);
    }

    fn delete(&mut self, victims: &[usize]) {
        let deleted = victims.iter().map(|&index| self.model.rows[index].0.clone()).collect::<Vec<_>>();
        let missing = self.rows.delete(Epoch(self.epoch), &batch(&deleted)).expect("deletes");
        assert!(missing.is_empty(), "{missing:?} not found");
        victims.iter().for_each(|&index| self.model.rows[index].2 = self.epoch);
    }

    /// The first rows live long, in the midst of others that come and go.
    fn delete_some(&mut self) {
        let victims = self.living().into_iter().filter(|index| index % 17 > 0 && self.random.random_bool(0.3));
        let victims = victims.collect::<Vec<_>>();
        self.delete(&victims);
    }

    /// Other rows with the keys of old ones, which may go before or after those come.
    fn update_some(&mut self) {
        let old = self.living().into_iter().filter(|_| self.random.random_bool(0.1)).collect::<Vec<_>>();
        let new = old.iter().map(|&index| (self.model.rows[index].0.0, self.name())).collect::<Vec<Row>>();
        let is_unique = self.plan.identity == Identity::Key(vec![0, 1]);
        match self.random.random_range(0..3) {
            // That would be a key that is there twice.
            _ if is_unique => {}
            0 => {
                self.insert(new);
                self.delete(&old);
            }
            1 => {
                self.delete(&old);
                self.insert(new);
            }
            _ => {
                // A retraction that is not there yet is told, and changes nothing.
                let unknown = new.iter().map(|(key, _)| (*key, Some("never".to_owned()))).collect::<Vec<Row>>();
                let missing = self.rows.delete(Epoch(self.epoch), &batch(&unknown)).expect("deletes");
                assert_eq!(missing.len(), unknown.len());
                self.delete(&old);
                self.insert(new);
            }
        }
    }

    fn check(&self, horizon: u64) {
        let Plan { identity, bounds, .. } = &self.plan;
        let reader = self.rows.reader();
        for at in horizon.max(1)..=self.epoch {
            let model = self.model.at(at);
            assert_eq!(scan(&self.rows, at), model, "at epoch {at} after {}", self.epoch);
            let changes = changes(&reader, Epoch(at), Epoch(self.epoch), &[0, 1]);
            assert!(changes.iter().all(|batch| bounds.cut(batch.rows().columns(), batch.len()).len() == 1));
            assert_eq!(apply_changes(model.clone(), &changes), self.model.at(self.epoch), "{at} to {}", self.epoch);
            if *identity == Identity::Key(vec![0]) {
                self.check_find_at(&model, at);
            }
        }
        self.ways.check(&self.rows, &self.model.at(self.epoch));
        assert_eq!(self.rows.bytes(), recount(&self.rows));
        for chunk in self.rows.chunks() {
            assert_eq!(bounds.cut(chunk.rows.columns(), chunk.len()).len(), 1, "a chunk fits a batch");
        }
    }

    fn check_find_at(&self, model: &[Row], at: u64) {
        let reader = self.rows.reader();
        let wanted = (0..=self.next_key).collect::<Vec<_>>();
        let keys: ArrayRef = Arc::new(Int64Array::from(wanted.clone()));
        let found = reader.find_at(&[keys], wanted.len(), Epoch(at)).expect("finds");
        let ids = found.iter().flatten().copied().collect::<Vec<_>>();
        let gathered = reader.gather_pieces(&ids, &[0, 1]).flat_map(|piece| {
            rows_of(&RecordBatch::try_new(schema(), piece.expect("gathers").1).expect("two columns"))
        });
        let gathered = gathered.collect::<Vec<_>>();
        let found_keys = wanted.iter().zip(&found).filter(|(_, id)| id.is_some()).map(|(key, _)| *key);
        assert_eq!(gathered.iter().map(|row| row.0).collect::<Vec<_>>(), found_keys.collect::<Vec<_>>());
        assert_eq!(sorted(gathered), model, "by key at epoch {at} after {}", self.epoch);
    }

    fn run(seed: u64, plan: &Plan) {
        let random = StdRng::seed_from_u64(seed);
        let ((rows, ways), model) = (History::empty(plan), Model { rows: Vec::new() });
        let mut history = History { random, plan: plan.clone(), rows, ways, model, epoch: 0, next_key: 0 };
        let saved = Saved::default();
        let mut horizon = 0;
        for epoch in 1..=plan.epochs {
            history.epoch = epoch;
            for _ in 0..history.random.random_range(1..=3) {
                match history.random.random_range(0..3) {
                    0 => history.insert_some(),
                    1 => history.delete_some(),
                    _ => history.update_some(),
                }
            }
            history.check(horizon);
            if history.random.random_bool(0.3) {
                horizon = history.random.random_range(horizon..=epoch);
                history.rows.collect(Epoch(horizon)).expect("collects");
                history.check(horizon);
            }
            if history.random.random_bool(0.2) {
                history.rows.checkpoint(&CheckpointWriter::new(&saved, Partition::ALL, vec![])).expect("saves");
                let restored = restored(&saved, plan, Partition::ALL);
                assert_eq!(scan(&restored, epoch), history.model.at(epoch), "restored at {epoch}");
                check_divided(&saved, plan, &scan(&restored, epoch), history.random.random_range(2..5));
                if history.random.random_bool(0.5) {
                    history.rows = restored;
                    horizon = epoch;
                    history.check(horizon);
                }
            }
        }
        let rest = history.living();
        history.epoch += 1;
        history.delete(&rest);
        history.rows.collect(Epoch(history.epoch)).expect("collects");
        assert!(history.rows.is_empty() && history.rows.chunks().is_empty(), "nothing is left");
        assert!(history.rows.bytes() < 1000, "{} bytes of nothing", history.rows.bytes());
    }
}

/// What one worker reads of what one has written.
fn restored(saved: &Saved, plan: &Plan, partition: Partition) -> Rows {
    let (mut rows, _) = History::empty(plan);
    rows.restore(&CheckpointReader::new(saved, partition, 1, vec![])).expect("restores");
    rows
}

/// So many workers divide the rows among them, and give them to one again.
fn check_divided(saved: &Saved, plan: &Plan, all: &[Row], count: usize) {
    let mut divided = Vec::new();
    let by_many = Saved::default();
    for index in 0..count {
        let partition = Partition { index, count };
        let mut part = restored(saved, plan, partition);
        divided.extend(scan(&part, 0));
        part.checkpoint(&CheckpointWriter::new(&by_many, partition, vec![])).expect("saves");
    }
    assert_eq!(sorted(divided), all);
    let (mut together, _) = History::empty(plan);
    together.restore(&CheckpointReader::new(&by_many, Partition::ALL, count, vec![])).expect("restores");
    assert_eq!(scan(&together, 0), all);
}

/// What the running count of bytes must come to.
fn recount(rows: &Rows) -> usize {
    let deaths = rows.version.deaths.iter().map(|deaths| deaths.bytes()).sum::<usize>();
    rows.chunks().iter().map(|chunk| chunk.bytes()).sum::<usize>() + deaths + rows.index.read().bytes()
}

#[test]
fn equal_rows_are_interchangeable() {
    (0..40).for_each(|seed| History::run(seed, &plan(Identity::Row)));
    (0..20).for_each(|seed| History::run(seed, &Plan { keys: 1, ..plan(Identity::Row) }));
}

#[test]
fn rows_with_a_key_are_found_by_it() {
    (0..40).for_each(|seed| History::run(seed, &plan(Identity::Key(vec![0]))));
    (0..20).for_each(|seed| History::run(seed, &plan(Identity::Key(vec![0, 1]))));
}

#[test]
fn chunks_and_batches_of_any_size_hold_the_same_rows() {
    for bounds in
        [Bounds { rows: 5, bytes: 1 << 20 }, Bounds { rows: 160, bytes: 9000 }, Bounds { rows: 99, bytes: 150 }]
    {
        for identity in [Identity::Row, Identity::Key(vec![0])] {
            (0..20).for_each(|seed| History::run(seed, &Plan { bounds, ..plan(identity.clone()) }));
        }
    }
}

#[test]
fn it_holds_for_hundreds_of_epochs_too() {
    for identity in [Identity::Row, Identity::Key(vec![0])] {
        let bounds = Bounds { rows: 512, bytes: 1 << 20 };
        (0..2).for_each(|seed| {
            History::run(seed, &Plan { bounds, epochs: 150, rows_max: 6, ..plan(identity.clone()) });
        });
    }
}

#[test]
fn an_append_only_relation_refuses_deletions() {
    let mut rows = Rows::new(schema(), Identity::AppendOnly).expect("no keys");
    let row = batch(&[(1, None)]);
    rows.insert(Epoch(1), &row).expect("inserts");
    assert_eq!(rows.delete(Epoch(2), &row).expect("no failure"), [0]);
    assert_eq!(rows.len(), 1);
}

#[test]
fn many_epochs_of_one_row_leave_few_chunks() {
    let mut rows = Rows::new(schema(), Identity::Key(vec![0])).expect("keys can be hashed");
    for epoch in 1..=5000 {
        rows.insert(Epoch(epoch), &batch(&[(epoch.cast_signed(), None)])).expect("inserts");
    }
    assert!(rows.chunks().len() < 20, "{} chunks", rows.chunks().len());
    let changes = changes(&rows.reader(), Epoch(4999), Epoch(5000), &[0, 1]);
    assert_eq!(changes.iter().map(ChangeBatch::len).sum::<usize>(), 1);
}

#[test]
fn a_row_updated_many_times_takes_no_room() {
    let mut rows = Rows::new(schema(), Identity::Key(vec![0])).expect("keys can be hashed");
    let row = |epoch: u64| batch(&[(7, Some(format!("version {epoch}")))]);
    rows.insert(Epoch(1), &row(1)).expect("inserts");
    for epoch in 2..=5000 {
        assert!(rows.delete(Epoch(epoch), &row(epoch - 1)).expect("deletes").is_empty());
        rows.insert(Epoch(epoch), &row(epoch)).expect("inserts");
        rows.collect(Epoch(epoch - 1)).expect("collects");
    }
    assert_eq!(rows.len(), 1);
    let kept = rows.chunks().iter().map(|chunk| chunk.len()).sum::<usize>();
    assert!(kept <= 8, "{kept} rows kept for one");
}

#[test]
fn a_snapshot_copies_nothing_that_is_seen_whole() {
    let mut rows = Rows::new(schema(), Identity::Row).expect("keys can be hashed");
    let inserted = batch(&[(1, None), (2, Some("b".into()))]);
    rows.insert(Epoch(1), &inserted).expect("inserts");
    let scanned = rows.chunks()[0].scan(Epoch(1), &[0]).expect("scans").expect("rows");
    assert!(Arc::ptr_eq(scanned.column(0), inserted.column(0)));
}

#[test]
fn a_reader_finds_rows_by_key_as_they_were() {
    let row = |key: i64, name: &str| (key, Some(name.to_owned()));
    let mut rows = Rows::new(schema(), Identity::Key(vec![0])).expect("keys");
    rows.find_dead();
    rows.insert(Epoch(1), &batch(&[row(1, "a"), row(2, "b")])).expect("inserts");
    assert_eq!(rows.delete(Epoch(2), &batch(&[row(1, "a")])).expect("deletes"), Vec::<u32>::new());
    rows.insert(Epoch(2), &batch(&[row(1, "c")])).expect("inserts");
    rows.delete(Epoch(3), &batch(&[row(1, "c"), row(2, "b")])).expect("deletes");
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let rows = rows.reader();
    let names = |at: u64| {
        let found = rows.find_at(std::slice::from_ref(&keys), 3, Epoch(at)).expect("finds");
        let name = |id| rows.gather(&[id], &[1]).expect("gathers")[0].as_string::<i32>().value(0).to_owned();
        found.into_iter().map(|id| id.map_or("-".to_owned(), name)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!([names(0), names(1), names(2), names(3)], ["- - -", "a b -", "c b -", "- - -"]);
}
