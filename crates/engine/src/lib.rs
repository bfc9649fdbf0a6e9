//! Runs statements: the catalog, the life of a view, snapshot reads, table writes, subscriptions.
//!
//! The engine turns a parsed statement into an outcome, and every failure on the way into an
//! [`Error`] with a SQLSTATE. It knows no wire format (`postgres-frontend` does) and no operator
//! (`dataflow` builds them).

mod engine;
mod extension;
mod session;

mod catalog;
mod describe;
mod error;
mod nearest;
mod outcome;
mod settings;

pub use catalog::{Catalog, CatalogSnapshot, Object};
pub use describe::Description;
pub use engine::{Config, Engine};
pub use error::{Context, Error, SqlState};
pub use extension::{Extension, SessionInfo};
pub use outcome::{Notice, Outcome, Tag};
pub use session::{Canceller, Session, TransactionStatus};
pub use settings::Settings;
