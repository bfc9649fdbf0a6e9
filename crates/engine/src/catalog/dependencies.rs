//! Who reads whom.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ObjectKind;

use super::{CatalogSnapshot, Entry, Object, kind_name};
use crate::{Error, Notice, SqlState};

/// What a DROP takes away.
#[derive(Debug)]
pub(crate) struct Dropping {
    /// What goes, whoever reads first.
    pub(crate) objects: Vec<Arc<Object>>,
    /// Which dependents go along, for the client to know.
    pub(crate) notice: Option<Notice>,
}

impl CatalogSnapshot {
    /// Everything that reads one of `oids`, directly or through others, newest first.
    pub(crate) fn dependents(&self, oids: &[u32]) -> Vec<Arc<Object>> {
        let mut found: BTreeSet<u32> = oids.iter().copied().collect();
        // An object is always younger than what it reads, so one pass in the order of age finds all.
        // A replaced view keeps its OID, and only ever reads what was there before its dependents.
        let mut dependents = Vec::new();
        loop {
            let before = found.len();
            for object in &self.objects {
                if !found.contains(&object.oid) && object.depends_on.iter().any(|oid| found.contains(oid)) {
                    found.insert(object.oid);
                    dependents.push(Arc::clone(object));
                }
            }
            if found.len() == before {
                dependents.reverse();
                return dependents;
            }
        }
    }

    /// Whether a dataflow reads what has this OID, directly or through others. Of a source: whether
    /// it is being read.
    pub(crate) fn is_maintained(&self, oid: u32) -> bool {
        let is_dataflow = |object: &Object| {
            matches!(object.kind, ObjectKind::MaterializedView | ObjectKind::Sink)
                && self.building(object.oid).is_none()
        };
        self.dependents(&[oid]).iter().any(|dependent| is_dataflow(dependent))
    }

    /// The sources among `oids`, and among what the plain views among them read.
    pub(crate) fn sources(&self, oids: &BTreeSet<u32>) -> Vec<&Arc<Entry>> {
        let mut waiting: Vec<u32> = oids.iter().copied().collect();
        let mut seen = oids.clone();
        let mut sources = Vec::new();
        while let Some(entry) = waiting.pop().map(|oid| self.entries.get(&oid)) {
            match entry {
                Some(entry) if entry.object.kind == ObjectKind::Source => sources.push(entry),
                Some(entry) if entry.object.kind == ObjectKind::View => {
                    waiting.extend(entry.object.depends_on.iter().filter(|oid| seen.insert(**oid)));
                }
                _ => {}
            }
        }
        sources
    }

    /// What goes when `targets` are dropped; 2BP01 if something else reads them and may not go too.
    pub(crate) fn dropping(&self, targets: &[Arc<Object>], cascade: bool) -> Result<Dropping, Error> {
        let oids: Vec<u32> = targets.iter().map(|object| object.oid).collect();
        let dependents = self.dependents(&oids);
        if !dependents.is_empty() && !cascade {
            return Err(self.still_needed(targets, &oids));
        }
        let notice = match dependents.as_slice() {
            [] => None,
            [one] => Some(Notice::new(format!("drop cascades to {} {}", kind_name(one.kind), one.name))),
            many => {
                let lines =
                    many.iter().rev().map(|one| format!("drop cascades to {} {}", kind_name(one.kind), one.name));
                let notice = Notice::new(format!("drop cascades to {} other objects", many.len()));
                Some(notice.with_detail(lines.collect::<Vec<_>>().join("\n")))
            }
        };
        let mut objects = dependents;
        // Among the targets, too, readers go first.
        let mut targets = targets.to_vec();
        targets.sort_by_key(|object| std::cmp::Reverse(object.oid));
        objects.extend(targets);
        Ok(Dropping { objects, notice })
    }

    /// 2BP01, naming who reads whom.
    fn still_needed(&self, targets: &[Arc<Object>], oids: &[u32]) -> Error {
        let mut lines = Vec::new();
        let mut reached: Vec<u32> = oids.to_vec();
        for dependent in self.dependents(oids).iter().rev() {
            let read = dependent.depends_on.iter().find(|oid| reached.contains(oid)).and_then(|oid| self.object(*oid));
            if let Some(read) = read {
                lines.push(format!(
                    "{} {} depends on {} {}",
                    kind_name(dependent.kind),
                    dependent.name,
                    kind_name(read.kind),
                    read.name
                ));
            }
            reached.push(dependent.oid);
        }
        let message = match targets {
            [one] => format!("cannot drop {} {} because other objects depend on it", kind_name(one.kind), one.name),
            _ => "cannot drop desired object(s) because other objects depend on them".to_owned(),
        };
        Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message)
            .with_detail(lines.join("\n"))
            .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
    }
}
