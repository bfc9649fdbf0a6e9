//! What an epoch wakes, and what it leaves behind.

use arrow::array::Float64Array;

use super::*;

fn write(deletes: &[Row], inserts: &[Row]) -> Vec<Write> {
    let schema = schema(&["a", "b"]);
    vec![Write { table: LEFT, deletes: vec![batch(&schema, deletes)], inserts: vec![batch(&schema, inserts)] }]
}

/// `SELECT a, b FROM from WHERE b > 5`
fn large(from: RelationId) -> Node {
    let predicate = BinaryExpr::new(Arc::new(Column::new("b", 1)), datafusion::logical_expr::Operator::Gt, lit(5i64));
    let input = Box::new(get(from, &schema(&["a", "b"]), Properties::default()));
    Node::Filter(Filter { input, predicate: Arc::new(predicate) })
}

/// `SELECT a, b FROM left UNION ALL SELECT a, b FROM right`
fn union(left: RelationId, right: RelationId) -> Node {
    let inputs = [left, right].map(|id| get(id, &schema(&["a", "b"]), Properties::default()));
    Node::Union(plan::Union { inputs: inputs.into(), schema: schema(&["a", "b"]) })
}

async fn levels(workers: usize) {
    let runtime = start(workers);
    let table = runtime.create_table(LEFT, "l", schema(&["a", "b"]), None).await.expect("a table");
    let first = runtime.create_view(RelationId(11), "first", large(LEFT)).await.expect("a view");
    let second = runtime.create_view(RelationId(12), "second", large(RelationId(11))).await.expect("a view");
    // It reads two levels, and the lower one changes without the higher.
    let both = union(LEFT, RelationId(12));
    let top = runtime.create_view(RelationId(13), "top", both).await.expect("a view");
    let watches = [&table, &first, &second, &top].map(|relation| (relation.clone(), relation.watch()));
    let woken = |context: &str, expected: [bool; 4]| {
        for ((relation, watch), expected) in watches.iter().zip(expected) {
            let mut watch = watch.clone();
            assert_eq!(watch.borrow_and_update().0 == runtime.now().0, expected, "{context}, {}", relation.id());
        }
    };
    runtime.commit(write(&[], &[vec![1, 1]])).await.expect("a new row");
    woken("a small row", [true, false, false, true]);
    let epoch = runtime.commit(write(&[], &[vec![2, 9]])).await.expect("a new row");
    woken("a large row", [true, true, true, true]);
    assert_eq!(read(&second, epoch), [[2, 9]]);
    assert_eq!(read(&top, epoch), [[1, 1], [2, 9], [2, 9]]);
    let hold = runtime.hold();
    runtime.commit(write(&[vec![1, 1]], &[])).await.expect("an old row");
    woken("a small row goes", [true, false, false, true]);
    assert_eq!(first.next_change(hold.epoch()), None, "idle epochs are passed over");
    assert_eq!(top.next_change(hold.epoch()), Some(runtime.now()));
    runtime.shutdown();
}

#[test]
fn only_what_changed_goes_on_to_the_next_level() {
    block_on(levels(1));
    block_on(levels(2));
}

#[test]
fn a_refused_transaction_leaves_no_trace() {
    block_on(async {
        let runtime = start(2);
        let table = runtime.create_table(LEFT, "l", schema(&["a", "b"]), Some(vec![0])).await.expect("a table");
        let rows = (0..8).map(|n| vec![n, n]).collect::<Vec<_>>();
        runtime.commit(write(&[], &rows)).await.expect("new rows");
        let hold = runtime.hold();
        let refused = [
            // It deletes before it fails: for want of a row, for a row that is another now, for a key.
            write(&[rows[0].clone(), vec![99, 99]], &[]),
            write(&[rows[1].clone(), vec![2, 77]], &[]),
            write(&[rows[3].clone()], &[rows[4].clone()]),
            write(&[rows[5].clone(), rows[5].clone()], &[]),
        ];
        for writes in refused {
            assert!(matches!(runtime.commit(writes).await, Err(CommitError::Conflict)));
        }
        let epoch = runtime.commit(write(&[rows[7].clone()], &[vec![7, 70]])).await.expect("nobody else writes");
        let changed = table.changes(hold.epoch(), epoch).map(|batch| batch.expect("it is held").len());
        assert_eq!(changed.sum::<usize>(), 2, "the last one alone");
        runtime.shutdown();
    });
}

