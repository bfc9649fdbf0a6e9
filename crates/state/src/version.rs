//! What readers see: the chunks and deaths as they were at some moment, which a writer's going on
//! does not change. Reading takes no lock; a copy costs two pointers.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::{ArrayRef, UInt32Array, new_empty_array};
use arrow::compute;
use arrow::datatypes::SchemaRef;
use changes::{Bounds, Epoch};
use hashbrown::HashMap;

use crate::blocks::Blocks;
use crate::{Chunk, Error, RowId, work};

/// Chunks that are remembered while rows are looked up, and how many rows ask for the same of them.
const LATELY_CHUNKS: usize = 64;
const LATELY_ROWS: RowId = 4096;

/// The rows of one writer as they were at some moment.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) schema: SchemaRef,
    /// By their first row's id. Epochs of birth grow with ids, over all chunks.
    pub(crate) chunks: Blocks<Arc<Chunk>>,
    /// By their epoch, back to the horizon.
    pub(crate) deaths: Blocks<Arc<Deaths>>,
    pub(crate) living: usize,
    /// Bytes that chunks and deaths take.
    pub(crate) bytes: usize,
    /// Bytes of all rows that ever died.
    pub(crate) died_bytes: u64,
    /// Rows and bytes of a batch at most.
    pub(crate) bounds: Bounds,
}

/// Rows that died together.
#[derive(Debug)]
pub(crate) struct Deaths {
    pub(crate) epoch: Epoch,
    pub(crate) ids: Vec<RowId>,
    /// The hash of each row's identity, if others look for dead rows by it.
    pub(crate) hashes: Vec<u64>,
    /// Bytes of all rows that died before them.
    pub(crate) died_bytes_before: u64,
    /// Whether the index of dead rows has them. Only the writer looks at it.
    pub(crate) are_indexed: AtomicBool,
}

impl Deaths {
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Deaths>() + size_of_val(&*self.ids) + size_of_val(&*self.hashes)
    }
}

impl Version {
    pub(crate) fn new(schema: SchemaRef) -> Version {
        let (chunks, deaths) = (Blocks::default(), Blocks::default());
        Version { schema, chunks, deaths, living: 0, bytes: 0, died_bytes: 0, bounds: Bounds::BATCH }
    }

    /// The chunk that holds a row, and where in it; none if the row is forgotten, or younger than
    /// this version.
    #[inline]
    pub(crate) fn locate(&self, id: RowId) -> Option<(&Arc<Chunk>, usize)> {
        let chunk = self.chunks.get(self.chunks.at_most(id)?);
        Some((chunk, chunk.offset_of(id)?))
    }

    /// Whether a reader at `at` sees a row.
    pub(crate) fn is_visible(&self, id: RowId, at: Epoch) -> bool {
        self.locate(id).is_some_and(|(chunk, offset)| chunk.birth(offset) <= at && at < chunk.death(offset))
    }

    /// Bytes of the rows that died after epoch `after`, which must be at or above the horizon: what
    /// a reader at `after` keeps from being forgotten. Asking costs a search, no walk.
    pub(crate) fn died_since(&self, after: Epoch) -> u64 {
        let since = match self.deaths.at_most(after.0) {
            Some(last_before) => self.deaths.after(last_before),
            None => self.deaths.first(),
        };
        since.map_or(0, |first| self.died_bytes - self.deaths.get(first).died_bytes_before)
    }

    /// The rows that were there at `after` and died up to and including `upto`.
    pub(crate) fn died_between(&self, after: Epoch, upto: Epoch) -> Vec<RowId> {
        let since = self.deaths.from(self.deaths.tail(|deaths| deaths.epoch > after));
        let died = since.take_while(|deaths| deaths.epoch <= upto).flat_map(|deaths| deaths.ids.iter().copied());
        let was_there = |id: &RowId| self.locate(*id).is_some_and(|(chunk, offset)| chunk.birth(offset) <= after);
        died.filter(was_there).collect()
    }

