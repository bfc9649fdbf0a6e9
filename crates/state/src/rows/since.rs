//! What changed between two epochs, batch by batch as it is asked for.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use changes::{ChangeBatch, Epoch};

use super::RowId;
use crate::Error;
use crate::blocks::Place;
use crate::version::Version;

/// The difference that some epochs made, net. It keeps what it shows in memory until it is dropped.
#[derive(Debug)]
pub struct Changes {
    version: Arc<Version>,
    after: Epoch,
    upto: Epoch,
    columns: Vec<usize>,
    stage: Stage,
}

/// What comes next.
#[derive(Debug)]
enum Stage {
    /// The rows of this chunk that came, then those of the later ones.
    Born(Option<Place>),
    /// The rows that went, from the `next`th on.
    Died { ids: Vec<RowId>, next: usize },
}

impl Changes {
    pub(super) fn new(version: Arc<Version>, after: Epoch, upto: Epoch, columns: &[usize]) -> Changes {
        let first = version.chunks.tail(|chunk| chunk.newest() > after);
        Changes { version, after, upto, columns: columns.to_vec(), stage: Stage::Born(first) }
    }

    fn next_of_died(&mut self) -> Option<Result<ChangeBatch, Error>> {
        let Stage::Died { ids, next } = &mut self.stage else { return None };
        let (count, gathered) = self.version.gather_piece(&ids[*next..], &self.columns)?;
        *next += count;
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let batch = || {
            let schema = Arc::new(self.version.schema.project(&self.columns)?);
            let rows = RecordBatch::try_new_with_options(schema, gathered?, &options)?;
            Ok(ChangeBatch::deletes(rows))
        };
        Some(batch())
    }
}

impl Iterator for Changes {
    type Item = Result<ChangeBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Stage::Born(place) = self.stage {
            let Some(place) = place else {
                let ids = self.version.died_between(self.after, self.upto);
                self.stage = Stage::Died { ids, next: 0 };
                break;
            };
            self.stage = Stage::Born(self.version.chunks.after(place));
            let born = self.version.chunks.get(place).born_between(self.after, self.upto, &self.columns);
            if let Some(rows) = born.map_err(Error::from).transpose() {
                return Some(rows.map(ChangeBatch::inserts));
            }
        }
        self.next_of_died()
    }
}