#[test]
fn equal_rows_without_a_key_are_deleted_as_often_as_they_are_there() {
    block_on(async {
        let runtime = start(2);
        let table = runtime.create_table(LEFT, "l", schema(&["a", "b"]), None).await.expect("a table");
        let (equal, other) = (vec![1, 1], vec![2, 2]);
        runtime.commit(write(&[], &[equal.clone(), equal.clone(), equal.clone(), other])).await.expect("new rows");
        let too_many = write(&vec![equal.clone(); 4], &[]);
        assert!(matches!(runtime.commit(too_many).await, Err(CommitError::Conflict)));
        // Over two batches as well as in one.
        let rows = batch(&schema(&["a", "b"]), &[equal.clone(), equal.clone()]);
        let split = |batches| vec![Write { table: LEFT, deletes: batches, inserts: vec![] }];
        let conflict = runtime.commit(split(vec![rows.clone(), rows.clone()])).await;
        assert!(matches!(conflict, Err(CommitError::Conflict)));
        let epoch = runtime.commit(split(vec![rows.clone(), rows.slice(0, 1)])).await.expect("three are there");
        assert_eq!(read(&table, epoch), [[2, 2]]);
        runtime.shutdown();
    });
}

#[test]
fn keys_are_the_same_as_sql_compares_them() {
    block_on(async {
        let runtime = start(2);
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Float64, false)]));
        runtime.create_table(LEFT, "l", Arc::clone(&schema), Some(vec![0])).await.expect("a table");
        let insert = |values: Vec<f64>| {
            let column = Arc::new(Float64Array::from(values)) as ArrayRef;
            let rows = RecordBatch::try_new(Arc::clone(&schema), vec![column]).expect("one column");
            vec![Write { table: LEFT, deletes: vec![], inserts: vec![rows] }]
        };
        assert!(matches!(runtime.commit(insert(vec![0.0, -0.0])).await, Err(CommitError::Conflict)));
        assert!(matches!(runtime.commit(insert(vec![f64::NAN, -f64::NAN])).await, Err(CommitError::Conflict)));
        runtime.commit(insert(vec![0.0, f64::NAN])).await.expect("two keys");
        assert!(matches!(runtime.commit(insert(vec![-0.0])).await, Err(CommitError::Conflict)));
        assert!(matches!(runtime.commit(insert(vec![-f64::NAN])).await, Err(CommitError::Conflict)));
        runtime.shutdown();
    });
}

#[test]
fn what_is_held_no_longer_is_forgotten_in_views_that_do_not_change_any_more() {
    block_on(async {
        let runtime = start(2);
        runtime.create_table(LEFT, "l", schema(&["a", "b"]), None).await.expect("a table");
        runtime.create_table(RIGHT, "r", schema(&["a", "b"]), None).await.expect("a table");
        let view = runtime.create_view(RelationId(11), "large", large(LEFT)).await.expect("a view");
        let rows = (0..100).map(|n| vec![n, 10]).collect::<Vec<_>>();
        runtime.commit(write(&[], &rows)).await.expect("new rows");
        let hold = runtime.hold();
        runtime.commit(write(&rows, &[])).await.expect("old rows");
        let bytes = || (0..2).map(|partition| view.partition(partition).read().bytes()).sum::<usize>();
        assert!(bytes() > 0, "they are held");
        drop(hold);
        let of_right = |write: Vec<Write>| write.into_iter().map(|write| Write { table: RIGHT, ..write }).collect();
        for n in 0..2 {
            runtime.commit(of_right(write(&[], &[vec![n, n]]))).await.expect("a row of another table");
        }
        let _ = runtime.statistics();
        assert_eq!(bytes(), 0);
        runtime.shutdown();
    });
}
