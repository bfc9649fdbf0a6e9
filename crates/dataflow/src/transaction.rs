//! Transactions, and what they and sources write: tables. All of a transaction is checked before any
//! of it is written, so that one which fails leaves no trace, not even for who reads changes.

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow::array::{RecordBatch, UInt32Array};
use arrow::error::ArrowError;
use changes::{Epoch, KeyHasher, partition_of};
use plan::RelationId;
use state::{Groups, Identity, Located, RowId, Rows};

use crate::CommitError;
use crate::relation::Relation;
use crate::runtime::Write;
use crate::source::Taken;

/// How a table's rows are found again.
pub(crate) fn identity_of(key: Option<&[usize]>) -> Identity {
    key.map_or(Identity::Row, |key| Identity::Key(key.to_vec()))
}

/// All tables and sources by their relation, which the clock alone writes.
#[derive(Default)]
pub(crate) struct Tables {
    by_id: HashMap<RelationId, Base>,
    /// Those that may hold rows which nobody reads any more, and below which epoch they hold none.
    untidy: BTreeMap<RelationId, Epoch>,
}

/// A table or source.
struct Base {
    relation: Relation,
    /// By what a row's partition is chosen: its key, or all of it.
    columns: Vec<usize>,
    hasher: Option<KeyHasher>,
    /// Where a source's next rows go.
    next_partition: usize,
}

/// A transaction that can be written as it is.
pub(crate) struct Checked(BTreeMap<RelationId, Vec<Part>>);

/// What a transaction writes to one partition.
#[derive(Default)]
struct Part {
    deletes: Vec<RecordBatch>,
    inserts: Vec<RecordBatch>,
}

impl Tables {
    /// A new table or source.
    pub(crate) fn declare(&mut self, relation: Relation) {
        let schema = relation.schema();
        let columns = relation.key().map_or_else(|| (0..schema.fields().len()).collect(), <[usize]>::to_vec);
        let types = columns.iter().map(|&column| schema.field(column).data_type().clone()).collect();
        let hasher = if relation.is_source() { None } else { KeyHasher::new(types).ok() };
        self.by_id.insert(relation.id(), Base { relation, columns, hasher, next_partition: 0 });
    }

    /// Forgets tables and sources.
    pub(crate) fn forget(&mut self, ids: &[RelationId]) {
        self.by_id.retain(|id, _| !ids.contains(id));
    }

    /// A table's or source's relation.
    pub(crate) fn relation(&self, id: RelationId) -> Option<&Relation> {
        self.by_id.get(&id).map(|base| &base.relation)
    }

    /// All of them.
    pub(crate) fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.by_id.values().map(|base| &base.relation)
    }

    /// Whether a transaction can be written: all that it deletes is there, and no key comes twice.
    pub(crate) fn check(&self, writes: &[Write]) -> Result<Checked, CommitError> {
        let mut checked = Checked(BTreeMap::new());
        for write in writes {
            let base = self.by_id.get(&write.table).ok_or(CommitError::Dropped)?;
            let parts = checked.0.entry(write.table).or_default();
            parts.resize_with(base.relation.partitions(), Part::default);
            for rows in &write.deletes {
                base.split(rows, &mut |partition, rows| parts[partition].deletes.push(rows))?;
            }
            for rows in &write.inserts {
                base.split(rows, &mut |partition, rows| parts[partition].inserts.push(rows))?;
            }
        }
        for (table, parts) in &checked.0 {
            let base = &self.by_id[table];
            for (partition, part) in parts.iter().enumerate() {
                base.check(partition, part)?;
            }
        }
        Ok(checked)
    }

    /// Writes a transaction that was checked a moment ago.
    pub(crate) fn write(&mut self, epoch: Epoch, transaction: Checked, changed: &mut HashSet<RelationId>) {
        for (table, parts) in transaction.0 {
            let relation = &self.by_id[&table].relation;
            for (partition, part) in parts.into_iter().enumerate() {
                let mut rows = relation.partition(partition).write();
                for deletes in &part.deletes {
                    let missing = rows.delete(epoch, deletes).expect("rows of the table's columns can be compared");
                    assert!(missing.is_empty(), "what was found a moment ago is there");
                }
                for inserts in &part.inserts {
                    rows.insert(epoch, inserts).expect("rows of the table's columns fit it");
                }
            }
            relation.mark_changed(epoch);
            self.untidy.entry(table).or_insert(Epoch::ZERO);
            changed.insert(table);
        }
    }

    /// Adds what a source had.
    pub(crate) fn append(&mut self, epoch: Epoch, source: RelationId, taken: Taken, changed: &mut HashSet<RelationId>) {
        let base = self.by_id.get_mut(&source).expect("what is read is declared");
        taken.errors.iter().for_each(|error| base.relation.counters().error(error));
        if let Some(position) = taken.position {
            base.relation.reached(epoch, position);
        }
        for rows in taken.rows {
            let partition = base.relation.partition(base.next_partition);
            base.next_partition = (base.next_partition + 1) % base.relation.partitions();
            partition.write().insert(epoch, &rows).expect("a connector's rows are of its own columns");
            base.relation.mark_changed(epoch);
            self.untidy.entry(source).or_insert(Epoch::ZERO);
            changed.insert(source);
        }
    }

    /// Forgets what nobody reads any more of tables and sources that changed since they were last
    /// collected whole, and tells the budget what they hold.
    pub(crate) fn tidy(&mut self) {
        let Tables { by_id, untidy } = self;
        untidy.retain(|id, collected| {
            let Some(Base { relation, .. }) = by_id.get(id) else {
                return false;
            };
            let horizon = relation.horizon();
            for partition in 0..relation.partitions() {
                let mut rows = relation.partition(partition).write();
                if relation.is_source() {
                    rows.forget(horizon);
                } else if horizon > *collected {
                    rows.collect(horizon).expect("living rows of a chunk form a chunk");
                }
                drop(rows);
                relation.account(partition);
            }
            *collected = horizon;
            horizon < relation.changed_at()
        });
    }
}

