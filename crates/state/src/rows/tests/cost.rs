//! What things cost: work that follows the change, and memory that follows what is kept.

use changes::BATCH_BYTES_MAX;

use super::*;
use crate::work;

fn numbered(keys: std::ops::Range<i64>) -> RecordBatch {
    batch(&keys.map(|key| (key, Some(format!("n{key}")))).collect::<Vec<_>>())
}

fn keyed() -> Rows {
    let mut rows = Rows::new(schema(), Identity::Key(vec![0])).expect("keys can be hashed");
    rows.find_dead();
    rows
}

/// Chunks and rows that are worked through for the same hundred changes.
fn work_of_changes(size: i64) -> (usize, usize) {
    let mut rows = keyed();
    rows.insert(Epoch(1), &numbered(0..size)).expect("inserts");
    let changed = (0..100).map(|n| n * (size / 100)).collect::<Vec<_>>();
    let named = |name: Option<&str>| {
        let row = |&key: &i64| (key, Some(name.map_or_else(|| format!("n{key}"), str::to_owned)));
        batch(&changed.iter().map(row).collect::<Vec<_>>())
    };
    work::take();
    for (epoch, before, after) in [(2, None, Some("a")), (3, Some("a"), Some("b")), (4, Some("b"), None)] {
        assert!(rows.delete(Epoch(epoch), &named(before)).expect("deletes").is_empty());
        rows.insert(Epoch(epoch), &named(after)).expect("inserts");
        let reader = rows.reader();
        let changes = changes(&reader, Epoch(epoch - 1), Epoch(epoch), &[0, 1]);
        assert_eq!(changes.iter().map(ChangeBatch::len).sum::<usize>(), 200);
        let keys: ArrayRef = Arc::new(Int64Array::from(changed.clone()));
        for at in [epoch - 1, epoch] {
            let found = reader.find_at(std::slice::from_ref(&keys), 100, Epoch(at)).expect("finds");
            assert!(found.iter().all(Option::is_some));
        }
        rows.collect(Epoch(epoch - 1)).expect("collects");
    }
    work::take()
}

#[test]
fn the_same_changes_cost_the_same_in_a_table_of_any_size() {
    let small = work_of_changes(10_000);
    assert!(small.1 < 100 * 60, "{small:?}");
    for size in [100_000, 1_000_000] {
        let large = work_of_changes(size);
        assert_eq!(large.1, small.1, "rows of {size}");
        // Rows of a larger table lie in more chunks, but never in more than there are rows.
        assert!(large.0 < 3 * 4 * 100, "{} chunks of {size}", large.0);
    }
}

#[test]
fn an_epoch_without_changes_costs_nothing() {
    let mut rows = keyed();
    for epoch in 1..=200u64 {
        let key = 1000 * epoch.cast_signed();
        rows.insert(Epoch(epoch), &numbered(key..key + 1000)).expect("inserts");
    }
    rows.delete(Epoch(201), &numbered(1000..1500)).expect("deletes");
    work::take();
    for epoch in 202..300 {
        assert!(changes(&rows.reader(), Epoch(epoch - 1), Epoch(epoch), &[0]).is_empty());
        // Somebody still sees what has died.
        rows.collect(Epoch(200)).expect("collects");
    }
    assert_eq!(work::take(), (0, 0));
}

#[test]
fn equal_rows_are_deleted_one_by_one_and_not_each_by_each() {
    let count = 200_000;
    let mut rows = Rows::new(schema(), Identity::Row).expect("keys can be hashed");
    let equal = batch(&vec![(1, Some("x".to_owned())); count]);
    rows.insert(Epoch(1), &equal).expect("inserts");
    work::take();
    assert!(rows.delete(Epoch(2), &equal).expect("deletes").is_empty());
    assert!(work::take().1 <= 3 * count);
    assert_eq!(rows.delete(Epoch(2), &equal.slice(0, 2)).expect("deletes"), [0, 1]);
}

