//! Inner joins: each side remembers its rows, and a change meets the other side's rows.
//!
//! The result changes by exactly `changes * other side as it is now`, whichever side changes, in
//! whatever order. A deletion that comes before its insertion in an epoch is put off until the
//! epoch is complete, for state holds no negative rows.
//!
//! A change may meet more rows than fit into memory, so that pairs are made a portion at a time.
//! "As it is now" holds for all portions of a batch because nothing else is called until the last
//! one is done: both sides stay as they are while a meeting is in hand.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::compute;
use arrow::datatypes::{Schema, SchemaRef};
use changes::{Bounds, ChangeBatch, Diffs, Epoch};
use plan::{JoinKey, JoinKind, Node, Properties};
use state::{CheckpointReader, CheckpointWriter, Identity, LookUp, Pairs, Probe, Rows};

use crate::apply::{apply, unknown_row};
use crate::{Fault, Moment, Operator, Output, Port, Progress};

mod residual;

use residual::Residual;

/// What checkpoints call the sides.
const SIDES: [&[u8]; 2] = [b"l", b"r"];
/// Changes that are looked up at once at most.
const PROBE_ROWS_MAX: usize = 16_384;

/// See [`plan::Join`].
pub struct Join {
    schema: SchemaRef,
    /// Where each output column comes from.
    output: Vec<Source>,
    sides: [Side; 2],
    residual: Option<Residual>,
    /// Changes that have not met all rows of the other side yet, in their order.
    meetings: VecDeque<Meeting>,
    /// The epoch that is complete but for meetings and deferred deletions.
    closing: Option<Epoch>,
}

/// A column of a pair.
#[derive(Clone, Copy)]
enum Source {
    /// Of a side, at this place among what the side keeps.
    Side(usize, usize),
    /// Read by the residual, at this place among its columns: pairs that it chose have it already.
    Residual(usize),
}

/// One input.
struct Side {
    /// The input's columns that are kept: those that leave the join, are in its residual, or find rows.
    kept: Vec<usize>,
    /// Places of the key columns among them.
    keys: Vec<usize>,
    /// Places of the key columns in which null equals nothing.
    not_null: Vec<usize>,
    lookup: LookUp,
    rows: Rows,
    /// Deletions of this epoch for which there was no row yet.
    deferred: VecDeque<ChangeBatch>,
}

/// Changes of one side on their way through the other side's rows.
struct Meeting {
    side: usize,
    changes: ChangeBatch,
    /// The first change that is not being looked up yet.
    next: usize,
    probed: Option<Probed>,
}

/// Changes that are being looked up, and how far that has come.
struct Probed {
    changes: ChangeBatch,
    probe: Probe,
    /// Pairs that were found, of which so many were given to the residual.
    pairs: Pairs,
    tested: usize,
    /// What is being put out.
    chosen: Option<Chosen>,
}

/// Pairs that are in the result, of which so many have been put out: rows may be too wide for all at
/// once.
struct Chosen {
    pairs: Pairs,
    /// The columns that the residual has read of them, no more than a batch may hold.
    read: Vec<ArrayRef>,
    put: usize,
}

/// Pairs of a changed row and a row of the other side.
struct Portion<'a> {
    side: usize,
    changes: &'a ChangeBatch,
    /// For each pair the row of `changes`.
    rows: &'a [u32],
    /// For each pair the other side's row.
    ids: &'a [u64],
}

impl Probed {
    /// The pairs that the residual has not seen yet. The changes are of `side`.
    fn untested(&self, side: usize) -> Portion<'_> {
        let (rows, ids) = (&self.pairs.rows[self.tested..], &self.pairs.ids[self.tested..]);
        Portion { side, changes: &self.changes, rows, ids }
    }
}

