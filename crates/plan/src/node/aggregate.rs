//! `GROUP BY`, and aggregates over everything.

use std::fmt;

use arrow::datatypes::{DataType, SchemaRef};

use crate::Node;

/// One row for each group of rows with equal keys (nulls are equal): the keys, then the calls.
///
/// Without keys there is exactly one row, over empty input too. Keys, arguments and filters that
/// are expressions are columns of a [`crate::Project`] below.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// The rows to group.
    pub input: Box<Node>,
    /// The input columns to group by.
    pub keys: Vec<usize>,
    /// What to compute for each group.
    pub calls: Vec<AggregateCall>,
    /// Names and types: the keys, then the calls.
    pub schema: SchemaRef,
}

/// One aggregate function over one group.
#[derive(Clone, Debug)]
pub struct AggregateCall {
    /// Which function.
    pub function: AggregateFunction,
    /// The input column it is over; none for `count(*)`.
    pub argument: Option<usize>,
    /// Whether equal arguments count once.
    pub distinct: bool,
    /// A boolean input column: only rows where it is true count (`FILTER (WHERE ...)`).
    pub filter: Option<usize>,
    /// The type of the result.
    pub result: DataType,
}

/// The aggregate functions that have an incremental form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// Rows, or rows whose argument is not null.
    Count,
    /// The sum of the arguments; null without any.
    Sum,
    /// The mean of the arguments; null without any.
    Avg,
    /// The least argument; null without any.
    Min,
    /// The greatest argument; null without any.
    Max,
}

impl fmt::Display for AggregateFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AggregateFunction::Count => "count",
            AggregateFunction::Sum => "sum",
            AggregateFunction::Avg => "avg",
            AggregateFunction::Min => "min",
            AggregateFunction::Max => "max",
        })
    }
}
