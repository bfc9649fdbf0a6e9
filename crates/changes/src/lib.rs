//! What flows: batches of changed rows, the epochs that order them, and the errors that leave the flow.
//!
//! This crate knows Arrow and nothing else: no storage, no SQL, no threads.

mod batch;
mod bounds;
mod diffs;
mod epoch;
mod hash;
mod row_error;
mod wire;

pub use batch::{ChangeBatch, concat};
pub use bounds::{BATCH_BYTES_MAX, BATCH_ROWS_MAX, Bounds, bytes_of, widest_row};
pub use diffs::Diffs;
pub use epoch::Epoch;
pub use hash::{KeyHasher, VIRTUAL_NODES, partition_of, virtual_node};
pub use row_error::RowError;
pub use wire::{WireError, decode, encode};