    /// The columns `columns` of the rows `ids`, in that order, in pieces that fit a batch, and
    /// where in `ids` each piece's rows are.
    pub(crate) fn gather_pieces<'a>(
        &'a self,
        ids: &'a [RowId],
        columns: &'a [usize],
    ) -> impl Iterator<Item = Result<(Range<usize>, Vec<ArrayRef>), Error>> + 'a {
        let mut next = 0;
        std::iter::from_fn(move || {
            let first = next;
            let (count, gathered) = self.gather_piece(ids.get(first..)?, columns)?;
            next += count;
            Some(gathered.map(|gathered| (first..next, gathered)))
        })
    }

    /// The first piece of [`Version::gather_pieces`], and of how many rows it is; none of no rows.
    pub(crate) fn gather_piece(
        &self,
        ids: &[RowId],
        columns: &[usize],
    ) -> Option<(usize, Result<Vec<ArrayRef>, Error>)> {
        if ids.is_empty() {
            return None;
        }
        let found = self.find_places(ids, columns, self.bounds);
        Some((found.places.len(), found.gather(columns)))
    }

    /// The columns `columns` of the rows `ids`, in that order, which together must fit what Arrow
    /// can form: use [`Version::gather_pieces`] where nobody has made sure of that.
    pub(crate) fn gather(&self, ids: &[RowId], columns: &[usize]) -> Result<Vec<ArrayRef>, Error> {
        if ids.is_empty() || columns.is_empty() {
            let empty = |&column: &usize| new_empty_array(self.schema.field(column).data_type());
            return Ok(columns.iter().map(empty).collect());
        }
        self.find_places(ids, columns, Bounds { rows: usize::MAX, bytes: usize::MAX }).gather(columns)
    }

    /// Where the first rows of `ids` are, as many as fit.
    fn find_places(&self, ids: &[RowId], columns: &[usize], bounds: Bounds) -> Places<'_> {
        let ids = &ids[..ids.len().min(bounds.rows)];
        let mut found = Places { chunks: Vec::new(), places: Vec::with_capacity(ids.len()) };
        let mut finder = ChunkFinder::new(self);
        // Rows as wide as the widest of all fit together, which is nearly always so.
        let mut widest = 0;
        for &id in ids {
            let (number, offset) = finder.find(id, &mut found.chunks, |chunk| widest = chunk.widest().max(widest));
            found.places.push((number, offset));
        }
        if bounds.bytes < usize::MAX && widest.saturating_mul(ids.len()) > bounds.bytes {
            found.cut(columns, bounds.bytes);
        }
        work::chunks(found.chunks.len());
        work::rows(found.places.len());
        found
    }
}

/// Looks up which chunks hold rows, most of which are in one that was looked up before.
struct ChunkFinder<'a> {
    version: &'a Version,
    numbers: HashMap<RowId, usize>,
    /// By the row's id, a chunk that was found lately: its rows and its number.
    lately: [(Range<RowId>, usize); LATELY_CHUNKS],
}

impl<'a> ChunkFinder<'a> {
    fn new(version: &'a Version) -> ChunkFinder<'a> {
        ChunkFinder { version, numbers: HashMap::new(), lately: [const { (0..0, 0) }; LATELY_CHUNKS] }
    }

    /// The number of a row's chunk among `chunks`, to which `new` chunks are added, and the row's
    /// place in it.
    #[inline]
    fn find(&mut self, id: RowId, chunks: &mut Vec<&'a Arc<Chunk>>, new: impl FnOnce(&Chunk)) -> (usize, usize) {
        let lately = (id / LATELY_ROWS) as usize % LATELY_CHUNKS;
        if !self.lately[lately].0.contains(&id) {
            self.lately[lately] = self.look_up(id, chunks, new);
        }
        let number = self.lately[lately].1;
        (number, chunks[number].offset_of(id).expect("a row that is gathered is there"))
    }

    #[inline(never)]
    fn look_up(
        &mut self,
        id: RowId,
        chunks: &mut Vec<&'a Arc<Chunk>>,
        new: impl FnOnce(&Chunk),
    ) -> (Range<RowId>, usize) {
        let chunk = self.version.chunks.at_most(id).expect("a row that is gathered is there");
        let chunk = self.version.chunks.get(chunk);
        let number = *self.numbers.entry(chunk.first).or_insert_with(|| {
            new(chunk);
            chunks.push(chunk);
            chunks.len() - 1
        });
        (chunk.first..chunk.last() + 1, number)
    }
}

/// Rows to be gathered.
struct Places<'a> {
    chunks: Vec<&'a Arc<Chunk>>,
    /// For each row its chunk's number among those, and its place in the chunk.
    places: Vec<(usize, usize)>,
}

impl Places<'_> {
    /// Keeps as many of the first rows as have no more than `bytes_max` bytes; one at least.
    fn cut(&mut self, columns: &[usize], bytes_max: usize) {
        let of_row = |&(number, offset): &(usize, usize)| {
            let column = |&column: &usize| {
                let column = self.chunks[number].rows.column(column);
                changes::bytes_of(std::slice::from_ref(column), offset..offset + 1)
            };
            columns.iter().map(column).sum::<usize>()
        };
        let mut bytes = 0;
        let fits = |place: &&(usize, usize)| {
            bytes += of_row(place);
            bytes <= bytes_max
        };
        let fitting = self.places.iter().take_while(fits).count();
        self.places.truncate(fitting.max(1));
    }

    fn gather(&self, columns: &[usize]) -> Result<Vec<ArrayRef>, Error> {
        let [chunk] = self.chunks.as_slice() else {
            let interleave = |&column: &usize| {
                let arrays = self.chunks.iter().map(|chunk| chunk.rows.column(column).as_ref()).collect::<Vec<_>>();
                compute::interleave(&arrays, &self.places)
            };
            return Ok(columns.iter().map(interleave).collect::<Result<_, _>>()?);
        };
        let first = self.places[0].1;
        if self.places.iter().zip(first..).all(|((_, offset), next)| *offset == next) {
            let slice = |&column: &usize| chunk.rows.column(column).slice(first, self.places.len());
            return Ok(columns.iter().map(slice).collect());
        }
        let offsets = UInt32Array::from_iter_values(self.places.iter().map(|(_, offset)| *offset as u32));
        let take = |&column: &usize| compute::take(chunk.rows.column(column), &offsets, None);
        Ok(columns.iter().map(take).collect::<Result<_, _>>()?)
    }
}
