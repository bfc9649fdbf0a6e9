//! Prepared statements and portals. Source: <https://www.postgresql.org/docs/15/protocol-flow.html>.

use std::sync::Arc;

use datafusion::scalar::ScalarValue;
use engine::Description;
use sql::Parsed;

use super::rows::Rows;
use crate::error::Error;
use crate::types::WireType;

/// What a statement takes beside its text, in bytes.
const PREPARED_BYTES: usize = 4 * 1024;
/// A syntax tree is about so many times as long as its text.
const TEXT_FACTOR: usize = 8;

/// A statement that was parsed and described, to be run any number of times.
pub(super) struct Prepared {
    /// None for an empty text.
    pub(super) statement: Option<Arc<Parsed>>,
    pub(super) description: Description,
    /// The OIDs of the parameters.
    pub(super) parameter_types: Vec<u32>,
    /// What it takes, in bytes.
    pub(super) bytes: usize,
}

impl Prepared {
    pub(super) fn new(statement: Option<Arc<Parsed>>, description: Description, given: &[u32]) -> Result<Self, Error> {
        let parameter_types = description.parameters.iter().enumerate().map(|(index, field)| {
            // What the client called its parameter is what it expects to send.
            match given.get(index) {
                Some(&oid) if oid != 0 => Ok(oid),
                _ => WireType::of(field)
                    .map(|wire| wire.base.oid())
                    .ok_or_else(|| Error::unsupported(format_args!("a parameter of type {}", field.data_type()))),
            }
        });
        let parameter_types = parameter_types.collect::<Result<_, _>>()?;
        let text = statement.as_ref().map_or(0, |statement| statement.sql.len());
        Ok(Self { statement, description, parameter_types, bytes: PREPARED_BYTES + TEXT_FACTOR * text })
    }
}

/// A statement with its parameters, which may have been run in part.
pub(super) struct Portal {
    pub(super) prepared: Arc<Prepared>,
    pub(super) parameters: Vec<ScalarValue>,
    /// What they take, in bytes.
    pub(super) bytes: usize,
    /// As in `Bind`.
    pub(super) result_formats: Vec<u16>,
    pub(super) state: State,
}

/// How far a portal has been run.
pub(super) enum State {
    /// Not at all.
    Bound,
    /// Some rows were sent.
    Suspended(Box<Rows>),
    /// To the end, or to an error.
    Done,
}
