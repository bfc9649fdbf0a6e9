//! What there is: tables, sources, views and sinks by name, and what each of them reads.
//!
//! A snapshot never changes; a statement works on one. Changes are made one at a time, and each
//! makes a new snapshot. The catalog knows no rows, and starts and ends no dataflow: whoever
//! changes it does that first.

mod change;
mod dependencies;
mod lookup;
mod object;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::RwLock;

pub(crate) use change::Change;
pub(crate) use lookup::qualified;
pub use object::Object;
pub(crate) use object::{Entry, kind_name};

/// Where OIDs start that are not Postgres' own.
const FIRST_OID: u32 = 16_384;

/// What there is, shared by all sessions.
#[derive(Debug)]
pub struct Catalog {
    current: RwLock<Arc<CatalogSnapshot>>,
    next_oid: AtomicU32,
    changing: tokio::sync::Mutex<()>,
    /// Counts the changes, for those who wait for one.
    changes: tokio::sync::watch::Sender<u64>,
}

impl Default for Catalog {
    fn default() -> Self {
        Catalog {
            current: RwLock::default(),
            next_oid: AtomicU32::new(FIRST_OID),
            changing: tokio::sync::Mutex::new(()),
            changes: tokio::sync::watch::Sender::new(0),
        }
    }
}

impl Catalog {
    /// What there is now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<CatalogSnapshot> {
        Arc::clone(&self.current.read())
    }

    /// Is told of every change.
    pub(crate) fn watch(&self) -> tokio::sync::watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The lowest number that no object has or had.
    pub(crate) fn next_oid(&self) -> u32 {
        self.next_oid.load(Ordering::Relaxed)
    }

    /// Has numbers go on from there.
    pub(crate) fn restore_next_oid(&self, next: u32) {
        self.next_oid.store(next, Ordering::Relaxed);
    }

    /// A number that no object has or had.
    pub(crate) fn new_oid(&self) -> u32 {
        self.next_oid.fetch_add(1, Ordering::Relaxed)
    }
}

/// What there was at one moment.
#[derive(Clone, Debug, Default)]
pub struct CatalogSnapshot {
    /// All objects, oldest first.
    pub objects: Vec<Arc<Object>>,
    entries: HashMap<u32, Arc<Entry>>,
    by_name: HashMap<String, u32>,
}

impl CatalogSnapshot {
    /// The object of this OID.
    #[must_use]
    pub fn object(&self, oid: u32) -> Option<&Arc<Object>> {
        self.entries.get(&oid).map(|entry| &entry.object)
    }

    /// What has this OID, if it is being built.
    fn building(&self, oid: u32) -> Option<Arc<Entry>> {
        self.entries.get(&oid).filter(|entry| entry.is_building).cloned()
    }

    /// All that is not being built, each after what it reads.
    pub(crate) fn in_order(&self) -> Vec<Arc<Entry>> {
        let mut ordered = Vec::with_capacity(self.objects.len());
        let mut seen = HashSet::new();
        for object in &self.objects {
            self.add_after_reads(object.oid, &mut seen, &mut ordered);
        }
        ordered
    }

    fn add_after_reads(&self, oid: u32, seen: &mut HashSet<u32>, ordered: &mut Vec<Arc<Entry>>) {
        let Some(entry) = self.entries.get(&oid).filter(|entry| !entry.is_building) else { return };
        if seen.insert(oid) {
            entry.object.depends_on.iter().for_each(|read| self.add_after_reads(*read, seen, ordered));
            ordered.push(Arc::clone(entry));
        }
    }

    /// The statement that makes what has this OID.
    pub(crate) fn create_sql(&self, oid: u32) -> Option<&str> {
        self.entries.get(&oid).map(|entry| entry.create_sql.as_str())
    }

    fn insert(&mut self, entry: Entry) {
        let object = Arc::clone(&entry.object);
        self.by_name.insert(object.name.clone(), object.oid);
        self.entries.insert(object.oid, Arc::new(entry));
        match self.objects.binary_search_by_key(&object.oid, |other| other.oid) {
            Ok(place) => self.objects[place] = object,
            Err(place) => self.objects.insert(place, object),
        }
    }

    fn remove(&mut self, oid: u32) {
        if let Some(entry) = self.entries.remove(&oid) {
            self.by_name.remove(&entry.object.name);
            self.objects.retain(|object| object.oid != oid);
        }
    }
}
