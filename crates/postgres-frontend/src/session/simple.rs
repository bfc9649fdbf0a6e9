//! The simple protocol: a text of statements, run one after the other; the first error ends it.

use engine::Outcome;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse};

use super::rows::{Progress, Rows, row_description};
use super::{Connection, copy};
use crate::encode::Layout;
use crate::error::Error;
use crate::wire::Channel;

impl Connection {
    /// Runs the statements of a text and sends their results in text format.
    pub(super) async fn query(&mut self, channel: &mut Channel, text: &str) -> Result<(), Error> {
        // As in Postgres, a simple query takes the place of the unnamed statement and portal.
        self.forget_statement("");
        self.forget_portal("");
        if let Some(query) = copy::query_of(text) {
            return self.copy_out(channel, &query?).await;
        }
        let steps = self.read(channel, text).await?;
        if steps.is_empty() {
            channel.put(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new()))?;
        }
        for step in &steps {
            let outcome = self.execute(channel, step, &[]).await?;
            self.send_outcome(channel, outcome).await?;
            self.control.end();
        }
        Ok(())
    }

    async fn send_outcome(&mut self, channel: &mut Channel, outcome: Outcome) -> Result<(), Error> {
        let (schema, rows, tag) = match outcome {
            Outcome::Rows { tag, schema, rows } => (schema, rows, Some(tag)),
            Outcome::Subscription { schema, rows } => (schema, rows, None),
            Outcome::Done(tag) => return self.complete(channel, tag),
            Outcome::Empty => {
                return channel.put(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new()));
            }
        };
        let layout = Layout::new(schema, &[], self.zone())?;
        channel.put(row_description(&layout.schema, &layout.types, &layout.formats))?;
        let mut rows = Rows::new(tag, layout, rows);
        match rows.send(channel, &self.control, usize::MAX).await? {
            Progress::Complete(tag) => self.complete(channel, tag),
            Progress::Suspended => unreachable!("there are never usize::MAX rows"),
        }
    }

    /// The end of a statement that went well.
    pub(super) fn complete(&mut self, channel: &mut Channel, tag: String) -> Result<(), Error> {
        self.report_changes(channel)?;
        channel.put(PgWireBackendMessage::CommandComplete(CommandComplete::new(tag)))
    }

    /// The time zone that timestamps are shown in.
    pub(super) fn zone(&self) -> crate::encode::Zone {
        crate::encode::Zone::named(&self.session.settings().get("timezone").unwrap_or_default())
    }
}
