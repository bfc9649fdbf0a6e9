//! Values that groups remember one by one, in checkpoints: by the group's virtual node and key, then the
//! value's bytes, how often the value is there.

use std::collections::BTreeSet;

use changes::Bounds;
use state::{CheckpointReader, CheckpointWriter, Groups, Pages};

use super::accumulator::{damaged, read, read_bytes, write_bytes};
use super::multiset::Multiset;
use crate::Fault;

/// Values whose keys are made together.
const PORTION_VALUES: usize = 1024;

/// Which values a checkpoint does not have as they are.
#[derive(Debug)]
pub(super) struct UnsavedValues<V> {
    /// Whether there is a checkpoint to which the next one adds. Up to then nothing is noted: all is unsaved.
    is_continued: bool,
    /// Those that changed in this epoch,
    touched: Vec<(u32, V)>,
    /// those that changed before it and are there,
    dirty: BTreeSet<(u32, V)>,
    /// and the keys of those that are not. Their groups may be gone, too.
    gone: BTreeSet<Vec<u8>>,
    gone_bytes: usize,
}

impl<V> Default for UnsavedValues<V> {
    fn default() -> UnsavedValues<V> {
        UnsavedValues {
            is_continued: false,
            touched: Vec::new(),
            dirty: BTreeSet::new(),
            gone: BTreeSet::new(),
            gone_bytes: 0,
        }
    }
}

impl<V: Clone + Ord> UnsavedValues<V> {
    /// A value of a group comes or goes.
    #[inline(always)]
    pub(super) fn touch(&mut self, group: u32, value: impl FnOnce() -> V) {
        if self.is_continued {
            self.touched.push((group, value()));
        }
    }

    /// The epoch is complete. `bytes` appends a value's bytes.
    pub(super) fn settle(
        &mut self,
        values: &Pages<Multiset<V>>,
        all: &Groups,
        bytes: impl Fn(&V, &mut Vec<u8>),
    ) -> Result<(), Fault> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        let (there, gone): (Vec<_>, Vec<_>) =
            touched.into_iter().partition(|(group, value)| values[*group].count(value) != 0);
        self.dirty.extend(there);
        for gone in gone.chunks(PORTION_VALUES) {
            for gone in gone {
                self.dirty.remove(gone);
            }
            let gone = gone.iter().map(|(group, value)| (*group, value)).collect::<Vec<_>>();
            for key in saved_keys(&gone, all, &bytes)? {
                let key_bytes = key.len();
                if self.gone.insert(key) {
                    self.gone_bytes += key_bytes;
                }
            }
        }
        Ok(())
    }

    /// Writes what changed since the last time.
    pub(super) fn checkpoint(
        &mut self,
        values: &Pages<Multiset<V>>,
        all: &Groups,
        writer: &CheckpointWriter<'_>,
        bytes: impl Fn(&V, &mut Vec<u8>),
    ) -> Result<(), Fault> {
        self.gone_bytes = 0;
        for key in std::mem::take(&mut self.gone) {
            writer.delete(&key)?;
        }
        let put = |portion: &[(u32, &V)]| -> Result<(), Fault> {
            for (&(group, value), key) in portion.iter().zip(saved_keys(portion, all, &bytes)?) {
                writer.put(&key, values[group].count(value).to_le_bytes().to_vec())?;
            }
            Ok(())
        };
        if std::mem::replace(&mut self.is_continued, true) {
            let dirty = std::mem::take(&mut self.dirty);
            let dirty = dirty.iter().map(|(group, value)| (*group, value)).collect::<Vec<_>>();
            return dirty.chunks(PORTION_VALUES).try_for_each(put);
        }
        let mut portion = Vec::with_capacity(PORTION_VALUES);
        for (group, values) in values.iter() {
            for (value, _) in values.iter() {
                portion.push((group, value));
                if portion.len() == PORTION_VALUES {
                    put(&portion)?;
                    portion.clear();
                }
            }
        }
        put(&portion)
    }

    /// Bytes of what is noted, without what a `V` may hold elsewhere.
    pub(super) fn bytes(&self) -> usize {
        let values = self.touched.capacity() + self.dirty.len();
        values * size_of::<(u32, V)>() + self.gone.len() * size_of::<Vec<u8>>() + self.gone_bytes
    }

    /// All values were read from a checkpoint, to which the next one adds or does not.
    pub(super) fn restored(&mut self, is_continued: bool) {
        self.is_continued = is_continued;
    }
}

fn saved_keys<V>(values: &[(u32, &V)], all: &Groups, bytes: impl Fn(&V, &mut Vec<u8>)) -> Result<Vec<Vec<u8>>, Fault> {
    let groups = values.iter().map(|(group, _)| *group).collect::<Vec<_>>();
    let keys = all.saved_keys(&groups)?;
    Ok(keys.iter().zip(values).map(|(group, (_, value))| value_key(group, |key| bytes(value, key))).collect())
}

/// By what checkpoints know a value of a group that they know by `group`; `bytes` appends the value's.
pub(super) fn value_key(group: &[u8], bytes: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let (node, group) = group.split_first().expect("a saved key begins with its node");
    let mut key = vec![*node];
    write_bytes(group, &mut key);
    bytes(&mut key);
    key
}

/// Reads values of groups that are there already. `add` gets, of some at a time, the groups, the values' bytes
/// and how often each is there.
pub(super) fn read_values(
    all: &mut Groups,
    reader: &CheckpointReader<'_>,
    mut add: impl FnMut(&[u32], &[&[u8]], &[i64]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let (mut keys, mut counts, mut bytes) = (Vec::<Vec<u8>>::new(), Vec::new(), 0);
    let mut add = |keys: &[Vec<u8>], counts: &[i64]| {
        let (mut group_keys, mut values) = (Vec::new(), Vec::new());
        for mut key in keys.iter().map(Vec::as_slice) {
            group_keys.push(read_bytes(&mut key)?);
            values.push(key);
        }
        let (before, mut groups) = (all.len(), Vec::new());
        all.assign_saved(&group_keys, &mut groups)?;
        if all.len() != before {
            return Err(damaged());
        }
        add(&groups, &values, counts)
    };
    for entry in reader.of_own_nodes() {
        let (key, count) = entry?;
        bytes += key.len();
        keys.push(key);
        counts.push(i64::from_le_bytes(read(&mut count.into_bytes()?.as_slice())?));
        if keys.len() >= Bounds::BATCH.rows || bytes >= Bounds::BATCH.bytes {
            add(&keys, &counts)?;
            (keys, counts, bytes) = Default::default();
        }
    }
    add(&keys, &counts)
}
