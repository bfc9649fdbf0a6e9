//! Changing the catalog: one statement at a time.

use std::sync::Arc;

use super::{Catalog, CatalogSnapshot, Entry};

/// The right to change the catalog. Nobody else has it meanwhile, so what a snapshot says stays true.
pub(crate) struct Change<'a> {
    catalog: &'a Catalog,
    _exclusive: tokio::sync::MutexGuard<'a, ()>,
}

impl Catalog {
    /// Waits for the right to change the catalog.
    pub(crate) async fn change(&self) -> Change<'_> {
        Change { catalog: self, _exclusive: self.changing.lock().await }
    }
}

impl Change<'_> {
    /// What there is, until this change changes it.
    pub(crate) fn snapshot(&self) -> Arc<CatalogSnapshot> {
        self.catalog.snapshot()
    }

    /// Adds a thing, or replaces the one of the same OID.
    pub(crate) fn put(&self, entry: Entry) {
        self.publish(|snapshot| snapshot.insert(entry));
    }

    /// Takes things away.
    pub(crate) fn remove(&self, oids: &[u32]) {
        self.publish(|snapshot| oids.iter().for_each(|oid| snapshot.remove(*oid)));
    }

    fn publish(&self, change: impl FnOnce(&mut CatalogSnapshot)) {
        let mut snapshot = CatalogSnapshot::clone(&self.catalog.current.read());
        change(&mut snapshot);
        *self.catalog.current.write() = Arc::new(snapshot);
        self.catalog.changes.send_modify(|count| *count += 1);
    }
}
