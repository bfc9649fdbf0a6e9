//! Versioned rows against the obvious thing: a list of rows with their births and deaths.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use changes::{ChangeBatch, Epoch};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Identity, Pairs, Rows};
use crate::{Delta, Saved};

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
    let scanned = rows.chunks().iter().filter_map(|chunk| chunk.scan(Epoch(epoch), &[0, 1]).expect("scans"));
    sorted(scanned.flat_map(|batch| rows_of(&batch)).collect())
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

fn random_history(seed: u64, identity: &Identity, epochs: u64, rows_max: usize) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut rows = Rows::new(schema(), identity.clone(), Some(vec![1])).expect("keys can be hashed");
    let mut model = Model { rows: Vec::new() };
    let mut saved = Saved::default();
    let mut horizon = 0;
    for epoch in 1..=epochs {
        let name = |random: &mut StdRng| random.random_bool(0.9).then(|| format!("n{}", random.random_range(0..5)));
        let count = random.random_range(0..=rows_max);
        let is_key = matches!(identity, Identity::Key(_));
        let inserted = (0..count)
            .map(|n| {
                let key = if is_key { (epoch * 1000 + n as u64).cast_signed() } else { random.random_range(0..10) };
                (key, name(&mut random))
            })
            .collect::<Vec<Row>>();
        let living = model.rows.iter().enumerate().filter(|(_, row)| row.2 == u64::MAX).map(|(index, _)| index);
        let victims = living.filter(|_| random.random_bool(0.3)).collect::<Vec<_>>();
        let deleted = victims.iter().map(|&index| model.rows[index].0.clone()).collect::<Vec<_>>();
        rows.insert(Epoch(epoch), &batch(&inserted)).expect("inserts");
        let missing = rows.delete(Epoch(epoch), &batch(&deleted)).expect("deletes");
        assert!(missing.is_empty(), "seed {seed}: {missing:?} not found");
        victims.iter().for_each(|&index| model.rows[index].2 = epoch);
        model.rows.extend(inserted.into_iter().map(|row| (row, epoch, u64::MAX)));

        for at in horizon.max(1)..=epoch {
            assert_eq!(scan(&rows, at), model.at(at), "seed {seed}: at epoch {at} after {epoch}");
            let changes = rows.changes(Epoch(at), Epoch(epoch), &[0, 1]).expect("changes");
            assert_eq!(apply_changes(model.at(at), &changes), model.at(epoch), "seed {seed}: {at} to {epoch}");
        }
        check_probe(&rows, &model.at(epoch), seed);
        if random.random_bool(0.3) {
            horizon = random.random_range(horizon..=epoch);
            rows.collect(Epoch(horizon)).expect("collects");
        }
        if random.random_bool(0.2) {
            let mut delta = Delta::default();
            rows.checkpoint(&mut delta).expect("saves");
            saved.apply(delta);
            let mut restored = Rows::new(schema(), identity.clone(), Some(vec![1])).expect("keys can be hashed");
            restored.restore(&saved).expect("restores");
            assert_eq!(scan(&restored, epoch), model.at(epoch), "seed {seed}: restored at {epoch}");
            rows = restored;
            horizon = epoch;
        }
    }
    let rest = model.at(epochs);
    rows.delete(Epoch(epochs + 1), &batch(&rest)).expect("deletes");
    rows.collect(Epoch(epochs + 1)).expect("collects");
    assert!(rows.is_empty() && rows.chunks().is_empty(), "seed {seed}: nothing is left");
}

