//! The extended protocol: prepare, bind, describe and run as messages of their own.

use std::sync::Arc;

use engine::Outcome;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{BindComplete, CloseComplete, ParseComplete, PortalSuspended};
use pgwire::messages::response::EmptyQueryResponse;

use super::Connection;
use super::prepared::{Portal, Prepared, State};
use super::rows::{Progress, Rows, row_description};
use crate::decode::decode;
use crate::encode::{Layout, column_formats};
use crate::error::Error;
use crate::types::WireType;
use crate::wire::{Bind, Channel, Message, Target};

/// A client that never closes what it prepares must not fill the memory.
const PREPARED_MAX: usize = 10_000;
/// A parameter is kept as it came and as it is read.
const PARAMETER_FACTOR: usize = 2;

impl Connection {
    /// Answers one message, short of `Sync`.
    pub(super) async fn extended(&mut self, channel: &mut Channel, message: Message) -> Result<(), Error> {
        match message {
            Message::Parse { name, query, types } => self.parse(channel, name, &query, &types).await,
            Message::Bind(bind) => self.bind(channel, bind),
            Message::Describe(Target::Statement(name)) => self.describe_statement(channel, &name),
            Message::Describe(Target::Portal(name)) => self.describe_portal(channel, &name),
            Message::Execute { portal, max_rows } => self.execute_portal(channel, &portal, max_rows).await,
            Message::Close(target) => {
                match target {
                    Target::Statement(name) => drop(self.forget_statement(&name)),
                    Target::Portal(name) => self.forget_portal(&name),
                }
                channel.put(PgWireBackendMessage::CloseComplete(CloseComplete::new()))
            }
            Message::Flush => channel.flush().await,
            Message::FunctionCall => Err(Error::unsupported("the fast-path function call")),
            Message::Password => Err(Error::protocol("a password was not asked for")),
            Message::NotUtf8 { .. } => Err(Error::not_utf8()),
            Message::Query(_) | Message::Sync | Message::Terminate | Message::Copy => {
                unreachable!("these are handled where messages are read")
            }
        }
    }

    async fn parse(&mut self, channel: &mut Channel, name: String, query: &str, types: &[u32]) -> Result<(), Error> {
        if name.is_empty() {
            self.forget_statement("");
        } else if self.statements.contains_key(&name) {
            return Err(Error::request("42P05", format!("prepared statement \"{name}\" already exists")));
        }
        if self.statements.len() >= PREPARED_MAX {
            return Err(Error::request("53400", format!("a session may have {PREPARED_MAX} prepared statements")));
        }
        let mut statements = self.read(channel, query).await?;
        if statements.len() > 1 {
            return Err(Error::request("42601", "cannot insert multiple commands into a prepared statement"));
        }
        let statement = statements.pop();
        let description = match &statement {
            None => engine::Description::default(),
            Some(statement) => {
                let hints = types.iter().map(|oid| hint(*oid)).collect::<Result<Vec<_>, _>>()?;
                self.describe(channel, statement, &hints).await?
            }
        };
        let prepared = Prepared::new(statement, description, types)?;
        self.memory.try_grow(prepared.bytes).map_err(engine::Error::from)?;
        self.statements.insert(name, Arc::new(prepared));
        channel.put(PgWireBackendMessage::ParseComplete(ParseComplete::new()))
    }

    fn bind(&mut self, channel: &mut Channel, bind: Bind) -> Result<(), Error> {
        let prepared = self.prepared(&bind.statement)?;
        if !bind.portal.is_empty() && self.portals.contains_key(&bind.portal) {
            return Err(Error::request("42P03", format!("cursor \"{}\" already exists", bind.portal)));
        }
        if self.portals.len() >= PREPARED_MAX {
            return Err(Error::request("53400", format!("a transaction may have {PREPARED_MAX} portals")));
        }
        let bytes = bind.parameters.iter().flatten().map(|value| PARAMETER_FACTOR * value.len()).sum();
        let expected = prepared.description.parameters.len();
        if bind.parameters.len() != expected {
            let message = format!(
                "bind message supplies {} parameters, but prepared statement \"{}\" requires {expected}",
                bind.parameters.len(),
                bind.statement
            );
            return Err(Error::request("08P01", message));
        }
        let formats = column_formats(&bind.parameter_formats, expected)?;
        let parameters = bind
            .parameters
            .iter()
            .zip(formats)
            .zip(prepared.parameter_types.iter().zip(&prepared.description.parameters))
            .map(|((bytes, format), (sent, field))| decode(bytes.as_deref(), format, *sent, field))
            .collect::<Result<_, _>>()?;
        let portal = Portal { prepared, parameters, bytes, result_formats: bind.result_formats, state: State::Bound };
        // Refused here, where the client still knows what it asked for.
        if let Some(columns) = &portal.prepared.description.columns {
            column_formats(&portal.result_formats, columns.fields().len())?;
        }
        self.memory.try_grow(bytes).map_err(engine::Error::from)?;
        self.forget_portal(&bind.portal);
        self.portals.insert(bind.portal, portal);
        channel.put(PgWireBackendMessage::BindComplete(BindComplete::new()))
    }

