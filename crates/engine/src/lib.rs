//! Runs statements: the catalog, the life of a view, snapshot reads, table writes, subscriptions.
//!
//! The engine turns a parsed statement into an outcome, and every failure on the way into an
//! [`Error`] with a SQLSTATE. It knows no wire format (`postgres-frontend` does) and no operator
//! (`dataflow` builds them). Read `session`, then `statement`: one match leads to each statement's
//! own file.

mod engine;
mod session;

mod outcome;
mod settings;
mod statement;
mod transaction;

mod bind;
mod cancel;
mod catalog;
mod checkpoint;
mod error;
mod extension;
mod freshet_catalog;
mod memory;
mod nearest;
mod news;
mod pool;
mod read;
mod rows;

pub use cancel::Canceller;
pub use catalog::{Catalog, CatalogSnapshot, Object};
pub use engine::{Config, Engine};
pub use error::{Context, Error, SqlState};
pub use extension::{Extension, SessionInfo};
pub use news::NewsReader;
pub use outcome::{Notice, Outcome, Tag};
pub use session::Session;
pub use settings::{SERVER_VERSION, SERVER_VERSION_NUMBER, Settings};
pub use state::{Account, CheckpointCursor, CheckpointSink, Owner, Saved};
pub use statement::Description;
pub use transaction::TransactionStatus;

#[cfg(test)]
mod tests;
