//! Small dense numbers for keys: what grouping state is indexed by.
//!
//! A key gets the next number when it is first seen, and keeps it until [`Groups::keep`]. What is
//! known of a group lies elsewhere, in vectors indexed by that number; nothing here knows when a
//! group is empty. Nulls are equal to each other, all NaNs are one, and `-0.0` is `0.0`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::row::{RowConverter, SortField};
use changes::{BATCH_ROWS_MAX, KeyHasher, virtual_node};

use crate::Error;

mod table;

use table::{NO_GROUP, Table};

/// Maps keys of one or more columns (or of none) to `0..len()`.
#[derive(Debug)]
pub struct Groups {
    types: Vec<DataType>,
    hasher: KeyHasher,
    converter: RowConverter,
    table: Table,
    /// The group of the null key, where keys are compared by hash alone.
    null_group: u32,
    /// All keys one after the other, in Arrow's row format, and where each ends.
    keys: Vec<u8>,
    ends: Vec<usize>,
    /// The batch's hashes; kept for its memory.
    hashes: Vec<u64>,
}

impl Groups {
    /// No groups yet, for keys of these types.
    ///
    /// # Errors
    /// If keys of such a type cannot be hashed or kept.
    pub fn new(types: Vec<DataType>) -> Result<Groups, Error> {
        Ok(Groups {
            hasher: KeyHasher::new(types.clone())?,
            converter: row_converter(&types)?,
            types,
            table: Table::default(),
            null_group: NO_GROUP,
            keys: Vec::new(),
            ends: Vec::new(),
            hashes: Vec::new(),
        })
    }

