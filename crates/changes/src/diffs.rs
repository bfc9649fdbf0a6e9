//! How often each row of a batch appeared or disappeared, with a cheap form for inserts only.

use arrow::buffer::{BooleanBuffer, ScalarBuffer};

/// One `i64` a row: how many copies of the row came (positive) or went (negative).
#[derive(Clone, Debug)]
pub enum Diffs {
    /// Every row came once; no memory is spent on saying so.
    Inserts,
    /// A diff for each row.
    Each(ScalarBuffer<i64>),
}

impl Diffs {
    /// Each row with the same diff.
    #[must_use]
    pub fn constant(diff: i64, rows: usize) -> Diffs {
        if diff == 1 { Diffs::Inserts } else { Diffs::Each(vec![diff; rows].into()) }
    }

    /// The diff of row `row`.
    #[inline]
    #[must_use]
    pub fn get(&self, row: usize) -> i64 {
        match self {
            Diffs::Inserts => 1,
            Diffs::Each(diffs) => diffs[row],
        }
    }

    /// Whether no row can have gone: true only for the cheap form.
    #[must_use]
    pub fn is_inserts(&self) -> bool {
        matches!(self, Diffs::Inserts)
    }

    /// The diffs of `length` rows from `offset` on, sharing memory.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Diffs {
        match self {
            Diffs::Inserts => Diffs::Inserts,
            Diffs::Each(diffs) => Diffs::Each(diffs.slice(offset, length)),
        }
    }

    /// The diffs of the rows that `keep` selects.
    #[must_use]
    pub fn filter(&self, keep: &BooleanBuffer) -> Diffs {
        match self {
            Diffs::Inserts => Diffs::Inserts,
            Diffs::Each(diffs) => keep.set_indices().map(|row| diffs[row]).collect::<Vec<_>>().into(),
        }
    }

    /// The diffs of the rows at `rows`, in that order.
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Diffs {
        match self {
            Diffs::Inserts => Diffs::Inserts,
            Diffs::Each(diffs) => rows.iter().map(|&row| diffs[row as usize]).collect::<Vec<_>>().into(),
        }
    }
}

impl From<Vec<i64>> for Diffs {
    /// Takes the cheap form where it fits.
    fn from(diffs: Vec<i64>) -> Diffs {
        if diffs.iter().all(|&diff| diff == 1) { Diffs::Inserts } else { Diffs::Each(diffs.into()) }
    }
}