impl Base {
    /// Whether a partition has all rows that are deleted, and none of the keys that come.
    fn check(&self, partition: usize, part: &Part) -> Result<(), CommitError> {
        let rows = self.relation.partition(partition).write();
        let mut deleted = Located::default();
        for deletes in &part.deletes {
            if !rows.locate(deletes, &mut deleted)? {
                return Err(CommitError::Conflict);
            }
        }
        match self.relation.key() {
            Some(key) => self.check_keys(&rows, key, &part.inserts, |id| deleted.has(id)),
            None => Ok(()),
        }
    }

    /// Whether no two of the rows that come have the same key, nor one that stays.
    fn check_keys(
        &self,
        rows: &Rows,
        key: &[usize],
        inserts: &[RecordBatch],
        is_deleted: impl Fn(RowId) -> bool,
    ) -> Result<(), CommitError> {
        let types = key.iter().map(|&column| self.relation.schema().field(column).data_type().clone()).collect();
        let mut keys_seen = Groups::new(types)?;
        let (mut count, mut groups) = (0, Vec::new());
        for batch in inserts {
            let keys = key.iter().map(|&column| batch.column(column).clone()).collect::<Vec<_>>();
            let found = rows.find(&keys, batch.num_rows())?;
            keys_seen.assign(&keys, batch.num_rows(), &mut groups)?;
            count += batch.num_rows();
            if keys_seen.len() < count || found.into_iter().flatten().any(|id| !is_deleted(id)) {
                return Err(CommitError::Conflict);
            }
        }
        Ok(())
    }

    /// Brings each row of a batch to its partition.
    fn split(&self, rows: &RecordBatch, put: &mut dyn FnMut(usize, RecordBatch)) -> Result<(), CommitError> {
        let types = |schema: &arrow::datatypes::Schema| {
            schema.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>()
        };
        if types(&rows.schema()) != types(self.relation.schema()) {
            let message = format!("rows for {} are not of its columns", self.relation.id());
            return Err(state::Error::from(ArrowError::SchemaError(message)).into());
        }
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let partitions = self.relation.partitions();
        let Some(hasher) = self.hasher.as_ref().filter(|_| partitions > 1) else {
            put(0, rows.clone());
            return Ok(());
        };
        let keys = self.columns.iter().map(|&column| rows.column(column).clone()).collect::<Vec<_>>();
        let mut hashes = Vec::new();
        hasher.hash(&keys, rows.num_rows(), &mut hashes).map_err(state::Error::from)?;
        let mut of_partition = vec![Vec::new(); partitions];
        for (row, &hash) in (0u32..).zip(&hashes) {
            of_partition[partition_of(hash, partitions)].push(row);
        }
        for (partition, indices) in of_partition.into_iter().enumerate() {
            if indices.len() == rows.num_rows() {
                put(partition, rows.clone());
            } else if !indices.is_empty() {
                let part = arrow::compute::take_record_batch(rows, &UInt32Array::from(indices));
                put(partition, part.map_err(state::Error::from)?);
            }
        }
        Ok(())
    }
}
