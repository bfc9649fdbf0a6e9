//! Primary keys: the rows that have one, and that no two rows have the same.

use std::collections::HashSet;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::row::{RowConverter, Rows, SortField};

use super::Target;
use super::constraints::values;
use crate::read::{FoundRows, Reader, find};
use crate::{Error, SqlState};

/// Encodes a table's keys, so that they can be compared.
pub(crate) struct KeyCodec {
    key: Vec<usize>,
    converter: RowConverter,
}

impl KeyCodec {
    /// For a table with a primary key; `None` for one without.
    pub(crate) fn of(target: &Target) -> Result<Option<KeyCodec>, Error> {
        let object = &target.entry.object;
        let key = object.primary_key.clone();
        if key.is_empty() {
            return Ok(None);
        }
        let fields = key.iter().map(|column| SortField::new(object.columns.field(*column).data_type().clone()));
        Ok(Some(KeyCodec { converter: RowConverter::new(fields.collect())?, key }))
    }

    /// The key columns of whole rows.
    pub(crate) fn keys(&self, rows: &RecordBatch) -> Result<RecordBatch, Error> {
        Ok(rows.project(&self.key)?)
    }

    /// The key columns, encoded.
    pub(crate) fn encode(&self, keys: &[ArrayRef]) -> Result<Rows, Error> {
        Ok(self.converter.convert_columns(keys)?)
    }
}

/// The rows with the given keys, as the reader sees them: with what its transaction has written.
pub(crate) fn find_rows(target: &Target, reader: &Reader, keys: &RecordBatch) -> Result<FoundRows, Error> {
    find(&target.relation, reader.pending(target.entry.object.oid), keys, reader.epoch())
}

/// 23505 if a transaction that could not commit inserts a key which is there `now`, and which it does
/// not take away itself.
pub(crate) fn duplicate_of(
    now: &Reader,
    oid: u32,
    deletes: &[RecordBatch],
    inserts: &[RecordBatch],
) -> Result<Option<Error>, Error> {
    let Some(target) = Target::of(now, oid) else { return Ok(None) };
    match check_unique(&target, now, deletes, inserts) {
        Err(error) if error.code == SqlState::UNIQUE_VIOLATION => Ok(Some(error)),
        checked => checked.map(|()| None),
    }
}

/// That no key comes twice, and none that is there already and does not go.
///
/// # Errors
/// 23505.
pub(crate) fn check_unique(
    target: &Target,
    reader: &Reader,
    deletes: &[RecordBatch],
    inserts: &[RecordBatch],
) -> Result<(), Error> {
    let Some(codec) = KeyCodec::of(target)? else { return Ok(()) };
    let mut going: HashSet<Box<[u8]>> = HashSet::new();
    for batch in deletes {
        going.extend(codec.encode(codec.keys(batch)?.columns())?.iter().map(|key| key.data().into()));
    }
    let mut coming: HashSet<Box<[u8]>> = HashSet::new();
    for batch in inserts {
        let keys = codec.keys(batch)?;
        let encoded = codec.encode(keys.columns())?;
        let mut unknown = Vec::new();
        for (row, key) in encoded.iter().enumerate() {
            if !coming.insert(key.data().into()) {
                return Err(duplicate_key(target, &keys, row));
            }
            if !going.contains(key.data()) {
                unknown.push(u32::try_from(row).map_err(|_| Error::internal("too many rows in a batch"))?);
            }
        }
        let keys = take_record_batch(&keys, &UInt32Array::from(unknown))?;
        let found = find_rows(target, reader, &keys)?;
        if let Some(row) = found.places.iter().position(Option::is_some) {
            return Err(duplicate_key(target, &keys, row));
        }
    }
    Ok(())
}

/// 23505 for one of `keys`.
pub(crate) fn duplicate_key(target: &Target, keys: &RecordBatch, row: usize) -> Error {
    let table = target.name();
    let constraint = constraint_name(table);
    let schema = keys.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    Error::new(SqlState::UNIQUE_VIOLATION, format!("duplicate key value violates unique constraint \"{constraint}\""))
        .with_detail(format!("Key ({})=({}) already exists.", names.join(", "), values(keys.columns(), row)))
        .about_table(table)
        .about_constraint(&constraint)
}

/// The name that Postgres gives a table's primary key.
pub(crate) fn constraint_name(table: &str) -> String {
    format!("{table}_pkey")
}
