//! Runs a statement while watching for what may interrupt it.

use std::future::Future;
use std::pin::pin;

use datafusion::scalar::ScalarValue;
use engine::Outcome;
use sql::{Parsed, Statement};

use super::Connection;
use super::own::Step;
use crate::control::Control;
use crate::error::Error;
use crate::wire::Channel;

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

impl Connection {
    /// Runs a statement up to where its rows begin, or to its end if it has none.
    pub(super) async fn execute(
        &mut self,
        channel: &mut Channel,
        step: &Step,
        parameters: &[ScalarValue],
    ) -> Result<Outcome, Error> {
        let statement = match step {
            Step::Statement(statement) => statement,
            Step::Own(tag) => return self.check_own(tag).map(|()| Outcome::Done((*tag).to_owned())),
        };
        self.control.begin();
        let canceller = self.session.canceller();
        let outcome = {
            let mut work = pin!(self.session.execute(statement, parameters));
            let interrupted = tokio::select! {
                biased;
                done = &mut work => Ok(done?),
                () = self.control.shut_down() => Err(Error::shutdown()),
                () = channel.closed() => Err(Error::gone()),
            };
            if interrupted.is_err() {
                // A cancel request reaches the engine by itself. So does this, and the statement ends where it
                // may, with nothing left half done.
                canceller.cancel();
                let _ = work.await;
            }
            interrupted?
        };
        self.executed(statement, outcome)
    }

    /// Prepared statements live here, so that forgetting them is done here, too.
    fn executed(&mut self, statement: &Parsed, outcome: Outcome) -> Result<Outcome, Error> {
        match &statement.statement {
            Statement::Deallocate(name) => {
                let known = self.statements.remove(name);
                known
                    .ok_or_else(|| Error::request("26000", format!("prepared statement \"{name}\" does not exist")))?;
            }
            Statement::Discard => {
                self.statements.clear();
                self.portals.clear();
            }
            _ => {}
        }
        Ok(outcome)
    }
}
