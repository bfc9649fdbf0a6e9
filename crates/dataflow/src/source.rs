//! A thread for each source that somebody reads: it opens the connector, asks it for rows and hands
//! them to the clock through a bounded queue, so that a source that is faster than the views waits.
//! While memory is tight it waits too. The clock never waits for it: a connector may block for as
//! long as it likes, or panic.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::time::Duration;

use arrow::array::RecordBatch;
use changes::RowError;
use connectors::{Pace, Position, Read, RecordError, Source};
use state::Account;

use crate::Error;
use crate::clock::Request;
use crate::panics;
use crate::replay::{READ_ROWS, Replay};

/// Batches that wait for the clock, for each source.
const QUEUE_BATCHES: usize = 8;
/// Rows of one source in one epoch, more or less.
const EPOCH_ROWS_MAX: usize = 65_536;
/// How long to wait before looking again whether memory is still tight.
const TIGHT_PAUSE: Duration = Duration::from_millis(100);

/// A source being read.
pub(crate) struct Pump {
    queue: Receiver<Item>,
    /// What lies in the queue.
    account: Arc<Account>,
    /// Dropped to stop the thread, which nobody waits for: it may be blocked in the connector.
    _stop: Sender<()>,
    /// Whether the input's end has been reached and all of it taken.
    pub(crate) has_ended: bool,
}

/// A batch on its way to the clock.
struct Item {
    rows: RecordBatch,
    errors: Vec<RowError>,
    position: Option<Position>,
    ends_epoch: bool,
    bytes: usize,
}

/// What a source adds to an epoch.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) rows: Vec<RecordBatch>,
    pub(crate) errors: Vec<RowError>,
    pub(crate) position: Option<Position>,
}

impl Pump {
    /// Starts to read `source` after `from`; the clock is woken whenever there is something.
    pub(crate) fn start(
        source: Arc<dyn Source>,
        from: Option<Position>,
        account: Account,
        clock: Sender<Request>,
    ) -> Result<Pump, std::io::Error> {
        let (sender, queue) = sync_channel(QUEUE_BATCHES);
        let (stop, stopped) = channel();
        let account = Arc::new(account);
        let feeder = Feeder { queue: sender, account: Arc::clone(&account), stopped, clock };
        let run = move || feeder.run(source.as_ref(), from.as_ref());
        std::thread::Builder::new().name("freshet-source".into()).spawn(run)?;
        Ok(Pump { queue, account, _stop: stop, has_ended: false })
    }

    /// What has come, as much of it as one epoch should have. Never waits.
    pub(crate) fn take(&mut self) -> Option<Taken> {
        let mut taken: Option<Taken> = None;
        let mut rows_taken = 0;
        while rows_taken < EPOCH_ROWS_MAX {
            let item = match self.queue.try_recv() {
                Ok(item) => item,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.has_ended = true;
                    break;
                }
            };
            self.account.shrink(item.bytes);
            rows_taken += item.rows.num_rows();
            let so_far = taken.get_or_insert_with(Taken::default);
            so_far.position = item.position.or(so_far.position.take());
            so_far.errors.extend(item.errors);
            if item.rows.num_rows() > 0 {
                so_far.rows.push(item.rows);
            }
            if item.ends_epoch {
                break;
            }
        }
        taken
    }
}

/// The thread's side.
struct Feeder {
    queue: SyncSender<Item>,
    account: Arc<Account>,
    stopped: Receiver<()>,
    clock: Sender<Request>,
}

/// The clock wants no more.
struct Stopped;

impl Feeder {
    fn run(self, source: &dyn Source, from: Option<&Position>) {
        let failure = match panics::catch(|| self.pump(source, from)) {
            Ok(Ok(Ok(()) | Err(Stopped))) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(panic) => Some(panic.to_string()),
        };
        if let Some(message) = failure {
            tracing::error!(error = message, "source stopped");
            let rows = RecordBatch::new_empty(source.schema());
            let errors = vec![RowError { message, payload: String::new(), diff: 1 }];
            // The clock may be gone already, when the server stops; here and below.
            let _ = self.queue.send(Item { rows, errors, position: None, ends_epoch: false, bytes: 0 });
        }
        let Feeder { queue, clock, .. } = self;
        drop(queue);
        let _ = clock.send(Request::Wake);
    }

    fn pump(&self, source: &dyn Source, from: Option<&Position>) -> Result<Result<(), Stopped>, connectors::Error> {
        let mut reader = source.open(from, None, Pace::Live)?;
        loop {
            let pause = if self.account.budget().is_tight() {
                TIGHT_PAUSE
            } else {
                match reader.read(READ_ROWS)? {
                    Read::Rows { rows, errors, position, ends_epoch } => {
                        let errors = errors.iter().map(row_error).collect();
                        let bytes = rows.get_array_memory_size();
                        self.account.grow(bytes);
                        let item = Item { rows, errors, position: Some(position), ends_epoch, bytes };
                        if self.queue.send(item).is_err() || self.clock.send(Request::Wake).is_err() {
                            return Ok(Err(Stopped));
                        }
                        Duration::ZERO
                    }
                    Read::Idle(pause) => pause,
                    Read::End => return Ok(Ok(())),
                }
            };
            // Waiting on the stop is the pause.
            match self.stopped.recv_timeout(pause) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(Err(Stopped)),
            }
        }
    }
}

fn row_error(error: &RecordError) -> RowError {
    RowError { message: format!("{}: {}", error.place, error.message), payload: error.payload.clone(), diff: 1 }
}

/// Reads a source again on a thread of its own, which ends when nobody takes from the queue any more.
pub(crate) fn replay(
    source: Arc<dyn Source>,
    until: Position,
) -> Result<Receiver<Result<RecordBatch, Error>>, std::io::Error> {
    let (sender, queue) = sync_channel(QUEUE_BATCHES);
    let run = move || {
        let read = || {
            let replay = match Replay::open(source.as_ref(), until) {
                Ok(replay) => replay,
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            for rows in replay {
                if sender.send(rows).is_err() {
                    return;
                }
            }
        };
        if let Err(panic) = panics::catch(read) {
            let _ = sender.send(Err(Error::Panicked(panic.to_string())));
        }
    };
    std::thread::Builder::new().name("freshet-replay".into()).spawn(run)?;
    Ok(queue)
}
