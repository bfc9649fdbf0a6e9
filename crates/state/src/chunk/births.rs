//! When the rows of a chunk were born: runs of rows of one epoch.

use changes::Epoch;

/// Epochs that grow with the rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Births(Vec<Run>);

#[derive(Clone, Copy, Debug)]
struct Run {
    epoch: Epoch,
    /// The offset after its last row.
    end: u32,
}

impl Births {
    /// `rows` rows of one epoch.
    pub(crate) fn one(epoch: Epoch, rows: usize) -> Births {
        let mut births = Births::default();
        births.push(epoch, rows);
        births
    }

    /// Adds `rows` rows of an epoch that is no earlier than the last.
    pub(crate) fn push(&mut self, epoch: Epoch, rows: usize) {
        if rows == 0 {
            return;
        }
        let end = self.rows() + rows as u32;
        match self.0.last_mut() {
            Some(last) if last.epoch == epoch => last.end = end,
            _ => self.0.push(Run { epoch, end }),
        }
    }

    pub(crate) fn get(&self, offset: usize) -> Epoch {
        match self.0.as_slice() {
            [one] => one.epoch,
            runs => runs[runs.partition_point(|run| run.end as usize <= offset)].epoch,
        }
    }

    pub(crate) fn newest(&self) -> Epoch {
        self.0.last().map_or(Epoch::ZERO, |run| run.epoch)
    }

    /// How many rows were born at or before `at`: the first ones.
    pub(crate) fn born_by(&self, at: Epoch) -> usize {
        let runs = self.0.partition_point(|run| run.epoch <= at);
        runs.checked_sub(1).map_or(0, |last| self.0[last].end as usize)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Run>()
    }

    /// Epochs, and the offsets of their rows.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (Epoch, std::ops::Range<usize>)> + '_ {
        let starts = std::iter::once(0).chain(self.0.iter().map(|run| run.end as usize));
        self.0.iter().zip(starts).map(|(run, start)| (run.epoch, start..run.end as usize))
    }

    fn rows(&self) -> u32 {
        self.0.last().map_or(0, |run| run.end)
    }
}
