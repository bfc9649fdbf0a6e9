//! Values in order, each with how often it is there: what a minimum needs if values can go.

use std::borrow::Borrow;
use std::collections::BTreeMap;

/// More different values than this go into a tree.
const FEW_MAX: usize = 16;

/// Within an epoch a value may be there less than no times; it counts as absent.
#[derive(Clone, Debug)]
pub(super) enum Multiset<K> {
    /// In ascending order.
    Few(Vec<(K, i64)>),
    Many(BTreeMap<K, i64>),
}

impl<K> Default for Multiset<K> {
    fn default() -> Multiset<K> {
        Multiset::Few(Vec::new())
    }
}

impl<K: Ord> Multiset<K> {
    /// Adds a value `diff` times. `own` makes a key of it if it is new. Returns by how much the
    /// number of different values has grown: one, none, or minus one.
    pub(super) fn add<Q: Ord + ?Sized>(&mut self, value: &Q, diff: i64, own: impl FnOnce(&Q) -> K) -> isize
    where
        K: Borrow<Q>,
    {
        match self {
            Multiset::Few(few) => match few.binary_search_by(|(key, _)| key.borrow().cmp(value)) {
                Ok(place) => {
                    few[place].1 += diff;
                    if few[place].1 != 0 {
                        return 0;
                    }
                    few.remove(place);
                    -1
                }
                Err(place) => {
                    few.insert(place, (own(value), diff));
                    if few.len() > FEW_MAX {
                        *self = Multiset::Many(std::mem::take(few).into_iter().collect());
                    }
                    1
                }
            },
            Multiset::Many(many) => match many.get_mut(value) {
                Some(count) => {
                    *count += diff;
                    if *count != 0 {
                        return 0;
                    }
                    many.remove(value);
                    if many.is_empty() {
                        *self = Multiset::default();
                    }
                    -1
                }
                None => {
                    many.insert(own(value), diff);
                    1
                }
            },
        }
    }

    pub(super) fn first(&self) -> Option<&K> {
        self.iter().find(|(_, count)| *count > 0).map(|(key, _)| key)
    }

    pub(super) fn last(&self) -> Option<&K> {
        match self {
            Multiset::Few(few) => few.iter().rev().find(|(_, count)| *count > 0).map(|(key, _)| key),
            Multiset::Many(many) => many.iter().rev().find(|(_, count)| **count > 0).map(|(key, _)| key),
        }
    }

    /// How often a value is there.
    pub(super) fn count(&self, value: &K) -> i64 {
        match self {
            Multiset::Few(few) => few.binary_search_by(|(key, _)| key.cmp(value)).map_or(0, |place| few[place].1),
            Multiset::Many(many) => many.get(value).copied().unwrap_or(0),
        }
    }

    /// How many different values.
    pub(super) fn len(&self) -> usize {
        match self {
            Multiset::Few(few) => few.len(),
            Multiset::Many(many) => many.len(),
        }
    }

    /// All values and how often they are there, in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, i64)> {
        let (few, many) = match self {
            Multiset::Few(few) => (few.as_slice(), None),
            Multiset::Many(many) => ([].as_slice(), Some(many)),
        };
        let few = few.iter().map(|(key, count)| (key, *count));
        few.chain(many.into_iter().flatten().map(|(key, count)| (key, *count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_and_last_follow_what_comes_and_goes() {
        let mut values = Multiset::<i64>::default();
        let add = |values: &mut Multiset<i64>, value: i64, diff| values.add(&value, diff, |value| *value);
        // A value that goes before it comes is not there.
        assert_eq!(add(&mut values, -7, -1), 1);
        for value in 0..100 {
            add(&mut values, value, 1);
        }
        assert_eq!((values.first(), values.last(), values.len()), (Some(&0), Some(&99), 101));
        assert_eq!(add(&mut values, -7, 1), -1);
        assert_eq!(add(&mut values, 0, 1), 0);
        add(&mut values, 0, -1);
        add(&mut values, 99, -1);
        assert_eq!((values.first(), values.last(), values.len()), (Some(&0), Some(&98), 99));
        for value in 0..99 {
            add(&mut values, value, -1);
        }
        assert_eq!((values.first(), values.last(), values.len()), (None, None, 0));
    }
}
