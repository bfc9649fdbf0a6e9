//! Primary keys: the rows that have one, and that no two rows have the same.

use std::collections::{HashMap, HashSet};

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::row::{RowConverter, Rows, SortField};

use super::Target;
use super::constraints::values;
use crate::read::Reader;
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

/// Rows that were looked for by their keys.
pub(crate) struct FoundRows {
    /// The rows that were found.
    pub(crate) rows: RecordBatch,
    /// For each key, its row among them.
    pub(crate) places: Vec<Option<u32>>,
}

/// The rows with the given keys, as the reader sees them: with what its transaction has written.
pub(crate) fn find_rows(
    target: &Target,
    codec: &KeyCodec,
    reader: &Reader,
    keys: &RecordBatch,
) -> Result<FoundRows, Error> {
    let (rows, mut places) = target.relation.find(keys, reader.epoch())?;
    let Some(pending) = reader.pending(target.entry.object.oid) else { return Ok(FoundRows { rows, places }) };
    let (inserted, deleted) = (pending.inserted()?, pending.deleted()?);
    let inserted_keys = codec.encode(codec.keys(&inserted)?.columns())?;
    let deleted_keys = codec.encode(codec.keys(&deleted)?.columns())?;
    let come: HashMap<&[u8], usize> = inserted_keys.iter().enumerate().map(|(row, key)| (key.data(), row)).collect();
    let gone: HashSet<&[u8]> = deleted_keys.iter().map(|key| key.data()).collect();
    let offset = rows.num_rows();
    for (key, place) in codec.encode(keys.columns())?.iter().zip(&mut places) {
        if let Some(row) = come.get(key.data()) {
            *place = u32::try_from(offset + row).ok();
        } else if gone.contains(key.data()) {
            *place = None;
        }
    }
    let schema = inserted.schema();
    let rows = crate::statement::query::with_schema(rows, &schema)?;
    Ok(FoundRows { rows: concat_batches(&schema, &[rows, inserted])?, places })
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
        let found = find_rows(target, &codec, reader, &keys)?;
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
