//! One client's session: reads its messages, one after the other, and answers them.

mod copy;
mod extended;
mod login;
mod prepared;
mod reported;
mod rows;
mod run;
mod simple;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use engine::{Account, Session, SqlState, TransactionStatus};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{self, ReadyForQuery};

use self::prepared::{Portal, Prepared};
use self::reported::Reported;
use crate::control::Control;
use crate::error::Error;
use crate::wire::{Channel, Message, error_response};

/// A session and what it has prepared.
pub(crate) struct Connection {
    session: Session,
    control: Control,
    reported: Reported,
    statements: HashMap<String, Arc<Prepared>>,
    portals: HashMap<String, Portal>,
    /// After an error in an extended message, all further ones are skipped up to a `Sync`.
    skipping: bool,
    /// Whether statements since the last `Sync` are one transaction that it commits.
    in_group: bool,
    /// What is prepared, and its parameters, in bytes.
    memory: Account,
}

impl Connection {
    /// Answers messages until the client leaves.
    ///
    /// # Errors
    /// Those after which the connection cannot go on.
    pub(crate) async fn run(&mut self, channel: &mut Channel) -> Result<(), Error> {
        loop {
            let next = tokio::select! {
                biased;
                () = self.control.shut_down() => return Err(Error::shutdown()),
                error = self.waited_too_long() => return Err(error),
                next = channel.next() => next?,
            };
            let Some(message) = next else { return Ok(()) };
            match message {
                Message::Terminate => return Ok(()),
                Message::Sync => self.sync(channel).await?,
                _ if self.skipping => {}
                Message::Query(text) => {
                    let done = self.query(channel, &text).await;
                    self.finish(channel, done)?;
                    self.sync(channel).await?;
                }
                Message::NotUtf8 { is_query: true } => {
                    self.finish(channel, Err(Error::not_utf8()))?;
                    self.sync(channel).await?;
                }
                Message::Copy => {}
                message => {
                    let done = self.extended(channel, message).await;
                    self.skipping = done.is_err();
                    self.finish(channel, done)?;
                    if self.skipping {
                        // The client may be waiting for it, without having sent a Sync.
                        channel.flush().await?;
                    } else {
                        // Nobody waits before a Sync or Flush, but a long row of answers must not pile up.
                        channel.flush_if_full().await?;
                    }
                }
            }
        }
    }

    /// Returns when the client has let the session wait for longer than its settings allow.
    fn waited_too_long(&self) -> impl Future<Output = Error> + Send + use<> {
        let settings = self.session.settings();
        let (name, code, what) = match self.session.transaction() {
            TransactionStatus::Idle => ("idle_session_timeout", "57P05", "idle-session timeout"),
            TransactionStatus::Active | TransactionStatus::Failed => {
                ("idle_in_transaction_session_timeout", "25P03", "idle-in-transaction timeout")
            }
        };
        let fatal = |code, what: &str| Error::Fatal { code, message: format!("terminating connection due to {what}") };
        let waited = settings.duration(name).map(|timeout| Instant::now() + timeout);
        let transaction = self.session.transaction_deadline();
        async move {
            tokio::select! {
                () = at(waited) => fatal(code, what),
                () = at(transaction) => fatal("25P04", "transaction timeout"),
            }
        }
    }

    /// The end of a group of messages: from here on the client may send a new one.
    async fn sync(&mut self, channel: &mut Channel) -> Result<(), Error> {
        // What failed has been undone already.
        if std::mem::take(&mut self.in_group) && !self.skipping {
            let committed = self.end_group(channel).await;
            self.finish(channel, committed)?;
        }
        self.skipping = false;
        let status = match self.session.transaction() {
            TransactionStatus::Idle => {
                // Portals live as long as their transaction.
                self.forget_portals();
                response::TransactionStatus::Idle
            }
            TransactionStatus::Active => response::TransactionStatus::Transaction,
            TransactionStatus::Failed => response::TransactionStatus::Error,
        };
        channel.put(PgWireBackendMessage::ReadyForQuery(ReadyForQuery::new(status)))?;
        channel.flush().await
    }

    /// Tells the client of an error that ends a statement; gives back one that ends the connection.
    fn finish(&mut self, channel: &mut Channel, done: Result<(), Error>) -> Result<(), Error> {
        self.control.end();
        match done {
            Ok(()) => Ok(()),
            Err(error @ (Error::Fatal { .. } | Error::Connection(_))) => Err(error),
            Err(Error::Statement(error)) if error.code == SqlState::TRANSACTION_TIMEOUT => {
                Err(Error::Fatal { code: error.code.0, message: error.message })
            }
            Err(error) => {
                self.session.fail_transaction();
                self.report_changes(channel)?;
                channel.put(error_response(&error, "ERROR"))
            }
        }
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