impl Side {
    /// `read`: the columns that anything reads beside the keys.
    fn new(input: &Node, keys: &[usize], null_equal: &[bool], read: &[usize]) -> Result<Side, Fault> {
        let Properties { append_only, unique } = input.properties();
        let identity = unique.filter(|_| !append_only);
        let mut kept = [keys, read, identity.as_deref().unwrap_or_default()].concat();
        kept.sort_unstable();
        kept.dedup();
        if kept.is_empty() {
            // Rows of which nobody reads a column are there all the same: they need one to be counted.
            kept.push(0);
        }
        let place = |column: &usize| kept.binary_search(column).expect("it was put among the kept ones");
        let identity = match identity {
            _ if append_only => Identity::AppendOnly,
            Some(key) if !key.is_empty() => Identity::Key(key.iter().map(place).collect()),
            _ => Identity::Row,
        };
        let keys = keys.iter().map(place).collect::<Vec<_>>();
        let schema = Arc::new(input.schema().project(&kept)?);
        let mut rows = Rows::new(schema, identity)?;
        let not_null = (0..keys.len()).filter(|&key| !null_equal[key]).collect::<Vec<_>>();
        let lookup = rows.add_lookup(keys.clone(), not_null.clone())?;
        let not_null = not_null.into_iter().map(|key| keys[key]).collect();
        Ok(Side { kept, keys, not_null, lookup, rows, deferred: VecDeque::new() })
    }

    /// What is to be kept of the changes: those columns, of rows whose key can equal another.
    fn of_interest(&self, changes: &ChangeBatch) -> Result<ChangeBatch, Fault> {
        let changes = changes.project(&self.kept)?;
        let nulls = self
            .not_null
            .iter()
            .fold(None, |nulls, &key| NullBuffer::union(nulls.as_ref(), changes.column(key).logical_nulls().as_ref()));
        match nulls.filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => Ok(changes.filter(&BooleanArray::new(nulls.into_inner(), None))?),
            None => Ok(changes),
        }
    }

    /// Looks up some of the changes to the other side.
    fn probe(&self, other: &Side, changes: &ChangeBatch) -> Result<Probe, Fault> {
        let keys = other.keys.iter().map(|&key| changes.column(key).clone()).collect::<Vec<_>>();
        Ok(self.rows.probe(self.lookup, keys, changes.len())?)
    }
}

impl Join {
    /// A join as the plan has it.
    ///
    /// # Errors
    /// If a key's type cannot be compared, or a residual is not boolean.
    pub fn new(plan: &plan::Join) -> Result<Join, Fault> {
        let JoinKind::Inner = plan.kind;
        let width = plan.left.schema().fields().len();
        let read = [plan.output.clone(), residual::columns_of(&plan.residual)].concat();
        let (left_read, right_read): (Vec<_>, Vec<_>) = read.into_iter().partition(|&column| column < width);
        let right_read = right_read.iter().map(|column| column - width).collect::<Vec<_>>();
        let (left_keys, right_keys) = plan.keys();
        let null_equal = plan.on.iter().map(|JoinKey { null_equal, .. }| *null_equal).collect::<Vec<_>>();
        let sides = [
            Side::new(&plan.left, &left_keys, &null_equal, &left_read)?,
            Side::new(&plan.right, &right_keys, &null_equal, &right_read)?,
        ];
        let place = |column: usize| {
            let (side, column) = if column < width { (0, column) } else { (1, column - width) };
            (side, sides[side].kept.binary_search(&column).expect("what is read is kept"))
        };
        let all = [plan.left.schema().fields().to_vec(), plan.right.schema().fields().to_vec()].concat();
        let residual = Residual::new(&plan.residual, &Schema::new(all), place)?;
        let source = |&column: &usize| {
            let read = residual.as_ref().and_then(|residual| residual.place_of(place(column)));
            read.map_or(Source::Side(place(column).0, place(column).1), Source::Residual)
        };
        let output = plan.output.iter().map(source).collect();
        Ok(Join { schema: plan.schema.clone(), output, sides, residual, meetings: VecDeque::new(), closing: None })
    }

    /// Brings a side up to date, and lets what changed meet the other side. Returns the deletions of
    /// rows that are not there.
    fn change(&mut self, side: usize, epoch: Epoch, changes: ChangeBatch) -> Result<Vec<ChangeBatch>, Fault> {
        let missing = apply(&mut self.sides[side].rows, epoch, &changes)?;
        let meeting = |changes| Meeting { side, changes, next: 0, probed: None };
        self.meetings.push_back(meeting(changes));
        // These were not applied, so they must not be joined: cancel what the others put out.
        let cancelled = missing.iter().map(|missing| meeting(ChangeBatch::inserts(missing.rows().clone())));
        self.meetings.extend(cancelled);
        Ok(missing)
    }

