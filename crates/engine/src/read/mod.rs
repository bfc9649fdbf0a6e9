//! Reading relations as they are at one epoch.
//!
//! A reader holds an epoch of all relations and the catalog that goes with it; a statement reads
//! by one reader, and so do all statements of a transaction, over whose own writes lie on top.
//! Scans are DataFusion's business from here up.

mod pending;
mod scan;
mod source;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use changes::Epoch;
use dataflow::{Hold, Runtime};

pub(crate) use pending::PendingRows;
pub(crate) use table::RelationTable;

use crate::catalog::{Catalog, CatalogSnapshot};

/// All relations at one epoch, with what the transaction has written since.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) catalog: Arc<CatalogSnapshot>,
    hold: Arc<Hold>,
    /// By the table's OID.
    writes: Arc<BTreeMap<u32, PendingRows>>,
    /// Whether it is to plan a view by, which reads no rows.
    for_view: bool,
}

impl Reader {
    /// As everything is now.
    pub(crate) fn now(catalog: &Catalog, runtime: &Runtime) -> Reader {
        // The catalog first: what is in it was there at every later epoch.
        let catalog = catalog.snapshot();
        Reader { catalog, hold: Arc::new(runtime.hold()), writes: Arc::default(), for_view: false }
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
    pub(crate) fn pending(&self, oid: u32) -> Option<&PendingRows> {
        self.writes.get(&oid)
    }

    /// What the transaction has written, by table.
    pub(crate) fn writes(&self) -> &BTreeMap<u32, PendingRows> {
        &self.writes
    }

    /// What the transaction writes next.
    pub(crate) fn writes_mut(&mut self) -> &mut BTreeMap<u32, PendingRows> {
        Arc::make_mut(&mut self.writes)
    }
}
