//! Events made beforehand, for when making them would take longer than what is to be measured.
//! Sources with the same recipe share them; they go when the last such source goes.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, Weak};
use std::thread;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::generate::Recipe;
use super::table::Table;

/// Filled by whoever needs it first.
pub(crate) type SharedBatches = Arc<OnceLock<Arc<StoredBatches>>>;

/// A batch covers at most this many events, however small they are (and no more than an epoch).
const BATCH_EVENTS_MAX: u64 = 65_536;

/// Those of all sources, for as long as a source has them.
type AllBatches = HashMap<Recipe, Weak<OnceLock<Arc<StoredBatches>>>>;

static SHARED: LazyLock<Mutex<AllBatches>> = LazyLock::new(Mutex::default);

/// The batches of this recipe, perhaps already there because of another source.
pub(crate) fn shared(recipe: &Recipe) -> SharedBatches {
    let mut all = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|_, batches| batches.strong_count() > 0);
    if let Some(batches) = all.get(recipe).and_then(Weak::upgrade) {
        return batches;
    }
    let batches = SharedBatches::default();
    all.insert(recipe.clone(), Arc::downgrade(&batches));
    batches
}

/// All rows of a recipe.
#[derive(Debug)]
pub(crate) struct StoredBatches {
    table: Table,
    /// The events that a batch covers, in order and without gaps; and those of them that are rows.
    batches: Vec<(Range<u64>, RecordBatch)>,
}

/// Makes all rows of a recipe, on all cores.
pub(crate) fn generate(recipe: &Recipe, schema: &SchemaRef) -> Arc<StoredBatches> {
    let ranges = ranges(recipe.total.unwrap_or(0), recipe.epoch_events, recipe.events_max().min(BATCH_EVENTS_MAX));
    let threads = thread::available_parallelism().map_or(1, usize::from).min(ranges.len().max(1));
    tracing::info!(table = %recipe.table, events = recipe.total, threads, "generating nexmark events beforehand");
    let part_len = ranges.len().div_ceil(threads).max(1);
    let batches = thread::scope(|scope| {
        let generate_part = |part: &[Range<u64>]| -> Vec<(Range<u64>, RecordBatch)> {
            let mut generator = recipe.generator(schema.clone());
            part.iter().map(|events| (events.clone(), generator.rows(events.clone()))).collect()
        };
        let parts: Vec<_> = ranges.chunks(part_len).map(|part| scope.spawn(move || generate_part(part))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("generating events does not panic")).collect()
    });
    Arc::new(StoredBatches { table: recipe.table, batches })
}

/// The events of each batch: none crosses the end of an epoch.
fn ranges(total: u64, epoch_events: Option<u64>, events_max: u64) -> Vec<Range<u64>> {
    let epoch_events = epoch_events.unwrap_or(events_max);
    // Equal parts of an epoch, so that the last one is not a crumb.
    let batch_events = epoch_events.div_ceil(epoch_events.div_ceil(events_max));
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < total {
        let epoch_end = (start / epoch_events + 1).saturating_mul(epoch_events);
        let end = (start + batch_events).min(epoch_end).min(total);
        ranges.push(start..end);
        start = end;
    }
    ranges
}

impl StoredBatches {
    /// The rows among the events from `events.start` on, up to the end of their batch or of
    /// `events`; and which events those are.
    pub(crate) fn rows(&self, events: Range<u64>) -> (RecordBatch, u64) {
        let index = self.batches.partition_point(|(range, _)| range.end <= events.start);
        let (range, batch) = &self.batches[index];
        let end = events.end.min(range.end);
        let skipped = self.table.rows_before(events.start) - self.table.rows_before(range.start);
        let rows = self.table.rows_before(end) - self.table.rows_before(events.start);
        let rows = if rows as usize == batch.num_rows() {
            batch.clone()
        } else {
            batch.slice(skipped as usize, rows as usize)
        };
        (rows, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_stay_within_epochs() {
        assert_eq!(ranges(0, Some(10), 65_536), vec![]);
        assert_eq!(ranges(25, Some(10), 65_536), vec![0..10, 10..20, 20..25]);
        assert_eq!(ranges(100_000, None, 65_536), vec![0..65_536, 65_536..100_000]);
        assert_eq!(ranges(150_000, Some(100_000), 65_536), vec![0..50_000, 50_000..100_000, 100_000..150_000]);
    }
}
