//! Reading a table of the auction site from any event on. It does not know how rows are made.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::generate::{Generator, Recipe};
use super::stored::StoredBatches;
use super::table::{ROUND, Table};
use crate::pace::Pacer;
use crate::{Error, Pace, Position, Read, SourceReader};

/// Where rows come from.
pub(crate) trait Rows: Send {
    /// The rows among a first part of these events, and where that part ends.
    fn rows(&mut self, events: Range<u64>) -> (RecordBatch, u64);
}

impl Rows for Generator {
    fn rows(&mut self, events: Range<u64>) -> (RecordBatch, u64) {
        let end = events.end;
        (Generator::rows(self, events), end)
    }
}

impl Rows for Arc<StoredBatches> {
    fn rows(&mut self, events: Range<u64>) -> (RecordBatch, u64) {
        StoredBatches::rows(self, events)
    }
}

/// A reader of one table.
pub(crate) struct NexmarkReader<R> {
    table: Table,
    schema: SchemaRef,
    rows: R,
    /// How many events have gone by.
    position: u64,
    /// The last position that was handed out.
    reported: u64,
    end: u64,
    /// The end of all events, whatever this reader is to read of them.
    total: u64,
    epoch_events: Option<u64>,
    /// How many events are read at once, at most.
    events_max: u64,
    pacer: Pacer,
}

impl<R: Rows> NexmarkReader<R> {
    /// A reader of the rows among the events from `from` to `until`.
    pub(crate) fn new(
        recipe: &Recipe,
        schema: SchemaRef,
        rows: R,
        from: u64,
        until: Option<u64>,
        rate: Option<f64>,
        pace: Pace,
    ) -> Self {
        // Far enough that nobody sees the end, near enough that no sum overflows.
        let total = recipe.total.unwrap_or(u64::MAX).min(1 << 60);
        Self {
            table: recipe.table,
            schema,
            rows,
            position: from,
            reported: from,
            end: until.unwrap_or(total).min(total),
            total,
            epoch_events: recipe.epoch_events,
            events_max: recipe.events_max(),
            pacer: Pacer::new(rate, pace),
        }
    }

    fn hand_out(&mut self, rows: RecordBatch, ends_epoch: bool) -> Read {
        self.reported = self.position;
        Read::Rows { rows, errors: Vec::new(), position: Position(self.position.to_string()), ends_epoch }
    }
}

impl<R: Rows> SourceReader for NexmarkReader<R> {
    fn read(&mut self, rows_max: usize) -> Result<Read, Error> {
        let events_max = ((rows_max as u64).saturating_mul(ROUND) / self.table.share()).min(self.events_max);
        while self.position < self.end {
            let events = match self.pacer.due(events_max.max(1) as usize) {
                Ok(events) => events as u64,
                Err(wait) => return Ok(Read::Idle(wait)),
            };
            let mut end = self.position.saturating_add(events).min(self.end);
            if let Some(epoch_events) = self.epoch_events {
                end = end.min((self.position / epoch_events + 1).saturating_mul(epoch_events));
            }
            let (rows, end) = self.rows.rows(self.position..end);
            self.pacer.take(end - self.position);
            self.position = end;
            let ends_epoch = self.epoch_events.is_some_and(|events| end % events == 0 || end == self.total);
            if rows.num_rows() > 0 || ends_epoch {
                return Ok(self.hand_out(rows, ends_epoch));
            }
        }
        if self.reported < self.position {
            let none = RecordBatch::new_empty(self.schema.clone());
            return Ok(self.hand_out(none, false));
        }
        Ok(Read::End)
    }
}
