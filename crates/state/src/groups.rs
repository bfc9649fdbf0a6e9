//! Small numbers for keys: what grouping state is indexed by.
//!
//! A key gets a number when it is first seen, and keeps it until [`Groups::release`]; then the
//! number is free for another key. What is known of a group lies elsewhere, in [`Pages`] indexed by
//! that number; nothing here knows when a group is empty. Nothing is ever done to all groups at
//! once. Nulls are equal to each other, all NaNs are one, and `-0.0` is `0.0`.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use changes::{Bounds, KeyHasher, virtual_node};

use crate::table::{Slot, Table};
use crate::{Error, work};

mod keys;
mod numbers;
mod pages;
mod source;

pub use pages::{Pages, Room};

use keys::{Encoded, Format, Key, Short};
use numbers::Numbers;
use source::Source;

/// Maps keys of one or more columns (or of none) to small numbers.
#[derive(Debug)]
pub struct Groups {
    types: Vec<DataType>,
    hasher: KeyHasher,
    format: Format,
    table: Table<Found>,
    numbers: Numbers,
    /// The group of the null key, where keys are compared by hash alone, or of the key without columns.
    single: u32,
    entries: Pages<Entry>,
    /// Bytes of keys that lie outside of `entries`.
    outside: usize,
    /// Rooms that have changed and of which nobody was told.
    rooms: Vec<Room>,
    /// The batch's hashes and keys; kept for their memory.
    hashes: Vec<u64>,
    encoded: Encoded,
    short: Vec<Short>,
}

/// No group has this number.
const NO_GROUP: u32 = u32::MAX;
/// Look-ups that are under way together.
const BLOCK_ROWS: usize = 512;

/// Where a hash leads. A group whose hash agrees in its lower half is very likely the right one.
#[derive(Clone, Copy, Debug)]
struct Found {
    low_hash: u32,
    group: u32,
}

impl Slot for Found {
    const EMPTY: Found = Found { low_hash: 0, group: NO_GROUP };

    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.group == NO_GROUP
    }

    #[inline(always)]
    fn low_hash(&self) -> u32 {
        self.low_hash
    }
}

#[derive(Debug, Default)]
struct Entry {
    hash: u64,
    key: Key,
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
            entries: Pages::default(),
            outside: 0,
            rooms: Vec::new(),
            hashes: Vec::new(),
            encoded: Encoded::default(),
            short: Vec::new(),
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
        self.entries.bytes() + self.outside + self.numbers.bytes() + self.table.bytes()
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
        groups.reserve(rows);
        let mut hashes = std::mem::take(&mut self.hashes);
        self.hasher.hash(&keys, rows, &mut hashes)?;
        let format = std::mem::take(&mut self.format);
        let assigned = format.source(&keys).map(|source| self.find_or_add(&source, &hashes, groups));
        (self.hashes, self.format) = (hashes, format);
        assigned
    }

    fn find_or_add(&mut self, source: &Source<'_>, hashes: &[u64], groups: &mut Vec<u32>) {
        let is_exact = self.hasher.is_exact();
        let nulls = source.columns[0].nulls.as_ref().filter(|_| is_exact);
        let is_single = |row: usize| nulls.is_some_and(|nulls| nulls.is_null(row));
        let (mut encoded, mut short) = (std::mem::take(&mut self.encoded), std::mem::take(&mut self.short));
        let mut missed = Vec::new();
        for start in (0..hashes.len()).step_by(BLOCK_ROWS) {
            let rows = start..hashes.len().min(start + BLOCK_ROWS);
            self.guess(&hashes[rows.clone()], groups);
            missed.clear();
            if is_exact {
                let has_hash = |row: usize| groups[row] != NO_GROUP && self.entries[groups[row]].hash == hashes[row];
                missed.extend(rows.filter(|&row| !has_hash(row) || is_single(row)));
            } else {
                source.encode_short(rows.clone(), &mut short);
                let has_key =
                    |row: usize, key: &Short| groups[row] != NO_GROUP && self.entries[groups[row]].key == *key;
                missed.extend(rows.zip(&short).filter(|(row, key)| !has_key(*row, key)).map(|(row, _)| row));
            }
            if missed.is_empty() {
                continue;
            }
            source.encode(&missed, &mut encoded);
            for (place, &row) in missed.iter().enumerate() {
                let (hash, key) = (hashes[row], encoded.get(place));
                let is_equal = |found: &Found| {
                    let entry = &self.entries[found.group];
                    entry.hash == hash && (is_exact || entry.key.bytes() == key)
                };
                groups[row] = if is_single(row) {
                    self.of_single(key)
                } else {
                    let found = self.table.find(hash, is_equal).map(|found| found.group);
                    found.unwrap_or_else(|| self.add(hash, key))
                };
            }
        }
        (self.encoded, self.short) = (encoded, short);
    }

    /// Appends a group for each hash that is the right one if there is no other of nearly the same hash, or
    /// [`NO_GROUP`] where there is none.
    fn guess(&self, hashes: &[u64], groups: &mut Vec<u32>) {
        self.table.find_all(hashes, |_, _| true, |found| groups.push(found.map_or(NO_GROUP, |found| found.group)));
    }

    /// The group of the one key that is not in the table.
    fn of_single(&mut self, key: &[u8]) -> u32 {
        if self.single == NO_GROUP {
            self.single = self.number(0, key);
        }
        self.single
    }

    fn add(&mut self, hash: u64, key: &[u8]) -> u32 {
        let group = self.number(hash, key);
        let found = Found { low_hash: hash as u32, group };
        self.table.insert(hash, found, |found| self.entries[found.group].hash);
        group
    }

    /// A number for a new key.
    fn number(&mut self, hash: u64, key: &[u8]) -> u32 {
        let (group, room) = self.numbers.take();
        self.set_room(room);
        self.entries[group] = Entry { hash, key: Key::new(key) };
        self.outside += self.entries[group].key.outside();
        group
    }

    fn set_room(&mut self, room: Option<Room>) {
        if let Some(room) = room {
            self.entries.set_room(room);
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
        self.entries[group].key.bytes()
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
    pub fn release(&mut self, groups: &[u32]) {
        work::groups(groups.len());
        for &group in groups {
            let entry = std::mem::take(&mut self.entries[group]);
            self.outside -= entry.key.outside();
            if group == self.single {
                self.single = NO_GROUP;
            } else {
                self.table.remove(entry.hash, |found| found.group == group);
            }
            let room = self.numbers.give_back(group);
            self.set_room(room);
        }
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