    /// How many numbers have been given out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no key has been seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes that keys and what finds them take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.keys.len() + size_of_val(self.ends.as_slice()) + self.table.bytes()
    }

    /// Replaces `groups` by the group of each of the `rows` keys, adding those not seen before.
    ///
    /// # Errors
    /// If the columns are not of the types that were promised, or groups exceed 2^32.
    pub fn assign(&mut self, keys: &[ArrayRef], rows: usize, groups: &mut Vec<u32>) -> Result<(), Error> {
        groups.clear();
        if rows == 0 {
            return Ok(());
        }
        if self.types.is_empty() {
            if self.ends.is_empty() {
                self.ends.push(0);
            }
            groups.resize(rows, 0);
            return Ok(());
        }
        if self.len() + rows >= NO_GROUP as usize {
            return Err(Error::Arrow(arrow::error::ArrowError::ComputeError("more than 2^32 groups".into())));
        }
        let keys = keys.iter().map(with_one_nan_and_zero).collect::<Vec<_>>();
        self.hasher.hash(&keys, rows, &mut self.hashes)?;
        groups.reserve(rows);
        if self.hasher.is_exact() { self.assign_by_hash(&keys, groups) } else { self.assign_by_bytes(&keys, groups) }
    }

    /// Equal hashes are equal keys; only new keys are looked at.
    fn assign_by_hash(&mut self, keys: &[ArrayRef], groups: &mut Vec<u32>) -> Result<(), Error> {
        let mut next = self.ends.len() as u32;
        let mut new_rows = Vec::new();
        let hashes = self.hashes.as_slice();
        match keys[0].logical_nulls().filter(|nulls| nulls.null_count() > 0) {
            None => {
                for (row, &hash) in hashes.iter().enumerate() {
                    let group = self.table.find_or_insert(hash, next, |_| true);
                    if group == next {
                        next += 1;
                        new_rows.push(row as u32);
                    }
                    groups.push(group);
                }
            }
            Some(nulls) => {
                for (row, &hash) in hashes.iter().enumerate() {
                    let group = if nulls.is_valid(row) {
                        self.table.find_or_insert(hash, next, |_| true)
                    } else if self.null_group == NO_GROUP {
                        self.null_group = next;
                        next
                    } else {
                        self.null_group
                    };
                    if group == next {
                        next += 1;
                        new_rows.push(row as u32);
                    }
                    groups.push(group);
                }
            }
        }
        if new_rows.is_empty() {
            return Ok(());
        }
        let new_keys = if new_rows.len() == keys[0].len() {
            self.converter.convert_columns(keys)?
        } else {
            self.converter.convert_columns(&[compute::take(&keys[0], &UInt32Array::from(new_rows), None)?])?
        };
        for key in &new_keys {
            self.keys.extend_from_slice(key.as_ref());
            self.ends.push(self.keys.len());
        }
        Ok(())
    }

    /// Keys are compared as bytes where hashes are equal.
    fn assign_by_bytes(&mut self, keys: &[ArrayRef], groups: &mut Vec<u32>) -> Result<(), Error> {
        let encoded = self.converter.convert_columns(keys)?;
        let (keys, ends) = (&mut self.keys, &mut self.ends);
        for (key, &hash) in encoded.iter().zip(&self.hashes) {
            let key = key.as_ref();
            let next = ends.len() as u32;
            let group = self.table.find_or_insert(hash, next, |group| slice_of(keys, ends, group) == key);
            if group == next {
                keys.extend_from_slice(key);
                ends.push(keys.len());
            }
            groups.push(group);
        }
        Ok(())
    }

    /// The key columns of `groups`.
    ///
    /// # Errors
    /// If Arrow cannot form the columns.
    ///
    /// # Panics
    /// If there is no such group.
    pub fn keys(&self, groups: &[u32]) -> Result<Vec<ArrayRef>, Error> {
        if self.types.is_empty() {
            return Ok(Vec::new());
        }
        let parser = self.converter.parser();
        Ok(self.converter.convert_rows(groups.iter().map(|&group| parser.parse(self.key(group))))?)
    }

    /// By what checkpoints know groups: the virtual node that each key belongs to, then the key as bytes, by
    /// which [`Groups::assign_saved`] knows it again.
    ///
    /// # Errors
    /// If Arrow cannot form the key columns.
    ///
    /// # Panics
    /// If there is no such group.
    pub fn saved_keys(&self, groups: &[u32]) -> Result<Vec<Vec<u8>>, Error> {
        let mut saved = Vec::with_capacity(groups.len());
        let mut hashes = Vec::new();
        for portion in groups.chunks(BATCH_ROWS_MAX) {
            self.hasher.hash(&self.keys(portion)?, portion.len(), &mut hashes)?;
            let key = |(&group, &hash): (&u32, &u64)| [&[virtual_node(hash)], self.key(group)].concat();
            saved.extend(portion.iter().zip(&hashes).map(key));
        }
        Ok(saved)
    }

    /// The key of a group as bytes.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    pub fn key(&self, group: u32) -> &[u8] {
        slice_of(&self.keys, &self.ends, group)
    }

    /// As [`Groups::assign`], with keys that [`Groups::saved_keys`] gave, without the node.
    ///
    /// # Errors
    /// If they are of other types.
    ///
    /// # Panics
    /// If the bytes are not such a key at all.
    pub fn assign_saved(&mut self, keys: &[&[u8]], groups: &mut Vec<u32>) -> Result<(), Error> {
        let columns = if self.types.is_empty() {
            Vec::new()
        } else {
            let parser = self.converter.parser();
            self.converter.convert_rows(keys.iter().map(|key| parser.parse(key)))?
        };
        self.assign(&columns, keys.len(), groups)
    }

    /// Forgets all groups but these; `kept[i]`, in ascending order, becomes `i`.
    pub fn keep(&mut self, kept: &[u32]) {
        let mut renamed = vec![NO_GROUP; self.len()];
        let mut keys = Vec::new();
        let mut ends = Vec::with_capacity(kept.len());
        for (&old, new) in kept.iter().zip(0u32..) {
            renamed[old as usize] = new;
            keys.extend_from_slice(self.key(old));
            ends.push(keys.len());
        }
        self.table.rename(kept.len(), &renamed);
        if self.null_group != NO_GROUP {
            self.null_group = renamed[self.null_group as usize];
        }
        self.keys = keys;
        self.ends = ends;
    }
}

/// Arrow's row format for columns of these types.
fn row_converter(types: &[DataType]) -> Result<RowConverter, Error> {
    let fields = types.iter().map(|data_type| SortField::new(data_type.clone())).collect();
    Ok(RowConverter::new(fields)?)
}

fn slice_of<'a>(keys: &'a [u8], ends: &[usize], group: u32) -> &'a [u8] {
    let group = group as usize;
    let start = if group == 0 { 0 } else { ends[group - 1] };
    &keys[start..ends[group]]
}

/// The column with equal floats made equal in their bits; other types as they are.
pub(crate) fn with_one_nan_and_zero(column: &ArrayRef) -> ArrayRef {
    // Adding zero turns -0.0 into 0.0 and changes nothing else.
    match column.data_type() {
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>();
            let one = |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 };
            Arc::new(values.unary::<_, Float32Type>(one))
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            let one = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
            Arc::new(values.unary::<_, Float64Type>(one))
        }
        _ => column.clone(),
    }
}

#[cfg(test)]
mod tests;
