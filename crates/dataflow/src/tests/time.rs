//! Dataflows that wait for a time, with a clock that the test moves.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use changes::{ChangeBatch, Epoch};
use futures::executor::block_on;
use operators::{Fault, Moment, Operator, Output, Port, Progress};
use plan::{Distinct, Node};

use super::*;
use crate::TimeOfDay;
use crate::publish::Publish;

const FRESH: RelationId = RelationId(6);
const ABOVE: RelationId = RelationId(7);

/// A time that is what was set last.
#[derive(Debug, Default)]
struct Hand(AtomicI64);

impl TimeOfDay for Hand {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Publishes rows until the time in their second column.
struct Expire {
    published: Publish,
    by_time: BTreeMap<i64, Vec<RecordBatch>>,
}

impl Expire {
    fn boxed(relation: &Relation, worker: usize) -> Box<dyn Operator> {
        Box::new(Expire { published: Publish::new(relation, worker), by_time: BTreeMap::new() })
    }
}

impl Operator for Expire {
    fn on_changes(
        &mut self,
        input: Port,
        epoch: Epoch,
        changes: ChangeBatch,
        output: &mut Output,
    ) -> Result<Progress, Fault> {
        for (index, row) in rows_of(changes.rows()).into_iter().enumerate() {
            self.by_time.entry(row[1]).or_default().push(changes.rows().slice(index, 1));
        }
        self.published.on_changes(input, epoch, changes, output)
    }

    fn on_epoch_complete(&mut self, moment: &Moment, output: &mut Output) -> Result<Progress, Fault> {
        let later = self.by_time.split_off(&(moment.now_us + 1));
        for row in mem::replace(&mut self.by_time, later).into_values().flatten() {
            let _ = self.published.on_changes(Port(0), moment.epoch, ChangeBatch::deletes(row), output)?;
        }
        if let Some(first_us) = self.by_time.keys().next() {
            output.wake_at(*first_us);
        }
        self.published.on_epoch_complete(moment, output)
    }
}

/// Rows go away when their time comes, and what is made of them follows in the same epoch.
async fn expire(workers: usize, plan: Node) {
    let hand = Arc::new(Hand::default());
    let time_of_day = Arc::clone(&hand) as Arc<dyn TimeOfDay>;
    let config = Config { workers, budget: Budget::new(usize::MAX), portion_rows: 3, time_of_day };
    let runtime = Runtime::start(&config).expect("threads can be had");
    let table_schema = schema(&["a", "b"]);
    let table = runtime.create_table(LEFT, "l", Arc::clone(&table_schema), Some(vec![0])).await.expect("a table");
    let insert = async |rows: &[Row]| {
        let write = Write { table: LEFT, deletes: vec![], inserts: vec![batch(&table_schema, rows)] };
        runtime.commit(vec![write]).await.expect("new keys")
    };
    let all = (0..40).map(|key| vec![key, 1_000 + 10 * (key / 4)]).collect::<Vec<_>>();
    insert(&all).await;

    // Some times have come while the view is built.
    hand.0.store(1_015, Ordering::SeqCst);
    let (fresh, spec) = runtime.view_by(FRESH, "fresh", plan, Expire::boxed).expect("types can be kept");
    runtime.build(spec, ()).expect("a clock").finish().await.expect("a plan");
    let above = get(FRESH, &table_schema, Properties::default());
    let above = runtime.create_view(ABOVE, "above", above).await.expect("a view");
    let check = |now_us: i64, rows: &[Row]| {
        let expected = rows.iter().filter(|row| row[1] > now_us).cloned().collect::<Vec<_>>();
        assert_eq!(read(&fresh, runtime.now()), expected, "{workers} workers at {now_us}");
        assert_eq!(read(&above, runtime.now()), expected, "{workers} workers at {now_us}");
    };
    check(1_015, &all);

    // The clock moves on, and nothing else happens.
    let mut epochs = runtime.watch();
    for now_us in [1_020, 1_047, 1_050] {
        epochs.mark_unchanged();
        hand.0.store(now_us, Ordering::SeqCst);
        epochs.changed().await.expect("a clock");
        check(now_us, &all);
    }
    // Until the next time there is no epoch.
    let now = runtime.now();
    hand.0.store(1_055, Ordering::SeqCst);
    assert_eq!(runtime.flush().await.expect("a clock"), now);

    // What comes too late is gone in its own epoch; time does not go back.
    hand.0.store(3, Ordering::SeqCst);
    let rows = [vec![100, 1_053], vec![101, 1_200], vec![102, i64::MAX]];
    insert(&rows).await;
    check(1_055, &[&all, &rows[..]].concat());
    hand.0.store(2_000, Ordering::SeqCst);
    insert(&[vec![103, 2_000]]).await;
    check(2_000, &rows);
    assert_eq!(table.len(), 44);
    runtime.drop_relations(vec![FRESH, ABOVE]).await.expect("a clock");
    runtime.shutdown();
}

#[test]
fn rows_expire_on_their_own_worker() {
    let plan = || get(LEFT, &schema(&["a", "b"]), Properties::default());
    (1..3).for_each(|workers| block_on(expire(workers, plan())));
}

#[test]
fn rows_expire_behind_an_exchange() {
    let input = || get(LEFT, &schema(&["a", "b"]), Properties::default());
    (1..3).for_each(|workers| block_on(expire(workers, Node::Distinct(Distinct { input: Box::new(input()) }))));
}
