//! Small numbers for keys: what grouping state is indexed by.
//!
//! A key gets a number when it is first seen, and keeps it until [`Groups::release`]; then the
//! number is free for another key. What is known of a group lies elsewhere, in [`Pages`] indexed by
//! that number; nothing here knows when a group is empty. Nothing is ever done to all groups at
//! once. Nulls are equal to each other, all NaNs are one, and `-0.0` is `0.0`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use changes::{Bounds, KeyHasher, virtual_node};

use crate::{Error, work};

mod keys;
mod numbers;
mod pages;
mod table;

pub use pages::{Pages, Room};

use keys::{Encoded, Format, Key};
use numbers::Numbers;
use table::{NO_GROUP, Table};

/// Maps keys of one or more columns (or of none) to small numbers.
#[derive(Debug)]
pub struct Groups {
    types: Vec<DataType>,
    hasher: KeyHasher,
    format: Format,
    table: Table,
    numbers: Numbers,
    /// The group of the null key, where keys are compared by hash alone, or of the key without columns.
    single: u32,
    keys: Pages<Key>,
    /// Bytes of keys that lie outside of `keys`.
    outside: usize,
    /// Rooms that have changed and of which nobody was told.
    rooms: Vec<Room>,
    /// The batch's hashes and keys; kept for their memory.
    hashes: Vec<u64>,
    encoded: Encoded,
}

impl Groups {
    /// No groups yet, for keys of these types.
    ///
    /// # Errors
    /// If keys of such a type cannot be hashed or kept.
    pub fn new(types: Vec<DataType>) -> Result<Groups, Error> {
        Ok(Groups {
            hasher: KeyHasher::new(types.clone())?,
            format: Format::new(&types)?,
            types,
            table: Table::default(),
            numbers: Numbers::default(),
            single: NO_GROUP,
            keys: Pages::default(),
            outside: 0,
            rooms: Vec::new(),
            hashes: Vec::new(),
            encoded: Encoded::default(),
        })
    }

