//! Sources that wait, block and panic, and views that are built while they do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connectors::{Pace, Position, Read, Source, SourceReader};

use super::*;

const SOURCE: RelationId = RelationId(20);
const SEEN: RelationId = RelationId(21);
const LATE: RelationId = RelationId(22);

/// What a reader does that is opened to read a source again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// It has nothing until the gate is opened, and then nothing every other time.
    Waits,
    /// It panics.
    Panics,
    /// To open it takes until the gate is opened, as does opening the live source.
    Blocks,
}

/// Rows `(n, n % 3)` for `n` below 10, two at a time; reading them again is as the habit says.
#[derive(Debug)]
pub(super) struct Gated {
    habit: Habit,
    gate: Arc<AtomicBool>,
}

impl Gated {
    pub(super) fn with(habit: Habit) -> (Arc<dyn Source>, Arc<AtomicBool>) {
        let gate = Arc::new(AtomicBool::new(false));
        (Arc::new(Gated { habit, gate: Arc::clone(&gate) }), gate)
    }

    pub(super) fn rows() -> Vec<Row> {
        (0..10).map(|n| vec![n, n % 3]).collect()
    }
}

impl Source for Gated {
    fn schema(&self) -> SchemaRef {
        schema(&["n", "third"])
    }

    fn is_finite(&self) -> bool {
        true
    }

    fn open(
        &self,
        from: Option<&Position>,
        until: Option<&Position>,
        _pace: Pace,
    ) -> Result<Box<dyn SourceReader>, connectors::Error> {
        while self.habit == Habit::Blocks && !self.gate.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        let number = |position: &Position| position.0.parse::<usize>().expect("a position of this source");
        Ok(Box::new(GatedReader {
            at: from.map_or(0, number),
            until: until.map_or(10, number),
            habit: until.map(|_| self.habit),
            gate: Arc::clone(&self.gate),
            pauses: false,
        }))
    }
}

struct GatedReader {
    at: usize,
    until: usize,
    habit: Option<Habit>,
    gate: Arc<AtomicBool>,
    pauses: bool,
}

impl SourceReader for GatedReader {
    fn read(&mut self, _rows_max: usize) -> Result<Read, connectors::Error> {
        match self.habit {
            Some(Habit::Waits) => {
                self.pauses = !self.pauses;
                if self.pauses || !self.gate.load(Ordering::Relaxed) {
                    return Ok(Read::Idle(Duration::from_micros(100)));
                }
            }
            Some(Habit::Panics) => panic!("a broken connector"),
            Some(Habit::Blocks) | None => {}
        }
        // Read again, it says nothing of its end: the position does.
        if self.at == self.until {
            return Ok(if self.habit.is_some() { Read::Idle(Duration::from_micros(100)) } else { Read::End });
        }
        let rows = batch(&schema(&["n", "third"]), &Gated::rows()[self.at..self.at + 2]);
        self.at += 2;
        Ok(Read::Rows { rows, errors: vec![], position: Position(self.at.to_string()), ends_epoch: false })
    }
}

/// `SELECT l.a, l.b, s.n FROM l JOIN s ON l.b = s.third`
fn join_with_source() -> Node {
    Node::Join(Join {
        kind: JoinKind::Inner,
        left: Box::new(get(LEFT, &schema(&["a", "b"]), Properties { append_only: false, unique: Some(vec![0]) })),
        right: Box::new(source()),
        on: vec![JoinKey::new(1, 1)],
        residual: Vec::new(),
        output: vec![0, 1, 2],
        schema: schema(&["a", "b", "n"]),
    })
}

fn source() -> Node {
    get(SOURCE, &schema(&["n", "third"]), Properties { append_only: true, unique: None })
}

fn insert(rows: &[Row]) -> Vec<Write> {
    vec![Write { table: LEFT, deletes: vec![], inserts: vec![batch(&schema(&["a", "b"]), rows)] }]
}

fn delete(rows: &[Row]) -> Vec<Write> {
    vec![Write { table: LEFT, deletes: vec![batch(&schema(&["a", "b"]), rows)], inserts: vec![] }]
}

/// A runtime with the table, and the source when a view has read all of it.
async fn start(workers: usize, habit: Habit) -> (Runtime, Relation, Relation, Arc<AtomicBool>) {
    let runtime = super::start(workers);
    let table = runtime.create_table(LEFT, "l", schema(&["a", "b"]), Some(vec![0])).await.expect("a table");
    let (connector, gate) = Gated::with(habit);
    let relation = runtime.create_source(SOURCE, "s", connector).await.expect("a source");
    runtime.create_view(SEEN, "seen", source()).await.expect("a view");
    (runtime, table, relation, gate)
}

