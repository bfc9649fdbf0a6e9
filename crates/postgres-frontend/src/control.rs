//! What interrupts a statement from outside: cancel requests, and the end of the server.

use std::collections::HashMap;
use std::sync::Arc;

use engine::Canceller;
use parking_lot::Mutex;
use tokio::sync::watch;

/// The sessions that can be cancelled, by their process ids.
#[derive(Default)]
pub(crate) struct Registry {
    sessions: Mutex<HashMap<i32, Entry>>,
}

struct Entry {
    secret_key: [u8; 4],
    canceller: Canceller,
    /// Whether a statement runs, and how often one was asked to stop.
    signal: watch::Sender<Signal>,
}

#[derive(Clone, Copy, Default)]
struct Signal {
    running: bool,
    cancelled: bool,
}

/// A session's own end: says when a statement runs, and learns that it should not.
pub(crate) struct Control {
    registry: Arc<Registry>,
    process_id: i32,
    pub(crate) secret_key: [u8; 4],
    signal: watch::Sender<Signal>,
    shutdown: watch::Receiver<bool>,
}

impl Registry {
    /// Makes a session known until its [`Control`] is dropped.
    pub(crate) fn register(
        self: &Arc<Self>,
        process_id: i32,
        canceller: Canceller,
        shutdown: watch::Receiver<bool>,
    ) -> Control {
        let secret_key = rand::random();
        let signal = watch::Sender::new(Signal::default());
        let entry = Entry { secret_key, canceller, signal: signal.clone() };
        self.sessions.lock().insert(process_id, entry);
        Control { registry: Arc::clone(self), process_id, secret_key, signal, shutdown }
    }

    /// Stops what a session runs; without effect if it runs nothing or the key is wrong.
    pub(crate) fn cancel(&self, process_id: i32, secret_key: &[u8]) {
        let sessions = self.sessions.lock();
        match sessions.get(&process_id) {
            Some(entry) if entry.secret_key == secret_key => {
                let stopped = entry.signal.send_if_modified(|signal| {
                    signal.cancelled = signal.running;
                    signal.cancelled
                });
                if stopped {
                    entry.canceller.cancel();
                }
            }
            _ => tracing::debug!(process_id, "cancel request for no session"),
        }
    }
}

impl Control {
    /// A statement begins: only from now on can it be cancelled.
    pub(crate) fn begin(&self) {
        self.signal.send_replace(Signal { running: true, cancelled: false });
    }

    /// The statement has ended; a late cancel request must not hit the next one.
    pub(crate) fn end(&self) {
        self.signal.send_replace(Signal::default());
    }

    /// Returns when the running statement is to be cancelled.
    pub(crate) async fn cancelled(&self) {
        let mut signal = self.signal.subscribe();
        // The sender is held here, so that waiting cannot fail.
        let _ = signal.wait_for(|signal| signal.cancelled).await;
    }

    /// Returns when the server stops.
    pub(crate) async fn shut_down(&self) {
        let mut shutdown = self.shutdown.clone();
        let _ = shutdown.wait_for(|stop| *stop).await;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.registry.sessions.lock().remove(&self.process_id);
    }
}
