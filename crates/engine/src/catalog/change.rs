//! Changing the catalog: one statement at a time.

use std::sync::Arc;

use dataflow::Relation;

use super::{Catalog, CatalogSnapshot, Entry};

/// The right to change the catalog. Nobody else has it meanwhile, so what a snapshot says stays true, but
/// for what is being built: that may be done, or given up, at any time.
pub(crate) struct Change<'a> {
    catalog: &'a Catalog,
    _exclusive: tokio::sync::MutexGuard<'a, ()>,
}

impl Catalog {
    /// Waits for the right to change the catalog.
    pub(crate) async fn change(&self) -> Change<'_> {
        Change { catalog: self, _exclusive: self.changing.lock().await }
    }

    /// What was being built is done, and its rows lie in `relation`. False if it was dropped meanwhile.
    ///
    /// That a thing ends to be built contradicts no change that is under way: the things that there are
    /// stay the same, and so does who reads whom.
    pub(crate) fn finish(&self, oid: u32, relation: Option<Relation>) -> bool {
        self.publish(|snapshot| {
            let Some(entry) = snapshot.building(oid) else { return false };
            snapshot.insert(Entry { relation, is_building: false, ..Entry::clone(&entry) });
            true
        })
    }

    /// What was being built will not be done. Nobody could read it, so nobody misses it.
    pub(crate) fn abandon(&self, oid: u32) {
        self.publish(|snapshot| {
            if snapshot.building(oid).is_some() {
                snapshot.remove(oid);
            }
        });
    }

    fn publish<R>(&self, change: impl FnOnce(&mut CatalogSnapshot) -> R) -> R {
        let mut current = self.current.write();
        let mut snapshot = CatalogSnapshot::clone(&current);
        let result = change(&mut snapshot);
        *current = Arc::new(snapshot);
        drop(current);
        self.changes.send_modify(|count| *count += 1);
        result
    }
}

impl Change<'_> {
    /// What there is, until this change changes it.
    pub(crate) fn snapshot(&self) -> Arc<CatalogSnapshot> {
        self.catalog.snapshot()
    }

    /// Adds a thing, or replaces the one of the same OID.
    pub(crate) fn put(&self, entry: Entry) {
        self.catalog.publish(|snapshot| snapshot.insert(entry));
    }

    /// Takes things away.
    pub(crate) fn remove(&self, oids: &[u32]) {
        self.catalog.publish(|snapshot| oids.iter().for_each(|oid| snapshot.remove(*oid)));
    }
}
