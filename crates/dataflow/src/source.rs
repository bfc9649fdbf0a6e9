//! A thread for each source that somebody reads: it asks the connector for rows and hands them to
//! the clock through a bounded queue, so that a source that is faster than the views waits.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use changes::RowError;
use connectors::{Pace, Position, Read, RecordError, Source};

use crate::clock::Request;
use crate::relation::READ_ROWS;
use crate::statistics::Counters;

/// Batches that wait for the clock, for each source.
const QUEUE_BATCHES: usize = 8;
/// Rows of one source in one epoch, more or less.
const EPOCH_ROWS_MAX: usize = 65_536;

/// A source being read.
pub(crate) struct Pump {
    queue: Receiver<Option<Item>>,
    thread: Option<JoinHandle<()>>,
    /// Dropped to stop the thread.
    stop: Option<Sender<()>>,
    /// Whether the input's end has been reached and all of it taken.
    pub(crate) has_ended: bool,
}

/// A batch on its way to the clock; none stands for the input's end.
struct Item {
    rows: RecordBatch,
    position: Position,
    ends_epoch: bool,
}

/// What a source adds to an epoch.
pub(crate) struct Taken {
    pub(crate) rows: Vec<RecordBatch>,
    pub(crate) position: Position,
}

impl Pump {
    /// Starts to read `source` after `from`; the clock is woken whenever there is something.
    pub(crate) fn start(
        source: &Arc<dyn Source>,
        from: Option<&Position>,
        counters: Arc<Counters>,
        clock: Sender<Request>,
    ) -> Result<Pump, connectors::Error> {
        let mut reader = source.open(from, None, Pace::Live)?;
        let (sender, queue) = sync_channel(QUEUE_BATCHES);
        let (stop, stopped) = channel();
        let run = move || pump(reader.as_mut(), &sender, &stopped, &counters, &clock);
        let thread = std::thread::Builder::new().name("freshet-source".into()).spawn(run);
        let thread = thread.map_err(|error| connectors::Error::Input {
            place: "a thread for the source".into(),
            message: error.to_string(),
        })?;
        Ok(Pump { queue, thread: Some(thread), stop: Some(stop), has_ended: false })
    }

    /// What has come, as much of it as one epoch should have. Never waits.
    pub(crate) fn take(&mut self) -> Option<Taken> {
        let mut taken: Option<Taken> = None;
        let mut rows_taken = 0;
        while rows_taken < EPOCH_ROWS_MAX {
            let item = match self.queue.try_recv() {
                Ok(Some(item)) => item,
                Err(TryRecvError::Empty) => break,
                Ok(None) | Err(TryRecvError::Disconnected) => {
                    self.has_ended = true;
                    break;
                }
            };
            rows_taken += item.rows.num_rows();
            let ends_epoch = item.ends_epoch;
            let so_far = taken.get_or_insert_with(|| Taken { rows: Vec::new(), position: item.position.clone() });
            so_far.position = item.position;
            if item.rows.num_rows() > 0 {
                so_far.rows.push(item.rows);
            }
            if ends_epoch {
                break;
            }
        }
        taken
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.stop = None;
        // The thread may be waiting for room in the queue: make room until it sees the stop.
        while self.queue.recv().is_ok() {}
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn pump(
    reader: &mut dyn connectors::SourceReader,
    queue: &SyncSender<Option<Item>>,
    stopped: &Receiver<()>,
    counters: &Counters,
    clock: &Sender<Request>,
) {
    loop {
        let pause = match reader.read(READ_ROWS) {
            Ok(Read::Rows { rows, errors, position, ends_epoch }) => {
                errors.iter().for_each(|error| counters.error(&row_error(error)));
                let is_gone = queue.send(Some(Item { rows, position, ends_epoch })).is_err();
                if is_gone || clock.send(Request::Wake).is_err() {
                    return;
                }
                std::time::Duration::ZERO
            }
            Ok(Read::Idle(pause)) => pause,
            Ok(Read::End) => break,
            Err(error) => {
                tracing::error!(%error, "source stopped");
                counters.error(&RowError { message: error.to_string(), payload: String::new(), diff: 1 });
                break;
            }
        };
        // Waiting on the stop is the pause.
        match stopped.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
    // Either may be gone already, when the server stops.
    let _ = queue.send(None);
    let _ = clock.send(Request::Wake);
}

fn row_error(error: &RecordError) -> RowError {
    RowError { message: format!("{}: {}", error.place, error.message), payload: error.payload.clone(), diff: 1 }
}
