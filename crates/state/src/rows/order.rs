//! Rows in the order of some of their columns, a portion at a time: for what keeps the first rows of
//! a group, looks for a range of values, or waits for the earliest time.

use std::ops::Bound;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use arrow::row::{self, RowConverter, SortField};

use super::{RowId, Rows};
use crate::Error;
use crate::groups::with_one_nan_and_zero;

/// A column that rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortColumn {
    /// Which column.
    pub column: usize,
    /// In which direction, and where nulls are.
    pub options: SortOptions,
}

/// One of the orders in which [`Rows`] are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order(pub(super) usize);

/// Values of an order's first columns, as something to compare rows with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderKey(Box<[u8]>);

/// A range of rows in an order, and how far it has been walked. It stays good when rows change:
/// it goes on behind the last row that it gave.
#[derive(Debug)]
pub struct Walk {
    order: Order,
    start: Bound<(Box<[u8]>, RowId)>,
    /// The first key beyond the range.
    end: Option<Box<[u8]>>,
    is_done: bool,
}

/// What rows are sorted by. Nothing here changes.
#[derive(Debug)]
pub(super) struct OrderColumns {
    columns: Vec<usize>,
    /// For each number of first columns, from one on, what makes bytes of them.
    converters: Vec<RowConverter>,
}

impl OrderColumns {
    fn new(schema: &SchemaRef, columns: &[SortColumn]) -> Result<OrderColumns, Error> {
        let field = |column: &SortColumn| {
            SortField::new_with_options(schema.field(column.column).data_type().clone(), column.options)
        };
        let fields = columns.iter().map(field).collect::<Vec<_>>();
        let converters = (1..=fields.len()).map(|count| RowConverter::new(fields[..count].to_vec()));
        let converters = converters.collect::<Result<_, _>>()?;
        Ok(OrderColumns { columns: columns.iter().map(|column| column.column).collect(), converters })
    }

    /// The sort keys of whole rows.
    pub(super) fn keys_of(&self, rows: &RecordBatch) -> Result<row::Rows, Error> {
        let columns = self.columns.iter().map(|&column| rows.column(column).clone()).collect::<Vec<_>>();
        self.keys(&columns)
    }

    /// The keys of values of the first columns: as SQL compares, -0.0 is 0.0, and a NaN any other.
    fn keys(&self, columns: &[ArrayRef]) -> Result<row::Rows, Error> {
        let columns = columns.iter().map(with_one_nan_and_zero).collect::<Vec<_>>();
        Ok(self.converters[columns.len() - 1].convert_columns(&columns)?)
    }
}

impl Walk {
    /// Whether all rows of the range have been given.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_done
    }
}

impl Rows {
    /// From now on living rows are kept in this order, too. To be called before a row is there.
    ///
    /// # Errors
    /// If a type cannot be sorted.
    ///
    /// # Panics
    /// If rows are there or others read them already, or there are no columns.
    pub fn add_order(&mut self, columns: &[SortColumn]) -> Result<Order, Error> {
        assert!(!columns.is_empty(), "rows are sorted by something");
        let columns = OrderColumns::new(self.schema(), columns)?;
        self.change_keys(|keys| {
            keys.orders.push(columns);
            Ok(Order(keys.orders.len() - 1))
        })
    }

    /// Keys for the rows of `columns`, which are values of the first columns of an order; of fewer
    /// than all, a key stands for all rows that begin like it.
    ///
    /// # Errors
    /// If the columns are not of the order's types.
    ///
    /// # Panics
    /// If there are no columns, or more than the order has.
    pub fn order_keys(&self, order: Order, columns: &[ArrayRef]) -> Result<Vec<OrderKey>, Error> {
        let keys = self.keys.orders[order.0].keys(columns)?;
        Ok(keys.iter().map(|key| OrderKey(key.as_ref().into())).collect())
    }

    /// Begins to walk along the living rows from `from` to `to`.
    #[must_use]
    pub fn walk(&self, order: Order, from: Bound<&OrderKey>, to: Bound<&OrderKey>) -> Walk {
        let at = |key: Box<[u8]>| Bound::Included((key, 0));
        // Where nothing is beyond a key, there is nothing left of it, or no end.
        let (start, is_done) = match from {
            Bound::Unbounded => (Bound::Unbounded, false),
            Bound::Included(key) => (at(key.0.clone()), false),
            Bound::Excluded(key) => after_all(&key.0).map_or((Bound::Unbounded, true), |key| (at(key), false)),
        };
        let end = match to {
            Bound::Unbounded => None,
            Bound::Included(key) => after_all(&key.0),
            Bound::Excluded(key) => Some(key.0.clone()),
        };
        Walk { order, start, end, is_done }
    }

    /// Puts the next rows of a walk into `ids`, in their order, no more than `count`.
    pub fn next_in_order(&self, walk: &mut Walk, count: usize, ids: &mut Vec<RowId>) {
        ids.clear();
        if walk.is_done || count == 0 {
            return;
        }
        let indexes = self.index.read();
        let end = walk.end.as_deref();
        let start = std::mem::replace(&mut walk.start, Bound::Unbounded);
        let rest = indexes.orders[walk.order.0].from(start);
        let mut rest = rest.take_while(|(key, _)| end.is_none_or(|end| *key < end));
        let mut last = None;
        for (key, id) in rest.by_ref().take(count) {
            ids.push(id);
            last = Some((key, id));
        }
        walk.is_done = ids.len() < count;
        if let Some((key, id)) = last {
            walk.start = Bound::Excluded((key.into(), id));
        }
    }
}

/// The first bytes after all that begin with `key`; none if those are the last.
fn after_all(key: &[u8]) -> Option<Box<[u8]>> {
    let length = key.iter().rposition(|&byte| byte != u8::MAX)? + 1;
    let mut next = Box::<[u8]>::from(&key[..length]);
    next[length - 1] += 1;
    Some(next)
}
