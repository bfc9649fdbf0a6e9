//! The start of a session: who, which database, which settings.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use engine::{Canceller, Engine, Owner};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{ReadyForQuery, TransactionStatus};
use pgwire::messages::startup::{Authentication, BackendKeyData, SecretKey};

use super::Connection;
use super::reported::Reported;
use crate::control::Control;
use crate::error::Error;
use crate::wire::Channel;

impl Connection {
    /// Starts a session for the client's startup parameters, and tells it so. `control` makes it known to
    /// those who may cancel it.
    ///
    /// # Errors
    /// 28000 without a user, 3D000 for an unknown database, 42704 and 22023 for settings; all of them are final.
    pub(crate) async fn start(
        channel: &mut Channel,
        engine: &Arc<Engine>,
        control: impl FnOnce(i32, Canceller) -> Control,
        mut parameters: BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let user = parameters.remove("user").filter(|user| !user.is_empty()).ok_or_else(|| Error::Fatal {
            code: "28000",
            message: "no PostgreSQL user name specified in startup packet".into(),
        })?;
        let database = parameters.remove("database").filter(|database| !database.is_empty());
        if parameters.remove("replication").is_some_and(|kind| !matches!(kind.as_str(), "false" | "off" | "no" | "0")) {
            return Err(Error::unsupported("a replication connection"));
        }
        let session = engine.connect(&user, database.as_deref().unwrap_or(&user))?;
        let process_id = session.info().process_id;
        let memory = engine.budget().open(Owner::Result, format!("what session {process_id} has prepared"));
        channel.count_with(engine.budget().open(Owner::Queue, format!("messages of session {process_id}")));
        let control = control(process_id, session.canceller());
        let mut connection = Self {
            session,
            control,
            reported: Reported::default(),
            statements: HashMap::new(),
            portals: HashMap::new(),
            skipping: false,
            in_group: false,
            memory,
        };
        let options = parameters.remove("options").map(|options| parse_options(&options)).transpose()?;
        for (name, value) in parameters.into_iter().chain(options.unwrap_or_default()) {
            connection.set(&name, &value).await?;
        }
        connection.session.settings().keep_for_reset();
        channel.put(PgWireBackendMessage::Authentication(Authentication::Ok))?;
        connection.report_settings(channel)?;
        let key = SecretKey::Bytes(Bytes::copy_from_slice(&connection.control.secret_key));
        channel.put(PgWireBackendMessage::BackendKeyData(BackendKeyData::new(process_id, key)))?;
        connection.report_changes(channel)?;
        channel.put(PgWireBackendMessage::ReadyForQuery(ReadyForQuery::new(TransactionStatus::Idle)))?;
        channel.flush().await?;
        Ok(connection)
    }

    async fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        if !name.chars().all(|character| character.is_ascii_alphanumeric() || "_.".contains(character)) {
            return Err(Error::request("42602", format!("invalid configuration parameter name \"{name}\"")));
        }
        // Postgres reads names of encodings without regard to case and hyphens.
        let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
        let is_encoding = name.eq_ignore_ascii_case("client_encoding");
        let value = if is_encoding && plain.eq_ignore_ascii_case("utf8") { "UTF8" } else { value };
        let statement = format!("SET {name} = '{}'", value.replace('\'', "''"));
        for parsed in self.session.parse(&statement)? {
            self.session.execute(&parsed, &[]).await?;
        }
        Ok(())
    }
}

/// Settings in `options`, such as `-c search_path=public --work_mem=1MB`; a backslash keeps a blank.
fn parse_options(options: &str) -> Result<Vec<(String, String)>, Error> {
    let mut words = vec![String::new()];
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => words.last_mut().into_iter().for_each(|word| word.extend(characters.next())),
            blank if blank.is_whitespace() => words.push(String::new()),
            character => words.last_mut().into_iter().for_each(|word| word.push(character)),
        }
    }
    let mut settings = Vec::new();
    let mut words = words.into_iter().filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next(),
            Some(setting) => Some(setting.to_owned()),
            None => None,
        };
        let (name, value) = setting.as_deref().and_then(|setting| setting.split_once('=')).ok_or_else(|| {
            Error::request("42601", format!("invalid command-line argument for server process: {word}"))
        })?;
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::parse_options;

    #[test]
    fn options_are_settings() {
        let pairs = |options: &str| parse_options(options).expect("valid");
        let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs(""), []);
        assert_eq!(
            pairs(r"-c a=1 -cb=x\ y --search-path=public,\\"),
            [owned("a", "1"), owned("b", "x y"), owned("search_path", "public,\\")]
        );
        assert!(parse_options("-c").is_err());
        assert!(parse_options("-B 3").is_err());
    }
}