    /// How many groups there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that keys and what finds them take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.keys.bytes() + self.outside + self.numbers.bytes() + self.table.bytes()
    }

    /// Replaces `groups` by the group of each of the `rows` keys, adding those not seen before.
    /// [`Groups::take_rooms`] then says where there is to be room.
    ///
    /// # Errors
    /// If the columns are not of the types that were promised, or groups exceed 2^32.
    pub fn assign(&mut self, keys: &[ArrayRef], rows: usize, groups: &mut Vec<u32>) -> Result<(), Error> {
        groups.clear();
        if rows == 0 {
            return Ok(());
        }
        work::groups(rows);
        if self.types.is_empty() {
            groups.resize(rows, self.of_single(&[]));
            return Ok(());
        }
        if self.len() + rows >= NO_GROUP as usize {
            return Err(Error::Arrow(arrow::error::ArrowError::ComputeError("more than 2^32 groups".into())));
        }
        let keys = keys.iter().map(with_one_nan_and_zero).collect::<Vec<_>>();
        let mut hashes = std::mem::take(&mut self.hashes);
        let mut encoded = std::mem::take(&mut self.encoded);
        self.hasher.hash(&keys, rows, &mut hashes)?;
        self.table.find(&hashes, groups);
        if self.hasher.is_exact() {
            self.add_new(&keys, &hashes, &mut encoded, groups)?;
        } else {
            self.format.encode(&keys, rows, &mut encoded)?;
            self.verify(&hashes, &encoded, groups);
        }
        (self.hashes, self.encoded) = (hashes, encoded);
        Ok(())
    }

    /// Equal hashes are equal keys: only new ones, and nulls, are looked at.
    fn add_new(
        &mut self,
        keys: &[ArrayRef],
        hashes: &[u64],
        encoded: &mut Encoded,
        groups: &mut [u32],
    ) -> Result<(), Error> {
        let nulls = keys[0].logical_nulls().filter(|nulls| nulls.null_count() > 0);
        let is_null = |row: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        let is_new = |row: &usize| groups[*row] == NO_GROUP || is_null(*row);
        let new_rows = (0..groups.len()).filter(is_new).map(|row| row as u32).collect::<Vec<_>>();
        if new_rows.is_empty() {
            return Ok(());
        }
        let new_keys = [compute::take(&keys[0], &UInt32Array::from(new_rows.clone()), None)?];
        self.format.encode(&new_keys, new_rows.len(), encoded)?;
        for (place, row) in new_rows.into_iter().map(|row| row as usize).enumerate() {
            let (hash, key) = (hashes[row], encoded.get(place));
            groups[row] = if is_null(row) {
                self.of_single(key)
            } else {
                self.table.get(hash, |_| true).unwrap_or_else(|| self.add(hash, key))
            };
        }
        Ok(())
    }

    /// Compares keys where hashes are equal.
    fn verify(&mut self, hashes: &[u64], encoded: &Encoded, groups: &mut [u32]) {
        for (row, group) in groups.iter_mut().enumerate() {
            let key = encoded.get(row);
            if *group != NO_GROUP && self.keys[*group].bytes() == key {
                continue;
            }
            let found = self.table.get(hashes[row], |group| self.keys[group].bytes() == key);
            *group = found.unwrap_or_else(|| self.add(hashes[row], key));
        }
    }

    /// The group of the one key that is not in the table.
    fn of_single(&mut self, key: &[u8]) -> u32 {
        if self.single == NO_GROUP {
            self.single = self.number(key);
        }
        self.single
    }

    fn add(&mut self, hash: u64, key: &[u8]) -> u32 {
        let group = self.number(key);
        self.table.insert(hash, group);
        group
    }

    /// A number for a new key.
    fn number(&mut self, key: &[u8]) -> u32 {
        let (group, room) = self.numbers.take();
        self.keys_room(room);
        self.keys[group] = Key::new(key);
        self.outside += self.keys[group].outside();
        group
    }

    fn keys_room(&mut self, room: Option<Room>) {
        if let Some(room) = room {
            self.keys.set_room(room);
            self.rooms.push(room);
        }
    }

    /// Where whatever is indexed by group is to have room that it had not when this was last asked,
    /// or none any more: see [`Pages::set_room`].
    pub fn take_rooms(&mut self) -> Vec<Room> {
        std::mem::take(&mut self.rooms)
    }

    /// The key columns of `groups`.
    ///
    /// # Errors
    /// If Arrow cannot form the columns.
    ///
    /// # Panics
    /// If there is no such group.
    pub fn keys(&self, groups: &[u32]) -> Result<Vec<ArrayRef>, Error> {
        self.format.decode(&groups.iter().map(|&group| self.key(group)).collect::<Vec<_>>())
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
        let keys = groups.iter().map(|&group| self.key(group)).collect::<Vec<_>>();
        let (mut saved, mut hashes) = (Vec::with_capacity(keys.len()), Vec::new());
        for portion in portions(&keys) {
            self.hasher.hash(&self.format.decode(portion)?, portion.len(), &mut hashes)?;
            saved.extend(portion.iter().zip(&hashes).map(|(key, &hash)| [&[virtual_node(hash)], *key].concat()));
        }
        Ok(saved)
    }

    /// The key of a group as bytes.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    pub fn key(&self, group: u32) -> &[u8] {
        self.keys[group].bytes()
    }

    /// As [`Groups::assign`], with keys that [`Groups::saved_keys`] gave, without the node.
    ///
    /// # Errors
    /// If they are of other types, as far as can be seen.
    pub fn assign_saved(&mut self, keys: &[&[u8]], groups: &mut Vec<u32>) -> Result<(), Error> {
        groups.clear();
        let mut assigned = Vec::new();
        for portion in portions(keys) {
            self.assign(&self.format.decode(portion)?, portion.len(), &mut assigned)?;
            groups.append(&mut assigned);
        }
        Ok(())
    }

    /// Forgets these groups, each of which must be there. Their numbers may be given to others.
    ///
    /// # Errors
    /// If Arrow cannot form their keys.
    pub fn release(&mut self, groups: &[u32]) -> Result<(), Error> {
        if groups.is_empty() {
            return Ok(());
        }
        work::groups(groups.len());
        let keys = self.keys(groups)?;
        let mut hashes = Vec::new();
        self.hasher.hash(&keys, groups.len(), &mut hashes)?;
        for (&group, &hash) in groups.iter().zip(&hashes) {
            if group == self.single {
                self.single = NO_GROUP;
            } else {
                self.table.remove(hash, group);
            }
            self.outside -= self.keys[group].outside();
            self.keys[group] = Key::default();
            let room = self.numbers.give_back(group);
            self.keys_room(room);
        }
        Ok(())
    }
}

/// Keys in portions that fit a batch.
fn portions<'a, 'k>(mut keys: &'a [&'k [u8]]) -> impl Iterator<Item = &'a [&'k [u8]]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |key: &&&[u8]| {
            bytes += key.len();
            bytes <= Bounds::BATCH.bytes
        };
        let most = keys.len().min(Bounds::BATCH.rows);
        let fitting = keys[..most].iter().take_while(fits).count().max(1).min(most);
        let portion;
        (portion, keys) = keys.split_at(fitting);
        (!portion.is_empty()).then_some(portion)
    })
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
