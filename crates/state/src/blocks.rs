//! A list in the order of its keys whose copies share what did not change since: the list of
//! chunks, of which readers keep versions while the writer goes on.
//!
//! Items lie in blocks, and the blocks in one vector. A change copies the vector, if a copy of the
//! list is alive, and one block: for thousands of items some hundred pointers.

use std::sync::Arc;

/// Items in a block at most.
const BLOCK_ITEMS_MAX: usize = 64;

/// Items of growing keys; several may have the same.
#[derive(Debug)]
pub(crate) struct Blocks<T> {
    blocks: Arc<Vec<Block<T>>>,
    len: usize,
}

#[derive(Debug)]
struct Block<T> {
    /// The key of its first item.
    first: u64,
    items: Arc<Vec<(u64, T)>>,
}

/// Where an item lies, until the list changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    block: usize,
    item: usize,
}

impl<T> Clone for Block<T> {
    fn clone(&self) -> Block<T> {
        Block { first: self.first, items: Arc::clone(&self.items) }
    }
}

impl<T> Clone for Blocks<T> {
    fn clone(&self) -> Blocks<T> {
        Blocks { blocks: Arc::clone(&self.blocks), len: self.len }
    }
}

impl<T> Default for Blocks<T> {
    fn default() -> Blocks<T> {
        Blocks { blocks: Arc::default(), len: 0 }
    }
}

impl<T> Blocks<T> {
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The last item whose key is at most `key`.
    pub(crate) fn at_most(&self, key: u64) -> Option<Place> {
        let block = self.blocks.partition_point(|block| block.first <= key).checked_sub(1)?;
        let item = self.blocks[block].items.partition_point(|(first, _)| *first <= key).checked_sub(1)?;
        Some(Place { block, item })
    }

    pub(crate) fn get(&self, place: Place) -> &T {
        &self.blocks[place.block].items[place.item].1
    }

    pub(crate) fn first(&self) -> Option<Place> {
        (!self.is_empty()).then_some(Place { block: 0, item: 0 })
    }

    pub(crate) fn last(&self) -> Option<Place> {
        let block = self.blocks.len().checked_sub(1)?;
        Some(Place { block, item: self.blocks[block].items.len() - 1 })
    }

    pub(crate) fn before(&self, place: Place) -> Option<Place> {
        match place.item.checked_sub(1) {
            Some(item) => Some(Place { item, ..place }),
            None => {
                let block = place.block.checked_sub(1)?;
                Some(Place { block, item: self.blocks[block].items.len() - 1 })
            }
        }
    }

    pub(crate) fn after(&self, place: Place) -> Option<Place> {
        if place.item + 1 < self.blocks[place.block].items.len() {
            return Some(Place { item: place.item + 1, ..place });
        }
        (place.block + 1 < self.blocks.len()).then_some(Place { block: place.block + 1, item: 0 })
    }

    /// From `place` on to the end.
    pub(crate) fn from(&self, place: Option<Place>) -> impl Iterator<Item = &T> {
        std::iter::successors(place, |&place| self.after(place)).map(|place| self.get(place))
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flat_map(|block| block.items.iter().map(|(_, item)| item))
    }

    /// The first item of the longest tail in which all items are as `belongs` says.
    pub(crate) fn tail(&self, belongs: impl Fn(&T) -> bool) -> Option<Place> {
        let backwards = std::iter::successors(self.last(), |&place| self.before(place));
        backwards.take_while(|&place| belongs(self.get(place))).last()
    }
}

impl<T: Clone> Blocks<T> {
    /// Adds an item whose key is no less than the last one's.
    pub(crate) fn push(&mut self, key: u64, item: T) {
        self.len += 1;
        let blocks = Arc::make_mut(&mut self.blocks);
        match blocks.last_mut() {
            Some(last) if last.items.len() < BLOCK_ITEMS_MAX => Arc::make_mut(&mut last.items).push((key, item)),
            _ => blocks.push(Block { first: key, items: Arc::new(vec![(key, item)]) }),
        }
    }

    /// Puts an item in place of another; its key must lie between the neighbours'.
    pub(crate) fn replace(&mut self, place: Place, key: u64, item: T) {
        let block = &mut Arc::make_mut(&mut self.blocks)[place.block];
        if place.item == 0 {
            block.first = key;
        }
        Arc::make_mut(&mut block.items)[place.item] = (key, item);
    }

    /// Takes an item out. Blocks that have become small join the next.
    pub(crate) fn remove(&mut self, place: Place) -> T {
        self.len -= 1;
        let blocks = Arc::make_mut(&mut self.blocks);
        let items = Arc::make_mut(&mut blocks[place.block].items);
        let (_, item) = items.remove(place.item);
        match items.first() {
            None => {
                blocks.remove(place.block);
            }
            Some(&(first, _)) => {
                let left = items.len();
                blocks[place.block].first = first;
                if blocks.get(place.block + 1).is_some_and(|next| left + next.items.len() <= BLOCK_ITEMS_MAX / 2) {
                    let next = blocks.remove(place.block + 1);
                    Arc::make_mut(&mut blocks[place.block].items).extend(next.items.iter().cloned());
                }
            }
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn it_is_a_list_and_its_copies_stay_as_they_were() {
        for seed in 0..20 {
            let mut random = StdRng::seed_from_u64(seed);
            let (mut blocks, mut model) = (Blocks::default(), Vec::new());
            let mut copies = Vec::new();
            let mut key = 0;
            for step in 0..2000 {
                if model.is_empty() || random.random_bool(if step % 1000 < 500 { 0.7 } else { 0.2 }) {
                    key += random.random_range(0..3);
                    blocks.push(key, step);
                    model.push((key, step));
                } else {
                    let index = random.random_range(0..model.len());
                    let place = std::iter::successors(blocks.first(), |&place| blocks.after(place)).nth(index);
                    let place = place.expect("it has as many items");
                    if random.random_bool(0.5) {
                        assert_eq!(blocks.remove(place), model.remove(index).1);
                    } else {
                        let key = model[index].0;
                        blocks.replace(place, key, step);
                        model[index].1 = step;
                    }
                }
                if step % 100 == 0 {
                    copies.push((blocks.clone(), model.clone()));
                }
                let wanted = random.random_range(0..key + 2);
                let found = blocks.at_most(wanted).map(|place| *blocks.get(place));
                assert_eq!(found, model.iter().rev().find(|(key, _)| *key <= wanted).map(|(_, item)| *item));
            }
            for (blocks, model) in copies {
                assert_eq!(blocks.iter().copied().collect::<Vec<_>>(), model.iter().map(|m| m.1).collect::<Vec<_>>());
                assert_eq!(blocks.len(), model.len());
                let backwards = std::iter::successors(blocks.last(), |&place| blocks.before(place));
                assert_eq!(backwards.count(), model.len());
            }
        }
    }
}
