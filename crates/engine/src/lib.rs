//! Runs statements: the catalog, the life of a view, snapshot reads, table writes, subscriptions.
//!
//! The engine turns a parsed statement into an outcome, and every failure on the way into an
//! [`Error`] with a SQLSTATE. It knows no wire format (`postgres-frontend` does) and no operator
//! (`dataflow` builds them). Read `session`, then `execute`: one match leads to each statement's
//! own file.

mod engine;
mod session;

mod describe;
mod execute;
mod outcome;

mod query;
mod subscribe;

mod delete;
mod insert;
mod on_conflict;
mod transaction;
mod update;
mod values;
mod write;

mod create;
mod create_sink;
mod create_source;
mod create_table;
mod create_view;
mod drop;
mod incremental;

mod explain;
mod settings;
mod show;

mod bind;
mod cancel;
mod catalog;
mod error;
mod extension;
mod nearest;
mod pool;
mod read;
mod rows;

pub use cancel::Canceller;
pub use catalog::{Catalog, CatalogSnapshot, Object};
pub use describe::Description;
pub use engine::{Config, Engine};
pub use error::{Context, Error, SqlState};
pub use extension::{Extension, SessionInfo};
pub use outcome::{Notice, Outcome, Tag};
pub use session::Session;
pub use settings::{SERVER_VERSION, SERVER_VERSION_NUMBER, Settings};
pub use transaction::TransactionStatus;

#[cfg(test)]
mod tests;
