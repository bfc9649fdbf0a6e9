//! Transactions that are taken back while the clock is held, before it begins with them and after.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use futures::FutureExt;
use parking_lot::Mutex;
use state::{CheckpointSink, Value};

use super::*;
use crate::TimeOfDay;

/// Where the clock stops until it is let go on.
#[derive(Debug)]
struct Gate {
    is_closed: AtomicBool,
    arrives: Sender<()>,
    leaves: Mutex<Receiver<()>>,
}

impl Gate {
    /// A closed one; what is told of the clock's arrival; what lets it go on for good.
    fn closed() -> (Arc<Gate>, Receiver<()>, Sender<()>) {
        let ((arrives, arrived), (leave, leaves)) = (channel(), channel());
        (Arc::new(Gate { is_closed: AtomicBool::new(true), arrives, leaves: Mutex::new(leaves) }), arrived, leave)
    }

    fn pass(&self) {
        if self.is_closed.swap(false, Ordering::SeqCst) {
            self.arrives.send(()).expect("the test waits");
            self.leaves.lock().recv().expect("the test lets go");
        }
    }
}

impl CheckpointSink for Gate {
    fn put(&self, _key: Vec<u8>, _value: Value) -> Result<(), state::Error> {
        self.pass();
        Ok(())
    }

    fn delete(&self, _key: Vec<u8>) -> Result<(), state::Error> {
        Ok(())
    }

    fn delete_all(&self, _prefix: &[u8]) -> Result<(), state::Error> {
        Ok(())
    }

    fn commit(&self, _epoch: Epoch) -> Result<(), state::Error> {
        Ok(())
    }
}

impl TimeOfDay for Gate {
    fn now_us(&self) -> i64 {
        self.pass();
        0
    }
}

fn insert(row: Row) -> Vec<Write> {
    vec![Write { table: LEFT, deletes: vec![], inserts: vec![batch(&schema(&["a", "b"]), &[row])] }]
}

#[test]
fn a_commit_that_waits_is_taken_back() {
    block_on(async {
        let runtime = start(2);
        let table = runtime.create_table(LEFT, "l", schema(&["a", "b"]), Some(vec![0])).await.expect("a table");
        let (gate, arrived, leave) = Gate::closed();
        let mut checkpoint = Box::pin(runtime.checkpoint(gate, [LEFT].into()));
        assert!((&mut checkpoint).now_or_never().is_none());
        arrived.recv().expect("the clock writes the checkpoint");
        let (first, second) = (runtime.commit(insert(vec![1, 1])), runtime.commit(insert(vec![2, 2])));
        assert!(first.withdrawal().withdraw());
        leave.send(()).expect("the clock waits");
        let epoch = second.await.expect("nobody took it back");
        assert_eq!(read(&table, epoch), [[2, 2]]);
        runtime.shutdown();
    });
}

#[test]
fn a_commit_that_has_begun_is_answered() {
    block_on(async {
        let (gate, arrived, leave) = Gate::closed();
        gate.is_closed.store(false, Ordering::SeqCst);
        let runtime = Runtime::start(&Config { time_of_day: gate.clone(), ..config(2) }).expect("threads can be had");
        let table = runtime.create_table(LEFT, "l", schema(&["a", "b"]), Some(vec![0])).await.expect("a table");
        gate.is_closed.store(true, Ordering::SeqCst);
        let commit = runtime.commit(insert(vec![1, 1]));
        arrived.recv().expect("the clock looks what time the epoch is of");
        assert!(!commit.withdrawal().withdraw());
        leave.send(()).expect("the clock waits");
        let epoch = commit.await.expect("it is written");
        assert_eq!(read(&table, epoch), [[1, 1]]);
        runtime.shutdown();
    });
}
