//! What a checkpoint is made of: keys and values, of which only the changed ones are written.
//!
//! This is the interface that durable storage fills in. [`Saved`] is what it holds after all
//! deltas so far, here in memory. Keys sort as bytes, so that a checkpoint can be read in order.

use std::collections::BTreeMap;

/// What changed in one operator's state since its last checkpoint.
#[derive(Debug, Default)]
pub struct Delta {
    prefix: Vec<u8>,
    writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Delta {
    /// Sets `key` to `value`.
    pub fn put(&mut self, key: &[u8], value: Vec<u8>) {
        let key = self.full(key);
        self.writes.push((key, Some(value)));
    }

    /// Removes `key`, which need not be there.
    pub fn delete(&mut self, key: &[u8]) {
        let key = self.full(key);
        self.writes.push((key, None));
    }

    /// Lets `write` use keys of its own, apart from all others by `name`.
    pub fn scoped<R>(&mut self, name: u8, write: impl FnOnce(&mut Delta) -> R) -> R {
        self.prefix.push(name);
        let result = write(self);
        self.prefix.pop();
        result
    }

    fn full(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, key].concat()
    }
}

/// All that one operator has saved so far.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Saved {
    /// Adds a later delta.
    pub fn apply(&mut self, delta: Delta) {
        for (key, value) in delta.writes {
            match value {
                Some(value) => self.values.insert(key, value),
                None => self.values.remove(&key),
            };
        }
    }

    /// What was saved under `name` by [`Delta::scoped`].
    #[must_use]
    pub fn scoped(&self, name: u8) -> Saved {
        let of_scope = self.values.range(vec![name]..).take_while(|(key, _)| key[0] == name);
        Saved { values: of_scope.map(|(key, value)| (key[1..].to_vec(), value.clone())).collect() }
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// All keys and values, in the keys' order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.values.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// Whether nothing is saved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}
