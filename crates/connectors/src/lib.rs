//! Outside bytes to rows: what `CREATE SOURCE` can read from.
//!
//! A connector knows its options, its format and its positions. It does not know epochs, views,
//! or who reads it: a reader is asked for rows and says what it has.

#![cfg_attr(
    not(all(feature = "datagen", feature = "file", feature = "nexmark")),
    allow(dead_code, unused_variables, reason = "what connectors share stays when some are left out")
)]

mod error;
mod options;
mod pace;
mod position;
mod random;
mod reader;
mod settings;

#[cfg(feature = "datagen")]
pub mod datagen;
#[cfg(feature = "file")]
pub mod files;
pub mod formats;
#[cfg(feature = "nexmark")]
pub mod nexmark;

use std::fmt::Debug;

use arrow::datatypes::SchemaRef;

pub use error::Error;
pub use options::{SourceOptions, create};
pub use position::Position;
pub use reader::{Pace, Read, RecordError, SourceReader};

/// A source as a `CREATE SOURCE` statement described it: checked, not yet opened.
///
/// A source is replayable: opened again from a position it reads the same rows again, which is how
/// a view that is created late catches up, and how a restart will.
pub trait Source: Debug + Send + Sync {
    /// The columns of its rows: those declared, or those that the connector fixes.
    fn schema(&self) -> SchemaRef;

    /// Whether it has an end: all of it can be read.
    fn is_finite(&self) -> bool;

    /// Whether a replay of it comes to an end, which may be that of what there is now.
    fn has_end_now(&self) -> bool {
        self.is_finite()
    }

    /// Opens a reader of what follows `from` (`None`: the start), up to and including `until`
    /// (`None`: without end, or the input's own end).
    ///
    /// # Errors
    /// If the input cannot be opened, or the position is not one of this source.
    fn open(
        &self,
        from: Option<&Position>,
        until: Option<&Position>,
        pace: Pace,
    ) -> Result<Box<dyn SourceReader>, Error>;
}
