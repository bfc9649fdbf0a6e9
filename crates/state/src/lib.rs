//! What is remembered: versioned rows, the indexes over them, and what checkpoints are made of.
//!
//! [`Rows`] is the one storage primitive: a table, a materialized view, a join's memory. It knows
//! epochs and Arrow, not relations, SQL or timely; [`SharedRows`] lets other threads read while one
//! writes.

mod blocks;
mod checkpoint;
mod chunk;
mod error;
mod groups;
mod index;
mod memory;
mod rows;
mod shared;
mod table;
mod version;
mod work;

pub use checkpoint::{CheckpointCursor, CheckpointReader, CheckpointSink, CheckpointWriter, Partition, Saved, Value};
pub use chunk::Chunk;
pub use error::Error;
pub use groups::{Groups, Pages, Room};
pub use memory::{Account, Budget, Exhausted, Holding, Owner};
pub use rows::{
    Changes, Identity, Located, LookUp, Order, OrderKey, Pairs, Probe, Reader, RowId, Rows, SortColumn, Walk,
};
pub use shared::{Holds, SharedRows};
