//! The seam proved: a join and an aggregate over random changes, on one worker and on two, with
//! views over views, views created late, transactions that fail, and everything started again from what it
//! saved, also by other numbers of workers. Expected results are computed from the tables' rows by plain loops.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use changes::Epoch;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, lit};
use futures::executor::block_on;
use plan::{
    Aggregate, AggregateCall, AggregateFunction, Filter, Get, Join, JoinKey, JoinKind, Node, Properties, RelationId,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use state::{Budget, Saved};

use crate::{Checkpoint, CommitError, Config, Error, Relation, Restoring, Runtime, SystemTimeOfDay, Write};

mod commits;
mod epochs;
mod sources;
mod time;

type Row = Vec<i64>;

const LEFT: RelationId = RelationId(1);
const RIGHT: RelationId = RelationId(2);
const JOINED: RelationId = RelationId(3);
const COUNTED: RelationId = RelationId(4);
const LARGE: RelationId = RelationId(5);

fn schema(names: &[&str]) -> SchemaRef {
    Arc::new(Schema::new(names.iter().map(|name| Field::new(*name, DataType::Int64, false)).collect::<Vec<_>>()))
}

fn batch(schema: &SchemaRef, rows: &[Row]) -> RecordBatch {
    let column = |index: usize| Arc::new(rows.iter().map(|row| row[index]).collect::<Int64Array>()) as ArrayRef;
    let columns = (0..schema.fields().len()).map(column).collect();
    RecordBatch::try_new(Arc::clone(schema), columns).expect("rows of the schema")
}

fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let columns = batch.columns().iter().map(|column| column.as_primitive::<Int64Type>()).collect::<Vec<_>>();
    (0..batch.num_rows()).map(|row| columns.iter().map(|column| column.value(row)).collect()).collect()
}

