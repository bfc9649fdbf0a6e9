//! Runs a statement while watching for what may interrupt it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::scalar::ScalarValue;
use engine::{Canceller, Description, NewsReader, Outcome};
use sql::{Parsed, Statement};

use super::Connection;
use crate::control::Control;
use crate::error::Error;
use crate::wire::{Channel, notice_response};

/// Waits for `work`, which may be dropped at any time, unless something interrupts it.
pub(super) async fn interruptible<T>(
    channel: &mut Channel,
    control: &Control,
    work: impl Future<Output = T>,
) -> Result<T, Error> {
    tokio::select! {
        // Interruptions first: work that is always ready would hide them.
        biased;
        () = control.cancelled() => Err(Error::cancelled()),
        () = control.shut_down() => Err(Error::shutdown()),
        () = channel.closed() => Err(Error::gone()),
        done = work => Ok(done),
    }
}

/// Waits for `work` of the engine, which may not be dropped: when nobody wants it any more, it is
/// told to end. Meanwhile the client is told what there is to tell, as fast as it reads. The work is large, and
/// moved nowhere.
async fn ending<T>(
    channel: &mut Channel,
    control: &Control,
    (canceller, mut news): (Canceller, NewsReader),
    mut work: Pin<&mut impl Future<Output = Result<T, engine::Error>>>,
) -> Result<T, Error> {
    let interrupted = loop {
        let notice = tokio::select! {
            biased;
            done = &mut work => return Ok(done?),
            () = control.shut_down() => break Error::shutdown(),
            () = channel.closed() => break Error::gone(),
            notice = news.next() => notice,
        };
        if let Err(error) = channel.put(notice_response(&notice)) {
            break error;
        }
        tokio::select! {
            biased;
            done = &mut work => return Ok(done?),
            () = control.shut_down() => break Error::shutdown(),
            flushed = channel.flush() => if let Err(error) = flushed {
                break error;
            },
        }
    };
    // A cancel request reaches the engine by itself. So does this, and the statement ends where it
    // may, with nothing left half done.
    canceller.cancel();
    let _ = work.await;
    Err(interrupted)
}

impl Connection {
    /// Runs a statement up to where its rows begin, or to its end if it has none.
    pub(super) async fn execute(
        &mut self,
        channel: &mut Channel,
        statement: &Arc<Parsed>,
        parameters: &[ScalarValue],
    ) -> Result<Outcome, Error> {
        self.control.begin();
        let watch = (self.session.canceller(), self.session.news());
        let outcome = ending(channel, &self.control, watch, pin!(self.session.execute(statement, parameters))).await?;
        if self.session.has_written() {
            // Its rows are on their way, whatever is asked for now.
            self.control.end();
        }
        self.executed(statement, outcome)
    }

    /// Commits what was executed since the last `Sync`.
    pub(super) async fn end_group(&mut self, channel: &mut Channel) -> Result<(), Error> {
        self.control.begin();
        let watch = (self.session.canceller(), self.session.news());
        ending(channel, &self.control, watch, pin!(self.session.end_group())).await
    }

    /// The statements of a text, in order.
    pub(super) async fn read(&mut self, channel: &mut Channel, text: &str) -> Result<Vec<Arc<Parsed>>, Error> {
        self.control.begin();
        let watch = (self.session.canceller(), self.session.news());
        ending(channel, &self.control, watch, pin!(self.session.read(text))).await
    }

    /// What a statement takes and gives.
    pub(super) async fn describe(
        &mut self,
        channel: &mut Channel,
        statement: &Arc<Parsed>,
        hints: &[Option<Field>],
    ) -> Result<Description, Error> {
        self.control.begin();
        let watch = (self.session.canceller(), self.session.news());
        ending(channel, &self.control, watch, pin!(self.session.describe(statement, hints))).await
    }

    /// Prepared statements live here, so that forgetting them is done here, too.
    fn executed(&mut self, statement: &Parsed, outcome: Outcome) -> Result<Outcome, Error> {
        match &statement.statement {
            Statement::Deallocate(name) if !self.forget_statement(name) => {
                return Err(Error::request("26000", format!("prepared statement \"{name}\" does not exist")));
            }
            Statement::Discard => {
                self.statements.clear();
                self.portals.clear();
                self.memory.set(0);
            }
            _ => {}
        }
        Ok(outcome)
    }
}
