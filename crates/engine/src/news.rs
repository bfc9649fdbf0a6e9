//! What a statement tells its client while it runs: how far it is.
//!
//! Only the latest matters: a client that does not read is not told what has been overtaken.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use crate::Notice;

/// Between two notices of how far a statement is.
const INTERVAL: Duration = Duration::from_secs(5);

/// Where a session's statements put their notices. A clone is the same place.
#[derive(Clone, Debug)]
pub(crate) struct News(watch::Sender<Option<Notice>>);

impl Default for News {
    fn default() -> News {
        News(watch::Sender::new(None))
    }
}

impl News {
    /// What comes from here on.
    pub(crate) fn subscribe(&self) -> NewsReader {
        NewsReader(self.0.subscribe())
    }

    /// Waits for `work`, and tells every few seconds how far it is, if `progress` knows.
    pub(crate) async fn tell_while<T>(
        &self,
        work: impl Future<Output = T>,
        progress: impl Fn() -> Option<Notice>,
    ) -> T {
        let mut ticks = tokio::time::interval_at(Instant::now() + INTERVAL, INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ticks = futures::stream::poll_fn(move |context| ticks.poll_tick(context).map(|_| Some(())));
        self.tell_at(ticks, work, progress).await
    }

    async fn tell_at<T>(
        &self,
        mut ticks: impl Stream<Item = ()> + Unpin,
        work: impl Future<Output = T>,
        progress: impl Fn() -> Option<Notice>,
    ) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(()) = ticks.next() => if let Some(notice) = progress() {
                    self.0.send_replace(Some(notice));
                },
            }
        }
    }
}

/// What a session's statements tell while they run.
#[derive(Debug)]
pub struct NewsReader(watch::Receiver<Option<Notice>>);

impl NewsReader {
    /// The latest notice that has not been given yet, when there is one.
    pub async fn next(&mut self) -> Notice {
        loop {
            if self.0.changed().await.is_err() {
                // The session is gone, and its statement with it.
                std::future::pending::<()>().await;
            }
            if let Some(notice) = self.0.borrow_and_update().clone() {
                return notice;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::SinkExt;
    use futures::channel::mpsc;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_statement_tells_at_each_tick_until_it_is_done() {
        let news = News::default();
        let mut reader = news.subscribe();
        let (mut tick, ticks) = mpsc::channel(1);
        let (finish, finished) = oneshot::channel();
        let told = Cell::new(0);
        let progress = || {
            let count = told.replace(told.get() + 1);
            // At first it is not known.
            (count > 0).then(|| Notice::new(count.to_string()))
        };
        let work = news.tell_at(ticks, finished, progress);
        let client = async {
            tick.send(()).await.expect("it listens");
            tick.send(()).await.expect("it listens");
            assert_eq!(reader.next().await.message, "1");
            tick.send(()).await.expect("it listens");
            assert_eq!(reader.next().await.message, "2");
            finish.send(7).expect("it waits");
        };
        let (done, ()) = tokio::join!(work, client);
        assert_eq!(done, Ok(7));
    }
}
