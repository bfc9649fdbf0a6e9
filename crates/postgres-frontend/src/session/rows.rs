//! A result on its way to the client, which may stop after some rows and go on later.

use std::time::Duration;

use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use engine::Tag;
use futures::StreamExt;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::{FieldDescription, RowDescription};

use super::run::interruptible;
use crate::control::Control;
use crate::encode::{Format, Layout, RowEncoder};
use crate::error::Error;
use crate::types::WireType;
use crate::wire::Channel;

/// See [`Rows::patience`].
const SUBSCRIBER_PATIENCE: Duration = Duration::from_secs(60);

/// A result that is being sent.
pub(super) struct Rows {
    /// None for a subscription, which is flushed batch by batch.
    tag: Option<Tag>,
    layout: Layout,
    stream: SendableRecordBatchStream,
    batch: Option<Batch>,
    sent: u64,
    shape: Shape,
}

/// What a row is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `DataRow`
    Row,
    /// `CopyData`, in text format.
    Copy,
}

struct Batch {
    encoder: RowEncoder,
    next: usize,
    rows: usize,
}

/// How far a result has come.
pub(super) enum Progress {
    /// To its end, with this command tag.
    Complete(String),
    /// To the limit.
    Suspended,
}

impl Rows {
    pub(super) fn new(tag: Option<Tag>, layout: Layout, stream: SendableRecordBatchStream) -> Self {
        Self { tag, layout, stream, batch: None, sent: 0, shape: Shape::Row }
    }

    /// The same rows as the output of `COPY`.
    pub(super) fn into_copy(mut self) -> Self {
        self.shape = Shape::Copy;
        self
    }

    /// Sends up to `limit` rows.
    pub(super) async fn send(
        &mut self,
        channel: &mut Channel,
        control: &Control,
        limit: usize,
    ) -> Result<Progress, Error> {
        let patience = self.patience();
        let mut left = limit;
        if self.tag.is_none() {
            // The client should see that it is subscribed, even if nothing changes for long.
            flush(channel, control, true, patience).await?;
        }
        loop {
            // Also when no row is ready: the next one of a subscription may be long in coming.
            if left == 0 {
                return Ok(Progress::Suspended);
            }
            let Some(batch) = &mut self.batch else {
                match interruptible(channel, control, self.stream.next()).await? {
                    Some(batch) => {
                        let batch = batch.map_err(engine::Error::from)?;
                        let encoder = self.layout.encoder(&batch)?;
                        self.batch = Some(Batch { encoder, next: 0, rows: batch.num_rows() });
                        continue;
                    }
                    None => return Ok(Progress::Complete(self.complete_tag())),
                }
            };
            while batch.next < batch.rows && left > 0 {
                match self.shape {
                    Shape::Row => batch.encoder.write_row(batch.next, channel.output())?,
                    Shape::Copy => batch.encoder.write_copy_row(batch.next, channel.output())?,
                }
                batch.next += 1;
                left -= 1;
                self.sent += 1;
                flush(channel, control, false, patience).await?;
            }
            if batch.next == batch.rows {
                self.batch = None;
            }
            if self.tag.is_none() {
                flush(channel, control, true, patience).await?;
            }
        }
    }
}

impl Rows {
    /// How long a client may leave its rows unread. What a subscription has not been sent is kept for it,
    /// so that one that nobody reads would fill the memory; a result may wait for as long as a pager is open.
    fn patience(&self) -> Option<Duration> {
        self.tag.is_none().then_some(SUBSCRIBER_PATIENCE)
    }

    fn complete_tag(&self) -> String {
        match self.shape {
            Shape::Row => self.tag.unwrap_or(Tag::Select).complete(self.sent),
            Shape::Copy => format!("COPY {}", self.sent),
        }
    }
}

/// A client that does not read its rows can still be told to stop waiting for.
async fn flush(channel: &mut Channel, control: &Control, all: bool, patience: Option<Duration>) -> Result<(), Error> {
    let flushed = async {
        match all {
            true => channel.flush().await,
            false => channel.flush_if_full().await,
        }
    };
    let out_of_patience = async {
        match patience {
            Some(patience) => tokio::time::sleep(patience).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        flushed = flushed => flushed,
        () = control.cancelled() => Err(Error::cancelled()),
        () = control.shut_down() => Err(Error::shutdown()),
        () = out_of_patience => {
            tracing::warn!("closing the connection of a subscriber that does not read");
            Err(Error::gone())
        }
    }
}

/// What the columns are.
pub(super) fn row_description(schema: &SchemaRef, types: &[WireType], formats: &[Format]) -> PgWireBackendMessage {
    let fields = schema.fields().iter().zip(types).zip(formats).map(|((field, wire), format)| {
        // No column is said to be one of a table: clients that want to know must ask the catalog.
        FieldDescription::new(
            field.name().replace('\0', ""),
            0,
            0,
            wire.base.oid(),
            wire.length(),
            wire.modifier,
            i16::from(*format == Format::Binary),
        )
    });
    PgWireBackendMessage::RowDescription(RowDescription::new(fields.collect()))
}