async fn build_beside_commits(workers: usize) {
    let (runtime, table, _, gate) = start(workers, Habit::Waits).await;
    runtime.flush().await.expect("it has an end");
    let rows = (0..20).map(|n| vec![n, n % 4]).collect::<Vec<_>>();
    runtime.commit(insert(&rows)).await.expect("new rows");
    let build = runtime.build_view(LATE, "late", join_with_source()).expect("a build");
    // It cannot end before the gate is opened, and keeps nobody from anything.
    let new = (100..110).map(|n| vec![n, n % 4]).collect::<Vec<_>>();
    runtime.commit(delete(&rows[..10])).await.expect("old rows");
    runtime.commit(insert(&new)).await.expect("new rows");
    runtime.commit(delete(&new[..5])).await.expect("rows that the build never sees");
    let other = RelationId(23);
    runtime.create_view(other, "other", get(LEFT, &schema(&["a", "b"]), Properties::default())).await.expect("a view");
    let builds = runtime.builds();
    assert_eq!(builds.iter().map(|build| (build.id, build.rows_known)).collect::<Vec<_>>(), [(LATE, None)]);
    gate.store(true, Ordering::Relaxed);
    let late = build.finish().await.expect("a view");
    runtime.commit(delete(&rows[10..12])).await.expect("old rows");
    let left = [&rows[12..], &new[5..]].concat();
    let pairs =
        left.iter().flat_map(|l| Gated::rows().into_iter().filter(|s| s[1] == l[1]).map(|s| vec![l[0], l[1], s[0]]));
    assert_eq!(read(&late, runtime.now()), sorted(pairs.collect()));
    assert!(runtime.builds().is_empty());
    assert_eq!(table.horizon(), runtime.now(), "the build holds nothing any more");
    runtime.shutdown();
}

#[test]
fn a_view_is_built_beside_commits_on_one_worker() {
    block_on(build_beside_commits(1));
}

#[test]
fn a_view_is_built_beside_commits_on_two_workers() {
    block_on(build_beside_commits(2));
}

#[test]
fn a_cancelled_build_leaves_nothing() {
    block_on(async {
        let (runtime, table, ..) = start(2, Habit::Waits).await;
        runtime.flush().await.expect("it has an end");
        let holdings = runtime.budget().holdings().len();
        let relations = runtime.statistics().relations.len();
        for _ in 0..3 {
            let build = runtime.build_view(LATE, "late", join_with_source()).expect("a build");
            runtime.commit(insert(&[vec![1, 1]])).await.expect("a new row");
            drop(build);
            runtime.commit(delete(&[vec![1, 1]])).await.expect("an old row");
        }
        let late = runtime.build_sink(LATE, "late", join_with_source()).expect("a build");
        runtime.drop_relations(vec![LATE]).await.expect("it is there");
        assert!(matches!(late.finish().await, Err(Error::Dropped)));
        runtime.flush().await.expect("the clock goes on");
        assert!(runtime.builds().is_empty());
        assert_eq!(runtime.statistics().relations.len(), relations);
        assert_eq!(runtime.budget().holdings().len(), holdings);
        assert_eq!(table.horizon(), runtime.now());
        assert!(table.is_empty());
        runtime.shutdown();
    });
}

#[test]
fn a_connector_that_panics_stops_its_source_or_the_build_alone() {
    block_on(async {
        let (runtime, ..) = start(2, Habit::Panics).await;
        runtime.flush().await.expect("it has an end");
        let error = runtime.create_view(LATE, "late", join_with_source()).await.expect_err("it cannot be read again");
        assert!(error.to_string().contains("a broken connector"), "{error}");
        assert!(runtime.builds().is_empty());
        runtime.commit(insert(&[vec![1, 1]])).await.expect("the others go on");
        runtime.shutdown();
    });
}

#[test]
fn a_connector_that_blocks_keeps_nobody_waiting() {
    block_on(async {
        let (runtime, .., gate) = start(1, Habit::Blocks).await;
        runtime.commit(insert(&[vec![1, 1]])).await.expect("a new row");
        runtime.drop_relations(vec![SEEN]).await.expect("it is there");
        runtime.create_view(SEEN, "seen", source()).await.expect("a view");
        gate.store(true, Ordering::Relaxed);
        runtime.flush().await.expect("it has an end");
        runtime.shutdown();
    });
}

#[test]
fn who_holds_everything_keeps_no_rows_of_a_source() {
    block_on(async {
        let runtime = super::start(2);
        let (connector, gate) = Gated::with(Habit::Blocks);
        let relation = runtime.create_source(SOURCE, "s", connector).await.expect("a source");
        let before = runtime.hold();
        gate.store(true, Ordering::Relaxed);
        let seen = runtime.create_view(SEEN, "seen", source()).await.expect("a view");
        runtime.flush().await.expect("it has an end");
        let after = runtime.hold();
        assert_eq!(read(&relation, after.epoch()), Gated::rows(), "it is read again");
        assert_eq!(read(&relation, before.epoch()), Vec::<Row>::new(), "nothing had been read then");
        assert_eq!(read(&seen, after.epoch()), Gated::rows());
        runtime.flush().await.expect("what nobody reads has been forgotten");
        assert_eq!(relation.len(), 0);
        runtime.shutdown();
    });
}