#[test]
fn others_of_the_same_hash_do_not_hide_equal_rows() {
    // The key is all that is hashed, and not unique for the length of an epoch.
    let mut rows = keyed();
    let count = 50_000;
    let name = |n: usize| if n % 10_000 == 5000 { format!("other {n}") } else { "x".to_owned() };
    let all = (0..count).map(|n| (7, Some(name(n)))).collect::<Vec<Row>>();
    rows.insert(Epoch(1), &batch(&all)).expect("inserts");
    let (others, equal): (Vec<Row>, Vec<Row>) = all.into_iter().partition(|row| row.1.as_deref() != Some("x"));
    work::take();
    assert!(rows.delete(Epoch(1), &batch(&equal)).expect("deletes").is_empty());
    assert!(work::take().1 <= 4 * count);
    let reversed = others.iter().rev().cloned().collect::<Vec<_>>();
    assert!(rows.delete(Epoch(1), &batch(&reversed)).expect("deletes").is_empty());
    assert!(rows.is_empty());
}

#[test]
fn lasting_rows_among_passing_ones_lie_in_few_chunks() {
    let mut rows = keyed();
    for epoch in 1..=5000u64 {
        let key = 2 * epoch.cast_signed();
        rows.insert(Epoch(3 * epoch), &numbered(key..key + 1)).expect("inserts");
        rows.insert(Epoch(3 * epoch + 1), &numbered(key + 1..key + 2)).expect("inserts");
        rows.delete(Epoch(3 * epoch + 2), &numbered(key + 1..key + 2)).expect("deletes");
        rows.collect(Epoch(3 * epoch + 1)).expect("collects");
    }
    assert_eq!(rows.len(), 5000);
    assert!(rows.chunks().len() < 30, "{} chunks", rows.chunks().len());
    let per_row = rows.bytes() / rows.len();
    assert!(per_row < 100, "{per_row} bytes a row");
}

#[test]
fn an_old_row_pins_nothing_of_what_came_and_went_after_it() {
    let mut rows = keyed();
    rows.insert(Epoch(1), &numbered(0..3)).expect("inserts");
    let mut most = 0;
    for epoch in 2..3000u64 {
        let key = 100 * epoch.cast_signed();
        rows.insert(Epoch(epoch), &numbered(key..key + 100)).expect("inserts");
        let gone = key - 100;
        if gone > 100 {
            rows.delete(Epoch(epoch), &numbered(gone..gone + 100)).expect("deletes");
        }
        rows.collect(Epoch(epoch - 1)).expect("collects");
        most = most.max(rows.bytes());
    }
    assert_eq!(rows.len(), 103);
    assert!(most < 100_000, "{most} bytes for 100 rows");
}

#[test]
fn a_half_forgotten_chunk_shrinks_though_somebody_sees_some_of_its_dead() {
    let mut rows = keyed();
    rows.insert(Epoch(1), &numbered(0..1000)).expect("inserts");
    rows.delete(Epoch(2), &numbered(0..600)).expect("deletes");
    rows.delete(Epoch(3), &numbered(600..700)).expect("deletes");
    rows.collect(Epoch(2)).expect("collects");
    assert_eq!(rows.chunks().iter().map(|chunk| chunk.len()).sum::<usize>(), 400);
    assert_eq!((scan(&rows, 2).len(), scan(&rows, 3).len()), (400, 300));
    let changes = changes(&rows.reader(), Epoch(2), Epoch(3), &[0, 1]);
    assert_eq!(changes.iter().map(ChangeBatch::len).sum::<usize>(), 100);
    let key: ArrayRef = Arc::new(Int64Array::from(vec![650]));
    let found = |at| rows.reader().find_at(std::slice::from_ref(&key), 1, Epoch(at)).expect("finds")[0].is_some();
    assert_eq!((found(2), found(3)), (true, false));
    work::take();
    rows.collect(Epoch(2)).expect("collects");
    assert_eq!(work::take(), (0, 0), "nothing is looked at twice");
}