fn check_probe(rows: &Rows, living: &[Row], seed: u64) {
    let keys = StringArray::from(vec![Some("n1"), None, Some("n3"), Some("never")]);
    let mut probe = rows.probe(vec![Arc::new(keys) as ArrayRef], 4).expect("probes");
    let (mut pairs, mut found) = (Pairs::default(), Vec::new());
    while !probe.is_done() {
        rows.next_pairs(&mut probe, 3, &mut pairs).expect("finds pairs");
        assert!(pairs.ids.len() <= 3);
        let gathered = rows.gather(&pairs.ids, &[0, 1]).expect("gathers");
        found.extend(rows_of(&RecordBatch::try_new(schema(), gathered).expect("two columns")));
    }
    let of = |name: &str| living.iter().filter(|row| row.1.as_deref() == Some(name)).cloned().collect::<Vec<_>>();
    assert_eq!(sorted(found), sorted([of("n1"), of("n3")].concat()), "seed {seed}");
}

#[test]
fn equal_rows_are_interchangeable() {
    (0..40).for_each(|seed| random_history(seed, &Identity::Row, 25, 12));
}

#[test]
fn rows_with_a_key_are_found_by_it() {
    (0..40).for_each(|seed| random_history(seed, &Identity::Key(vec![0]), 25, 12));
    (0..20).for_each(|seed| random_history(seed, &Identity::Key(vec![0, 1]), 25, 12));
}

#[test]
fn an_append_only_relation_refuses_deletions() {
    let mut rows = Rows::new(schema(), Identity::AppendOnly, None).expect("no keys");
    let row = batch(&[(1, None)]);
    rows.insert(Epoch(1), &row).expect("inserts");
    assert_eq!(rows.delete(Epoch(2), &row).expect("no failure"), [0]);
    assert_eq!(rows.len(), 1);
}

#[test]
fn many_epochs_of_one_row_leave_few_chunks() {
    let mut rows = Rows::new(schema(), Identity::Key(vec![0]), None).expect("keys can be hashed");
    for epoch in 1..=5000 {
        rows.insert(Epoch(epoch), &batch(&[(epoch.cast_signed(), None)])).expect("inserts");
    }
    assert!(rows.chunks().len() < 20, "{} chunks", rows.chunks().len());
    let changes = rows.changes(Epoch(4999), Epoch(5000), &[0, 1]).expect("changes");
    assert_eq!(changes.iter().map(ChangeBatch::len).sum::<usize>(), 1);
}

#[test]
fn a_row_updated_many_times_takes_no_room() {
    let mut rows = Rows::new(schema(), Identity::Key(vec![0]), None).expect("keys can be hashed");
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
    let mut rows = Rows::new(schema(), Identity::Row, None).expect("keys can be hashed");
    let inserted = batch(&[(1, None), (2, Some("b".into()))]);
    rows.insert(Epoch(1), &inserted).expect("inserts");
    let scanned = rows.chunks()[0].scan(Epoch(1), &[0]).expect("scans").expect("rows");
    assert!(Arc::ptr_eq(scanned.column(0), inserted.column(0)));
}

#[test]
fn a_reader_finds_rows_by_key_as_they_were() {
    let row = |key: i64, name: &str| (key, Some(name.to_owned()));
    let mut rows = Rows::new(schema(), Identity::Key(vec![0]), None).expect("keys");
    rows.insert(Epoch(1), &batch(&[row(1, "a"), row(2, "b")])).expect("inserts");
    assert_eq!(rows.delete(Epoch(2), &batch(&[row(1, "a")])).expect("deletes"), Vec::<u32>::new());
    rows.insert(Epoch(2), &batch(&[row(1, "c")])).expect("inserts");
    rows.delete(Epoch(3), &batch(&[row(1, "c"), row(2, "b")])).expect("deletes");
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let names = |at: u64| {
        let found = rows.find_at(std::slice::from_ref(&keys), 3, Epoch(at)).expect("finds");
        let name = |id| rows.gather(&[id], &[1]).expect("gathers")[0].as_string::<i32>().value(0).to_owned();
        found.into_iter().map(|id| id.map_or("-".to_owned(), name)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!([names(0), names(1), names(2), names(3)], ["- - -", "a b -", "c b -", "- - -"]);
}
