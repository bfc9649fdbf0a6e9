//! What running a statement gives.

use std::fmt;

use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;

use crate::SqlState;

/// What running a statement gives.
pub enum Outcome {
    /// Rows, then the command tag. The stream's errors become this crate's by `Error::from`.
    Rows {
        /// What to say when the rows have ended.
        tag: Tag,
        /// The rows' columns.
        schema: SchemaRef,
        /// The rows.
        rows: SendableRecordBatchStream,
    },
    /// Rows that end only when the statement is cancelled or what it reads is dropped. Every
    /// batch must be flushed to the client at once.
    Subscription {
        /// The rows' columns.
        schema: SchemaRef,
        /// The rows.
        rows: SendableRecordBatchStream,
    },
    /// No rows, just a whole command tag.
    Done(String),
    /// There was no statement.
    Empty,
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Rows { tag, schema, .. } => {
                f.debug_struct("Rows").field("tag", tag).field("schema", schema).finish()
            }
            Outcome::Subscription { schema, .. } => f.debug_struct("Subscription").field("schema", schema).finish(),
            Outcome::Done(tag) => f.debug_tuple("Done").field(tag).finish(),
            Outcome::Empty => f.write_str("Empty"),
        }
    }
}

/// The command tag of a statement that returns rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `SELECT n`
    Select,
    /// `INSERT 0 n`
    Insert,
    /// `UPDATE n`
    Update,
    /// `DELETE n`
    Delete,
    /// `SHOW`
    Show,
    /// `EXPLAIN`
    Explain,
}

impl Tag {
    /// The whole tag, after `rows` rows.
    #[must_use]
    pub fn complete(self, rows: u64) -> String {
        match self {
            Tag::Select => format!("SELECT {rows}"),
            Tag::Insert => format!("INSERT 0 {rows}"),
            Tag::Update => format!("UPDATE {rows}"),
            Tag::Delete => format!("DELETE {rows}"),
            Tag::Show => "SHOW".to_owned(),
            Tag::Explain => "EXPLAIN".to_owned(),
        }
    }
}

/// Something worth telling the client that is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `NOTICE`, `WARNING` or `INFO`.
    pub severity: &'static str,
    /// Its SQLSTATE.
    pub code: SqlState,
    /// What to know.
    pub message: String,
    /// More of it.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Notice {
    /// A notice: nothing is wrong.
    pub(crate) fn new(message: impl Into<String>) -> Notice {
        Notice { severity: "NOTICE", code: SqlState::SUCCESS, message: message.into(), detail: None, hint: None }
    }

    /// A warning: probably not what was meant.
    pub(crate) fn warning(code: SqlState, message: impl Into<String>) -> Notice {
        Notice { severity: "WARNING", code, message: message.into(), detail: None, hint: None }
    }

    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> Notice {
        self.detail = Some(detail.into());
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Notice {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_code(mut self, code: SqlState) -> Notice {
        self.code = code;
        self
    }
}