fn read(relation: &Relation, at: Epoch) -> Vec<Row> {
    let columns = (0..relation.schema().fields().len()).collect::<Vec<_>>();
    let partitions = 0..relation.partitions();
    let batches = partitions.flat_map(|partition| relation.scan(partition, at, &columns));
    sorted(batches.flat_map(|batch| rows_of(&batch.expect("a scan of memory"))).collect())
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

fn get(relation: RelationId, schema: &SchemaRef, properties: Properties) -> Node {
    let columns = (0..schema.fields().len()).collect();
    Node::Get(Get { relation, name: relation.to_string(), columns, schema: Arc::clone(schema), properties })
}

/// `SELECT l.a, l.b, r.d FROM l JOIN r ON l.b = r.c`
fn join() -> Node {
    Node::Join(Join {
        kind: JoinKind::Inner,
        left: Box::new(get(LEFT, &schema(&["a", "b"]), Properties { append_only: false, unique: Some(vec![0]) })),
        right: Box::new(get(RIGHT, &schema(&["c", "d"]), Properties::default())),
        on: vec![JoinKey::new(1, 0)],
        residual: Vec::new(),
        output: vec![0, 1, 3],
        schema: schema(&["a", "b", "d"]),
    })
}

/// `SELECT b, count(*), sum(d), max(d) FROM joined GROUP BY b`
fn aggregate() -> Node {
    let call = |function, argument, result| AggregateCall { function, argument, distinct: false, filter: None, result };
    let mut fields = schema(&["b", "count", "sum", "max"]).fields().to_vec();
    for field in &mut fields[2..] {
        *field = Arc::new(field.as_ref().clone().with_nullable(true));
    }
    Node::Aggregate(Aggregate {
        input: Box::new(get(JOINED, &schema(&["a", "b", "d"]), Properties::default())),
        keys: vec![1],
        calls: vec![
            call(AggregateFunction::Count, None, DataType::Int64),
            call(AggregateFunction::Sum, Some(2), DataType::Int64),
            call(AggregateFunction::Max, Some(2), DataType::Int64),
        ],
        schema: Arc::new(Schema::new(fields)),
    })
}

/// `SELECT * FROM counted WHERE count > 2`
fn filter() -> Node {
    let input = get(COUNTED, aggregate().schema(), Properties { append_only: false, unique: Some(vec![0]) });
    let count = Arc::new(Column::new("count", 1));
    let predicate = BinaryExpr::new(count, datafusion::logical_expr::Operator::Gt, lit(2i64));
    Node::Filter(Filter { input: Box::new(input), predicate: Arc::new(predicate) })
}

fn expected_join(left: &[Row], right: &[Row]) -> Vec<Row> {
    let pairs = left.iter().flat_map(|l| right.iter().filter(|r| l[1] == r[0]).map(|r| vec![l[0], l[1], r[1]]));
    sorted(pairs.collect())
}

fn expected_aggregate(joined: &[Row]) -> Vec<Row> {
    let mut groups = BTreeMap::<i64, Vec<i64>>::new();
    joined.iter().for_each(|row| groups.entry(row[1]).or_default().push(row[2]));
    let row = |(key, values): (i64, Vec<i64>)| {
        vec![key, values.len().cast_signed() as i64, values.iter().sum(), values.iter().copied().max().unwrap_or(0)]
    };
    groups.into_iter().map(row).collect()
}

/// A runtime that fills new dataflows in tiny portions.
fn start(workers: usize) -> Runtime {
    Runtime::start(&config(workers)).expect("threads can be had")
}

fn config(workers: usize) -> Config {
    Config { workers, budget: Budget::new(usize::MAX), portion_rows: 3, time_of_day: Arc::new(SystemTimeOfDay) }
}

/// The tables and views of a run.
struct World {
    workers: usize,
    runtime: Runtime,
    tables: [Relation; 2],
    /// Those that there are so far.
    views: Vec<Relation>,
    /// The checkpoints of as many workers so far.
    saved: Arc<Saved>,
}

const KEYS: [Option<usize>; 2] = [Some(0), None];

fn table_schemas() -> [SchemaRef; 2] {
    [schema(&["a", "b"]), schema(&["c", "d"])]
}

fn view(place: usize) -> (RelationId, &'static str, Node) {
    match place {
        0 => (JOINED, "joined", join()),
        1 => (COUNTED, "counted", aggregate()),
        _ => (LARGE, "large", filter()),
    }
}

impl World {
    async fn start(workers: usize) -> World {
        let runtime = start(workers);
        let [left, right] = table_schemas();
        let tables = [
            runtime.create_table(LEFT, "l", left, KEYS[0].map(|key| vec![key])).await.expect("a table"),
            runtime.create_table(RIGHT, "r", right, KEYS[1].map(|key| vec![key])).await.expect("a table"),
        ];
        World { workers, runtime, tables, views: Vec::new(), saved: Arc::default() }
    }

    async fn add_view(&mut self) {
        let (id, name, plan) = view(self.views.len());
        self.views.push(self.runtime.create_view(id, name, plan).await.expect("a view"));
    }

    /// Stops, and starts with what was saved, and `workers`.
    async fn restart(self, workers: usize) -> World {
        let World { workers: before, runtime, views, saved, .. } = self;
        let at = runtime
            .checkpoint(Arc::clone(&saved) as _, [LEFT, RIGHT, JOINED, COUNTED, LARGE].into())
            .await
            .expect("memory takes it");
        runtime.shutdown();
        let checkpoint = Checkpoint::open(Arc::clone(&saved) as _).expect("it is whole").expect("it was written");
        assert_eq!(checkpoint.epoch(), at);
        let runtime = Runtime::start_from(&config(workers), &checkpoint).expect("threads can be had");
        let mut restoring = Restoring::new(&runtime, checkpoint);
        let [left, right] = table_schemas();
        let tables = [
            restoring.table(LEFT, "l", left, KEYS[0].map(|key| vec![key])).expect("it was saved"),
            restoring.table(RIGHT, "r", right, KEYS[1].map(|key| vec![key])).expect("it was saved"),
        ];
        let views = (0..views.len()).map(|place| {
            let (id, name, plan) = view(place);
            restoring.view(id, name, plan).expect("it was saved")
        });
        let views = views.collect();
        restoring.finish().await.expect("operators restore what they saved");
        // What another number of workers has saved is not gone on with.
        let saved = if workers == before { saved } else { Arc::default() };
        World { workers, runtime, tables, views, saved }
    }
}

async fn run(workers: usize, seed: u64) {
    let mut world = World::start(workers).await;
    let mut random = StdRng::seed_from_u64(seed);
    let schemas = table_schemas();
    let mut rows = [Vec::<Row>::new(), Vec::new()];
    let mut next_key = 0;
    for step in 0..60 {
        // Views come when there is something to start from, each over the one before.
        if [10, 20, 30].contains(&step) {
            world.add_view().await;
        }
        let before = rows.clone();
        let hold = world.runtime.hold();
        let writes = [LEFT, RIGHT].into_iter().zip(&schemas).enumerate().map(|(side, (table, schema))| {
            let rows = &mut rows[side];
            let deleted = (0..rows.len()).filter(|_| random.random_bool(0.2)).rev().collect::<Vec<_>>();
            let deleted = deleted.into_iter().map(|index| rows.swap_remove(index)).collect::<Vec<_>>();
            let inserted = (0..random.random_range(0..8)).map(|_| {
                next_key += 1;
                if side == 0 {
                    vec![next_key, random.random_range(0..6)]
                } else {
                    vec![random.random_range(0..6), random.random_range(0..100)]
                }
            });
            let inserted = inserted.collect::<Vec<_>>();
            rows.extend(inserted.iter().cloned());
            Write { table, deletes: vec![batch(schema, &deleted)], inserts: vec![batch(schema, &inserted)] }
        });
        let epoch = world.runtime.commit(writes.collect()).await.expect("nobody else writes");
        let context = format!("seed {seed}, {} workers, step {step}", world.workers);
        check(&world, &rows, epoch, &context);
        // Whoever still reads the epoch before sees it unchanged.
        assert_eq!(read(&world.tables[0], hold.epoch()), sorted(before[0].clone()), "{context}");
        drop(hold);
        if step % 7 == 3 {
            let workers = if step % 2 == 0 { world.workers } else { random.random_range(1..=3) };
            world = world.restart(workers).await;
            // A restored relation was always there, as far as readers can see.
            for at in [epoch, world.runtime.now()] {
                check(&world, &rows, at, &format!("{context}, restored by {workers}"));
            }
        }
        refuse_conflicts(&world.runtime, &schemas[0], &rows[0], next_key).await;
    }
    let all = [LEFT, RIGHT].into_iter().zip(&schemas).zip(&rows);
    let writes =
        all.map(|((table, schema), rows)| Write { table, deletes: vec![batch(schema, rows)], inserts: vec![] });
    world.runtime.commit(writes.collect()).await.expect("all of it is there");
    for statistics in world.runtime.statistics().relations {
        assert_eq!((statistics.rows, statistics.state_rows), (0, 0), "seed {seed}, {}", statistics.id);
    }
    world.runtime.shutdown();
}

fn check(world: &World, rows: &[Vec<Row>; 2], at: Epoch, context: &str) {
    for (table, rows) in world.tables.iter().zip(rows) {
        assert_eq!(read(table, at), sorted(rows.clone()), "{context}");
    }
    let of_join = expected_join(&rows[0], &rows[1]);
    let of_aggregate = expected_aggregate(&of_join);
    let of_filter = of_aggregate.iter().filter(|row| row[1] > 2).cloned().collect::<Vec<_>>();
    for (view, expected) in world.views.iter().zip([of_join, of_aggregate, of_filter]) {
        assert_eq!(read(view, at), expected, "{context}, {}", view.id());
    }
}

/// A transaction that cannot be applied changes nothing, not even with what could be.
async fn refuse_conflicts(runtime: &Runtime, schema: &SchemaRef, rows: &[Row], next_key: i64) {
    let Some(taken) = rows.first() else {
        return;
    };
    let write = |deletes: &[Row], inserts: &[Row]| {
        vec![Write { table: LEFT, deletes: vec![batch(schema, deletes)], inserts: vec![batch(schema, inserts)] }]
    };
    let new = vec![next_key + 1000, 1];
    for writes in [
        write(&[], &[new.clone(), taken.clone()]),
        write(&[], &[new.clone(), new.clone()]),
        write(&[taken.clone(), vec![-1, -1]], std::slice::from_ref(&new)),
    ] {
        assert!(matches!(runtime.commit(writes).await, Err(CommitError::Conflict)));
    }
}

#[test]
fn views_follow_their_tables_on_one_worker() {
    (0..5).for_each(|seed| block_on(run(1, seed)));
}

#[test]
fn views_follow_their_tables_on_two_workers() {
    (0..5).for_each(|seed| block_on(run(2, seed)));
}
