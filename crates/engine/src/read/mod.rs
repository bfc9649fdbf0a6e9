//! Reading relations as they are at one epoch.
//!
//! A reader holds an epoch of all relations and the catalog that goes with it; a statement reads
//! by one reader. What its transaction has written lies on top. Scans are DataFusion's business from
//! here up.

mod pending;
mod scan;
mod source;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use changes::Epoch;
use dataflow::{Hold, Runtime};
use parking_lot::RwLock;

pub(crate) use pending::{Pending, PendingRows, PendingView, Step};
pub(crate) use scan::RelationScan;
pub(crate) use table::{FoundRows, RelationTable, find};

use crate::catalog::{Catalog, CatalogSnapshot};

/// What a transaction has written, by the table's OID.
pub(crate) type Writes = Arc<BTreeMap<u32, Arc<RwLock<PendingRows>>>>;

/// All relations at one epoch, with what the transaction has written up to one of its steps.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) catalog: Arc<CatalogSnapshot>,
    hold: Arc<Hold>,
    writes: Writes,
    step: Step,
    /// Whether it is to plan a view by, which reads no rows.
    for_view: bool,
}

impl Reader {
    /// As everything is now.
    pub(crate) fn now(catalog: &Catalog, runtime: &Runtime) -> Reader {
        // The catalog first: what is in it was there at every later epoch.
        let catalog = catalog.snapshot();
        Reader { catalog, hold: Arc::new(runtime.hold()), writes: Writes::default(), step: 0, for_view: false }
    }

    /// The same epoch, with what a transaction has written after its step `step`.
    pub(crate) fn with_writes(mut self, writes: &Writes, step: Step) -> Reader {
        self.writes = Arc::clone(writes);
        self.step = step;
        self
    }

    /// For a plan that is maintained, not run: scans take no filters upon themselves.
    pub(crate) fn for_view(mut self) -> Reader {
        self.for_view = true;
        self
    }

    /// Whether it is to plan a view by.
    pub(crate) fn is_for_view(&self) -> bool {
        self.for_view
    }

    /// The epoch that is read.
    pub(crate) fn epoch(&self) -> Epoch {
        self.hold.epoch()
    }

    /// What the transaction has written to a table.
    pub(crate) fn pending(&self, oid: u32) -> Option<PendingView> {
        self.writes.get(&oid).map(|rows| PendingView::new(rows, self.step))
    }
}