    fn describe_statement(&mut self, channel: &mut Channel, name: &str) -> Result<(), Error> {
        let prepared = self.prepared(name)?;
        let parameters = ParameterDescription::new(prepared.parameter_types.clone());
        channel.put(PgWireBackendMessage::ParameterDescription(parameters))?;
        self.describe_columns(channel, &prepared, &[])
    }

    fn describe_portal(&mut self, channel: &mut Channel, name: &str) -> Result<(), Error> {
        let portal = self.portals.get(name).ok_or_else(|| unknown_portal(name))?;
        let (prepared, formats) = (Arc::clone(&portal.prepared), portal.result_formats.clone());
        self.describe_columns(channel, &prepared, &formats)
    }

    fn describe_columns(&self, channel: &mut Channel, prepared: &Prepared, formats: &[u16]) -> Result<(), Error> {
        let Some(columns) = &prepared.description.columns else {
            return channel.put(PgWireBackendMessage::NoData(NoData::new()));
        };
        let layout = Layout::new(Arc::clone(columns), formats, self.zone())?;
        channel.put(row_description(&layout.schema, &layout.types, &layout.formats))
    }

    async fn execute_portal(&mut self, channel: &mut Channel, name: &str, max_rows: usize) -> Result<(), Error> {
        let limit = if max_rows == 0 { usize::MAX } else { max_rows };
        // Out of the map while it runs: an error leaves the portal done.
        let portal = self.portals.get_mut(name).ok_or_else(|| unknown_portal(name))?;
        let mut rows = match std::mem::replace(&mut portal.state, State::Done) {
            State::Suspended(rows) => {
                self.control.begin();
                rows
            }
            State::Done => {
                return Err(Error::request("55000", format!("portal \"{name}\" cannot be run")));
            }
            State::Bound => {
                let prepared = Arc::clone(&portal.prepared);
                let parameters = std::mem::take(&mut portal.parameters);
                let formats = portal.result_formats.clone();
                let Some(statement) = &prepared.statement else {
                    return channel.put(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new()));
                };
                // One that is alone up to the Sync is a transaction by itself, which the engine can try again.
                if self.in_group || !channel.is_sync_next() {
                    self.session.begin_group();
                    self.in_group = true;
                }
                match self.execute(channel, statement, &parameters).await? {
                    Outcome::Done(tag) => return self.complete(channel, tag),
                    Outcome::Empty => {
                        return channel.put(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new()));
                    }
                    Outcome::Rows { tag, schema, rows } => {
                        let layout = self.layout(&prepared, &schema, &formats)?;
                        Box::new(Rows::new(Some(tag), layout, rows))
                    }
                    Outcome::Subscription { schema, rows } => {
                        let layout = self.layout(&prepared, &schema, &formats)?;
                        Box::new(Rows::new(None, layout, rows))
                    }
                }
            }
        };
        let progress = rows.send(channel, &self.control, limit).await?;
        self.control.end();
        match progress {
            Progress::Complete(tag) => self.complete(channel, tag),
            Progress::Suspended => {
                if let Some(portal) = self.portals.get_mut(name) {
                    portal.state = State::Suspended(rows);
                }
                self.report_changes(channel)?;
                channel.put(PgWireBackendMessage::PortalSuspended(PortalSuspended::new()))
            }
        }
    }

    /// Rows are sent as they were described, since the client has been told so.
    fn layout(
        &self,
        prepared: &Prepared,
        schema: &arrow::datatypes::SchemaRef,
        formats: &[u16],
    ) -> Result<Layout, Error> {
        let described = prepared.description.columns.as_ref().unwrap_or(schema);
        if described.fields().len() != schema.fields().len() {
            return Err(Error::request("0A000", "cached plan must not change result type"));
        }
        Layout::new(Arc::clone(described), formats, self.zone())
    }

    /// Says whether there was one of this name.
    pub(super) fn forget_statement(&mut self, name: &str) -> bool {
        let known = self.statements.remove(name);
        if let Some(prepared) = &known {
            self.memory.shrink(prepared.bytes);
        }
        known.is_some()
    }

    pub(super) fn forget_portal(&mut self, name: &str) {
        if let Some(portal) = self.portals.remove(name) {
            self.memory.shrink(portal.bytes);
        }
    }

    pub(super) fn forget_portals(&mut self) {
        let bytes = self.portals.drain().map(|(_, portal)| portal.bytes).sum();
        self.memory.shrink(bytes);
    }

    fn prepared(&self, name: &str) -> Result<Arc<Prepared>, Error> {
        self.statements.get(name).cloned().ok_or_else(|| match name {
            "" => Error::request("26000", "unnamed prepared statement does not exist"),
            name => Error::request("26000", format!("prepared statement \"{name}\" does not exist")),
        })
    }
}

fn unknown_portal(name: &str) -> Error {
    Error::request("34000", format!("portal \"{name}\" does not exist"))
}

/// A parameter type that the client gave; 0 and `unknown` leave it to the engine.
fn hint(oid: u32) -> Result<Option<arrow::datatypes::Field>, Error> {
    match oid {
        0 | 705 => Ok(None),
        oid => WireType::field(oid)
            .map(Some)
            .ok_or_else(|| Error::unsupported(format_args!("a parameter of the type with OID {oid}"))),
    }
}
