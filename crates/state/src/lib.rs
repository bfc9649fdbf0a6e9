//! What is remembered: versioned rows, the indexes over them, and what checkpoints are made of.
//!
//! [`Rows`] is the one storage primitive: a table, a materialized view, a join's memory. It knows
//! epochs and Arrow, not relations, SQL, timely or threads; [`SharedRows`] adds the lock that lets
//! other threads read while one writes.

mod checkpoint;
mod chunk;
mod error;
mod groups;
mod index;
mod memory;
mod rows;
mod shared;

pub use checkpoint::{Delta, Saved};
pub use chunk::Chunk;
pub use error::Error;
pub use groups::{Groups, pieces};
pub use memory::{Account, Budget, Exhausted, Holding, Owner};
pub use rows::{Identity, Pairs, RowId, Rows};
pub use shared::{Holds, SharedRows};