    /// Puts out pairs of the meetings in hand until there are no more, or the output is full.
    fn meet(&mut self, output: &mut Output) -> Result<Progress, Fault> {
        while let Some(mut meeting) = self.meetings.pop_front() {
            if !self.put_portion(&mut meeting, output)? {
                self.meetings.push_front(meeting);
            }
            if output.is_full() && !self.meetings.is_empty() {
                return Ok(Progress::More);
            }
        }
        Ok(Progress::Done)
    }

    /// Puts out some of a meeting's pairs. Returns whether they were the last.
    fn put_portion(&mut self, meeting: &mut Meeting, output: &mut Output) -> Result<bool, Fault> {
        let (side, other) = (&self.sides[meeting.side], &self.sides[1 - meeting.side]);
        let mut probed = match meeting.probed.take() {
            Some(probed) => probed,
            None if meeting.next == meeting.changes.len() => return Ok(true),
            None => {
                let length = PROBE_ROWS_MAX.min(meeting.changes.len() - meeting.next);
                let changes = meeting.changes.slice(meeting.next, length);
                meeting.next += length;
                let probe = other.probe(side, &changes)?;
                Probed { changes, probe, pairs: Pairs::default(), tested: 0, chosen: None }
            }
        };
        if probed.chosen.is_none() {
            if probed.tested == probed.pairs.ids.len() {
                other.rows.next_pairs(&mut probed.probe, output.room().rows, &mut probed.pairs)?;
                probed.tested = 0;
            }
            probed.chosen = match &mut self.residual {
                None => Some(Chosen { pairs: std::mem::take(&mut probed.pairs), read: Vec::new(), put: 0 }),
                Some(residual) => {
                    let portion = probed.untested(meeting.side);
                    let (tested, chosen) = residual.choose(&self.sides, &portion, output)?;
                    output.spend(tested - chosen.pairs.ids.len(), 0);
                    probed.tested += tested;
                    Some(chosen)
                }
            };
        }
        if let Some(chosen) = &mut probed.chosen {
            chosen.put += self.put_pairs(meeting.side, &probed.changes, chosen, output)?;
        }
        probed.chosen = probed.chosen.filter(|chosen| chosen.put < chosen.pairs.ids.len());
        if probed.chosen.is_none() && probed.tested == probed.pairs.ids.len() && probed.probe.is_done() {
            return Ok(meeting.next == meeting.changes.len());
        }
        meeting.probed = Some(probed);
        Ok(false)
    }

