//! A result on its way to the client, which may stop after some rows and go on later.

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
        let mut left = limit;
        if self.tag.is_none() {
            // The client should see that it is subscribed, even if nothing changes for long.
            channel.flush().await?;
        }
        loop {
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
            while batch.next < batch.rows {
                if left == 0 {
                    return Ok(Progress::Suspended);
                }
                match self.shape {
                    Shape::Row => batch.encoder.write_row(batch.next, channel.output())?,
                    Shape::Copy => batch.encoder.write_copy_row(batch.next, channel.output())?,
                }
                batch.next += 1;
                left -= 1;
                self.sent += 1;
                flush(channel, control, false).await?;
            }
            self.batch = None;
            if self.tag.is_none() {
                flush(channel, control, true).await?;
            }
        }
    }
}

impl Rows {
    fn complete_tag(&self) -> String {
        match self.shape {
            Shape::Row => self.tag.unwrap_or(Tag::Select).complete(self.sent),
            Shape::Copy => format!("COPY {}", self.sent),
        }
    }
}

/// A client that does not read its rows can still be told to stop waiting for.
async fn flush(channel: &mut Channel, control: &Control, all: bool) -> Result<(), Error> {
    let flushed = async {
        match all {
            true => channel.flush().await,
            false => channel.flush_if_full().await,
        }
    };
    tokio::select! {
        biased;
        flushed = flushed => flushed,
        () = control.cancelled() => Err(Error::cancelled()),
        () = control.shut_down() => Err(Error::shutdown()),
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
