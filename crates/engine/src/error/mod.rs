//! How errors become SQLSTATEs.
//!
//! A client program decides by the five characters of the SQLSTATE; a person reads the message,
//! its detail, its hint, and looks where the position points. Both must be Postgres', since drivers,
//! ORMs and people have learned those. This is the only crate that gives them. The layers below
//! say what happened in their own words:
//!
//! - **Our own refusals** (a missing table, a duplicate key, a failed transaction) are made as an
//!   [`Error`] where they are decided, with everything Postgres would say.
//! - **`sql`, `dataflow` and `connectors`** have an enum each; its variants map one to one.
//! - **DataFusion and Arrow** have enums too, but most variants hold just a sentence. What has a
//!   variant is mapped by it (`FieldNotFound`, `DivideByZero`, `ResourcesExhausted`, ...). Sentences
//!   are recognised in `datafusion.rs` and `arrow.rs` and rewritten into Postgres'. A sentence that
//!   is not known keeps its words, and gets the code of its variant: a plan that cannot be made is
//!   the client's fault (42000), an execution that fails is about data (22000).
//! - **`XX000`** is left for what should not happen: a broken expectation of ours or DataFusion's.
//!
//! An error of ours that has to travel through DataFusion (from a table provider, or a stream of
//! rows) goes as `DataFusionError::External` and comes out unchanged.
//!
//! A position arrives as line and column of the statement's text; [`Error::located_in`] turns it
//! into the count of characters that the protocol wants.

mod arrow;
mod datafusion;
mod layers;
mod sqlstate;

use ::datafusion::sql::sqlparser::tokenizer::Span;
pub use sqlstate::SqlState;

/// A failure as a Postgres client sees it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What went wrong, for programs.
    pub code: SqlState,
    /// What went wrong, for people: one line.
    pub message: String,
    /// More of it.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where in the statement's text, as a character counted from 1.
    pub position: Option<usize>,
    /// The objects it is about, where Postgres names them to programs.
    pub context: Option<Box<Context>>,
}

/// The objects that an error is about, for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The relation's schema.
    pub schema: Option<String>,
    /// The relation.
    pub table: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// The constraint.
    pub constraint: Option<String>,
    /// Line and column in the statement's text, each from 1, until that text is at hand.
    pub(crate) line_column: Option<(u64, u64)>,
}

impl Error {
    /// An error with a code and a message.
    pub fn new(code: SqlState, message: impl Into<String>) -> Error {
        Error { code, message: message.into(), detail: None, hint: None, position: None, context: None }
    }

    /// Something that Freshet cannot do yet.
    pub fn unsupported(message: impl Into<String>) -> Error {
        Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
    }

    /// A broken expectation of Freshet's own.
    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(SqlState::INTERNAL_ERROR, message)
    }

    /// A statement that its client cancelled.
    pub(crate) fn cancelled() -> Error {
        Error::new(SqlState::QUERY_CANCELED, "canceling statement due to user request")
    }

    /// A runtime that is shutting down.
    pub(crate) fn shutting_down() -> Error {
        Error::new(SqlState::ADMIN_SHUTDOWN, "the database system is shutting down")
    }

    /// With a detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Error {
        self.detail = Some(detail.into());
        self
    }

    /// With a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// With a hint, if there is one.
    pub(crate) fn with_hint_maybe(mut self, hint: Option<String>) -> Error {
        self.hint = hint.or(self.hint);
        self
    }

    /// About a table of schema `public`.
    pub(crate) fn about_table(mut self, table: &str) -> Error {
        let context = self.context.get_or_insert_default();
        context.schema = Some("public".to_owned());
        context.table = Some(table.to_owned());
        self
    }

    /// About a column of that table.
    pub(crate) fn about_column(mut self, column: &str) -> Error {
        self.context.get_or_insert_default().column = Some(column.to_owned());
        self
    }

    /// About a constraint of that table.
    pub(crate) fn about_constraint(mut self, constraint: &str) -> Error {
        self.context.get_or_insert_default().constraint = Some(constraint.to_owned());
        self
    }

    /// At a part of the statement's text, if it is known which.
    pub(crate) fn at(self, span: Span) -> Error {
        self.at_line(span.start.line, span.start.column)
    }

    /// At a line and a column of the statement's text, each from 1.
    pub(crate) fn at_line(mut self, line: u64, column: u64) -> Error {
        if line > 0 {
            self.context.get_or_insert_default().line_column = Some((line, column));
        }
        self
    }

    /// With its position as a count of characters of `sql`, if it has a line and a column.
    pub(crate) fn located_in(mut self, sql: &str) -> Error {
        let line_column = self.context.as_mut().and_then(|context| context.line_column.take());
        if let Some((line, column)) = line_column {
            self.position = position_of(sql, line, column);
        }
        self
    }
}

/// The character of `sql`, from 1, at a line and a column, each from 1.
fn position_of(sql: &str, line: u64, column: u64) -> Option<usize> {
    let mut at = (1, 1);
    for (index, letter) in sql.chars().enumerate() {
        if at == (line, column) {
            return Some(index + 1);
        }
        at = if letter == '\n' { (at.0 + 1, 1) } else { (at.0, at.1 + 1) };
    }
    (at == (line, column)).then(|| sql.chars().count() + 1)
}

impl From<Error> for ::datafusion::error::DataFusionError {
    fn from(error: Error) -> Self {
        ::datafusion::error::DataFusionError::External(Box::new(error))
    }
}

#[cfg(test)]
mod tests;