    /// Puts out pairs of changes to `side`, in batches of a bounded size, until the output is full.
    /// Returns how many.
    fn put_pairs(
        &self,
        side: usize,
        changes: &ChangeBatch,
        chosen: &Chosen,
        output: &mut Output,
    ) -> Result<usize, Fault> {
        let (rows, ids) = (&chosen.pairs.rows[chosen.put..], &chosen.pairs.ids[chosen.put..]);
        let portion = Portion { side, changes, rows, ids };
        let not_read = self.output.iter().filter_map(|source| match source {
            Source::Side(side, place) => Some((*side, *place)),
            Source::Residual(_) => None,
        });
        let mut put = 0;
        for_each_batch(&not_read.collect::<Vec<_>>(), &self.sides, &portion, |first, columns, (diffs, length)| {
            let mut columns = columns.into_iter();
            let columns = self.output.iter().map(|source| match source {
                Source::Side(..) => columns.next().expect("each side gave its columns"),
                Source::Residual(place) => chosen.read[*place].slice(chosen.put + first, length),
            });
            let options = RecordBatchOptions::new().with_row_count(Some(length));
            let rows = RecordBatch::try_new_with_options(self.schema.clone(), columns.collect(), &options)?;
            output.changes(ChangeBatch::new(rows, diffs));
            put = first + length;
            Ok(if output.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(put)
    }
}

/// The columns of pairs, in batches of a bounded size. `take` gets for each the place of its first
/// pair, and the diffs with their number, and says whether to go on.
fn for_each_batch(
    columns: &[(usize, usize)],
    sides: &[Side; 2],
    pairs: &Portion<'_>,
    mut take: impl FnMut(usize, Vec<ArrayRef>, (Diffs, usize)) -> Result<ControlFlow<()>, Fault>,
) -> Result<(), Fault> {
    let of = |wanted: usize| {
        let columns = columns.iter().filter(move |(side, _)| *side == wanted);
        columns.map(|(_, column)| *column).collect::<Vec<_>>()
    };
    let changed = of(pairs.side).into_iter().map(|column| pairs.changes.column(column).clone()).collect::<Vec<_>>();
    let met_columns = of(1 - pairs.side);
    let rows = &sides[1 - pairs.side].rows;
    // Where nothing is gathered, all pairs are one piece.
    let none = (met_columns.is_empty() && !pairs.ids.is_empty()).then(|| Ok((0..pairs.ids.len(), Vec::new())));
    let gathered = rows.gather_pieces(if none.is_some() { &[] } else { pairs.ids }, &met_columns);
    for piece in none.into_iter().chain(gathered) {
        let (range, met) = piece?;
        let rows = &pairs.rows[range.clone()];
        for run in Bounds::BATCH.cut_taken(&changed, rows) {
            let (first, length) = (run.start, run.len());
            let (changed, diffs) = take_changed(&changed, pairs.changes.diffs(), &rows[run])?;
            let (mut changed, mut met) = (changed.into_iter(), met.iter());
            let columns = columns.iter().map(|(side, _)| {
                let column =
                    if *side == pairs.side { changed.next() } else { met.next().map(|met| met.slice(first, length)) };
                column.expect("each side gave its columns")
            });
            if take(range.start + first, columns.collect(), (diffs, length))?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The columns and diffs at `rows`; as they are where every row meets one other.
fn take_changed(columns: &[ArrayRef], diffs: &Diffs, rows: &[u32]) -> Result<(Vec<ArrayRef>, Diffs), Fault> {
    if columns.is_empty() {
        return Ok((Vec::new(), diffs.take(rows)));
    }
    let length = columns.first().map(|column| column.len());
    let is_all = length == Some(rows.len()) && rows.iter().zip(0u32..).all(|(&row, place)| row == place);
    if is_all {
        return Ok((columns.to_vec(), diffs.clone()));
    }
    let indices = UInt32Array::from(rows.to_vec());
    Ok((compute::take_arrays(columns, &indices, None)?, diffs.take(rows)))
}

impl Operator for Join {
    fn on_changes(
        &mut self,
        input: Port,
        epoch: Epoch,
        changes: ChangeBatch,
        output: &mut Output,
    ) -> Result<Progress, Fault> {
        let side = input.0;
        let changes = self.sides[side].of_interest(&changes)?;
        if changes.is_empty() {
            return Ok(Progress::Done);
        }
        output.spend(changes.len(), 0);
        let missing = self.change(side, epoch, changes)?;
        self.sides[side].deferred.extend(missing);
        self.meet(output)
    }

    fn on_epoch_complete(&mut self, moment: &Moment, output: &mut Output) -> Result<Progress, Fault> {
        self.closing = Some(moment.epoch);
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, Fault> {
        loop {
            if self.meet(output)? == Progress::More {
                return Ok(Progress::More);
            }
            let Some(epoch) = self.closing else {
                return Ok(Progress::Done);
            };
            let deferred = (0..2).find_map(|side| Some((side, self.sides[side].deferred.pop_front()?)));
            let Some((side, deferred)) = deferred else {
                for side in &mut self.sides {
                    side.rows.collect(epoch)?;
                }
                self.closing = None;
                return Ok(Progress::Done);
            };
            output.spend(deferred.len(), 0);
            if let Some(missing) = self.change(side, epoch, deferred)?.first() {
                return Err(unknown_row("join", missing));
            }
        }
    }

    fn checkpoint(&mut self, writer: &CheckpointWriter<'_>) -> Result<(), Fault> {
        for (name, side) in SIDES.iter().zip(&mut self.sides) {
            side.rows.checkpoint(&writer.scoped(name))?;
        }
        Ok(())
    }

    fn restore(&mut self, reader: &CheckpointReader<'_>) -> Result<(), Fault> {
        for (name, side) in SIDES.iter().zip(&mut self.sides) {
            side.rows.restore(&reader.scoped(name))?;
        }
        Ok(())
    }

    fn state_rows(&self) -> usize {
        self.sides.iter().map(|side| side.rows.len()).sum()
    }
}

#[cfg(test)]
mod tests;