#[test]
fn large_values_lie_in_chunks_and_batches_of_bounded_bytes() {
    let large = (0..100).map(|key| (key, Some("x".repeat(1 << 20)))).collect::<Vec<Row>>();
    let large = batch(&large);
    let mut rows = Rows::new(schema(), Identity::Row).expect("keys can be hashed");
    rows.add_lookup(vec![1], vec![0]).expect("names can be hashed");
    rows.insert(Epoch(1), &large).expect("inserts");
    let fits = |batch: &RecordBatch| changes::bytes_of(batch.columns(), 0..batch.num_rows()) <= BATCH_BYTES_MAX;
    assert!(rows.chunks().iter().all(|chunk| fits(&chunk.rows)));
    assert!(rows.delete(Epoch(2), &large).expect("deletes").is_empty());
    let changes = changes(&rows.reader(), Epoch(1), Epoch(2), &[0, 1]);
    assert_eq!(changes.iter().map(ChangeBatch::len).sum::<usize>(), 100);
    assert!(changes.iter().all(|batch| fits(batch.rows())));
}

#[test]
fn a_row_of_a_large_batch_does_not_keep_the_batch() {
    let mut rows = keyed();
    rows.insert(Epoch(1), &numbered(0..100_000).slice(500, 3)).expect("inserts");
    let kept = rows.chunks()[0].rows.get_array_memory_size();
    assert!(kept < 2000, "{kept} bytes for 3 rows");
}

#[test]
fn batches_of_thousands_of_rows_are_not_copied() {
    let mut rows = Rows::new(schema(), Identity::AppendOnly).expect("no keys");
    for epoch in 1..10 {
        rows.insert(Epoch(epoch), &numbered(0..4096)).expect("inserts");
    }
    assert_eq!(work::take(), (0, 0));
    assert_eq!(rows.chunks().len(), 9);
}

#[test]
fn what_a_reader_keeps_from_being_forgotten_is_counted() {
    let mut rows = keyed();
    let wide = |keys: std::ops::Range<i64>| batch(&keys.map(|key| (key, Some("x".repeat(1000)))).collect::<Vec<_>>());
    rows.insert(Epoch(1), &wide(0..1000)).expect("inserts");
    assert_eq!(rows.reader().died_since(Epoch(1)), 0, "what lives is nobody's alone");
    for epoch in 2..500_u64 {
        let key = 2 * epoch.cast_signed();
        rows.delete(Epoch(epoch), &wide(key..key + 1)).expect("deletes");
        rows.delete(Epoch(epoch), &wide(key + 1..key + 2)).expect("deletes");
    }
    work::take();
    let reader = rows.reader();
    let row_bytes = reader.died_since(Epoch(498)) / 2;
    assert!((1000..1100).contains(&row_bytes), "{row_bytes}");
    let rows_held = |at| reader.died_since(Epoch(at)) / row_bytes;
    assert_eq!((rows_held(1), rows_held(99), rows_held(499), rows_held(1000)), (996, 800, 0, 0));
    assert_eq!(work::take(), (0, 0), "it is known without a look at rows");
    rows.collect(Epoch(99)).expect("collects");
    assert_eq!(rows.reader().died_since(Epoch(99)) / row_bytes, 800);
}

#[test]
fn a_checkpoint_visits_what_changed_since_the_last() {
    for size in [100_000, 1_000_000] {
        let mut rows = keyed();
        for (epoch, first) in (1..).zip((0..size).step_by(10_000)) {
            rows.insert(Epoch(epoch), &numbered(first..first + 10_000)).expect("inserts");
        }
        let saved = Saved::default();
        let writer = CheckpointWriter::new(&saved, Partition::ALL, vec![]);
        rows.checkpoint(&writer).expect("saves");
        work::take();
        rows.checkpoint(&writer).expect("saves");
        assert_eq!(work::take(), (0, 0), "nothing has changed");
        rows.delete(Epoch(200), &numbered(0..3)).expect("deletes");
        rows.delete(Epoch(201), &numbered(20_000..20_100)).expect("deletes");
        rows.insert(Epoch(201), &numbered(size..size + 1)).expect("inserts");
        work::take();
        rows.checkpoint(&writer).expect("saves");
        let (chunks, _) = work::take();
        assert_eq!(chunks, 3, "two with dead rows and a new one, of {size}");
    }
}
