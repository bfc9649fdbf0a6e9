//! The settings whose changes Postgres reports to the client (`ParameterStatus`), and notices.

use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::startup::ParameterStatus;

use super::Connection;
use crate::error::Error;
use crate::wire::{Channel, notice_response};

/// Names as Postgres spells them.
const NAMES: [&str; 13] = [
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
];

/// The values that the client knows.
#[derive(Default)]
pub(super) struct Reported {
    values: [Option<String>; NAMES.len()],
    /// That of the settings with these values.
    version: Option<u64>,
}

impl Connection {
    /// Tells the client which of the reported settings have changed since the last time.
    pub(super) fn report_settings(&mut self, channel: &mut Channel) -> Result<(), Error> {
        let version = self.session.settings().version();
        if self.reported.version.replace(version) == Some(version) {
            return Ok(());
        }
        for (name, known) in NAMES.into_iter().zip(&mut self.reported.values) {
            let value = match name {
                "session_authorization" => self.session.info().user.clone(),
                name => self.session.settings().get(name).unwrap_or_default(),
            };
            if known.as_ref() != Some(&value) {
                let status = ParameterStatus::new(name.to_owned(), value.clone());
                channel.put(PgWireBackendMessage::ParameterStatus(status))?;
                *known = Some(value);
            }
        }
        Ok(())
    }

    /// Notices, then settings: what a statement brings besides its result.
    pub(super) fn report_changes(&mut self, channel: &mut Channel) -> Result<(), Error> {
        for notice in self.session.take_notices() {
            channel.put(notice_response(&notice))?;
        }
        self.report_settings(channel)
    }
}
