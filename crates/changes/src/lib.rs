//! What flows: batches of changed rows, the epochs that order them, and the errors that leave the flow.
//!
//! This crate knows Arrow and nothing else: no storage, no SQL, no threads.

mod batch;
mod diffs;
mod epoch;
mod hash;
mod row_error;
mod wire;

pub use batch::{BATCH_ROWS_MAX, ChangeBatch, concat};
pub use diffs::Diffs;
pub use epoch::Epoch;
pub use hash::{KeyHasher, VIRTUAL_NODES, partition_of, virtual_node};
pub use row_error::RowError;
pub use wire::{WireError, decode, encode};
