//! sqllogictest's view of a Postgres connection, by the simple or the extended protocol.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use tokio::task::JoinHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Row, SimpleQueryMessage};

use super::binary::Text;
use super::lifted::{Value, lifted};

/// A server that has not answered by then never will: so that a hang has a name.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// How statements are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `Query`; results come as text.
    Simple,
    /// `Parse`, `Describe`, `Bind`, `Execute`; results come in binary.
    Extended,
    /// The same, with literals as parameters where that changes nothing.
    Parameters,
}

impl Protocol {
    /// The label for `onlyif` and `skipif`.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Simple => "simple",
            Protocol::Extended => "extended",
            Protocol::Parameters => "parameters",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Whose SQL the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Ours.
    Freshet,
    /// PostgreSQL itself, for which our own words are replaced.
    Postgres,
}

/// A connection that runs a file's records.
pub struct Connection {
    client: Client,
    protocol: Protocol,
    dialect: Dialect,
    driver: JoinHandle<()>,
}

/// What the server answered, as `SQLSTATE: message`, with detail and hint on their own lines.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error of the server's or of the connection's.
    #[error("{}", described(.0))]
    Answer(#[from] tokio_postgres::Error),
    /// Nothing at all.
    #[error("the server does not answer")]
    NoAnswer(#[from] tokio::time::error::Elapsed),
}

fn described(error: &tokio_postgres::Error) -> String {
    let Some(database) = error.as_db_error() else {
        return format!("{error:?}");
    };
    let mut text = format!("{}: {}", database.code().code(), database.message());
    if let Some(detail) = database.detail() {
        text.push_str("\nDETAIL: ");
        text.push_str(detail);
    }
    if let Some(hint) = database.hint() {
        text.push_str("\nHINT: ");
        text.push_str(hint);
    }
    text
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn open(config: Config, protocol: Protocol, dialect: Dialect) -> Result<Connection, Error> {
        let (client, connection) = config.connect(NoTls).await?;
        // Its end is the client's too, which then gets an error.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Connection { client, protocol, dialect, driver })
    }

    async fn run_simple(&self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Error> {
        let mut columns = None;
        let mut rows = Vec::new();
        let mut count = 0;
        for message in self.client.simple_query(sql).await? {
            match message {
                SimpleQueryMessage::RowDescription(description) => columns = Some(description.len()),
                SimpleQueryMessage::Row(row) => rows.push((0..row.len()).map(|index| shown(row.get(index))).collect()),
                SimpleQueryMessage::CommandComplete(affected) => count = affected,
                _ => {}
            }
        }
        Ok(match columns {
            // The text format comes without types.
            Some(columns) => DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows },
            None => DBOutput::StatementComplete(count),
        })
    }

    async fn run_extended(&self, sql: &str, values: &[Value]) -> Result<DBOutput<DefaultColumnType>, Error> {
        let statement = self.client.prepare(sql).await?;
        let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        if statement.columns().is_empty() {
            return Ok(DBOutput::StatementComplete(self.client.execute(&statement, &parameters).await?));
        }
        let rows = self.client.query(&statement, &parameters).await?;
        let types = statement.columns().iter().map(|column| column_type(column.type_())).collect();
        Ok(DBOutput::Rows { types, rows: rows.iter().map(texts).collect::<Result<_, _>>()? })
    }
}

#[async_trait]
impl AsyncDB for Connection {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Error> {
        let sql = match self.dialect {
            Dialect::Freshet => sql.to_owned(),
            Dialect::Postgres => postgres_sql(sql),
        };
        let answer = async {
            match self.protocol {
                Protocol::Simple => self.run_simple(&sql).await,
                Protocol::Extended => self.run_extended(&sql, &[]).await,
                Protocol::Parameters => match lifted(&sql) {
                    Some(lifted) => self.run_extended(&lifted.sql, &lifted.values).await,
                    None => self.run_extended(&sql, &[]).await,
                },
            }
        };
        tokio::time::timeout(ANSWER_MAX, answer).await?
    }

    async fn shutdown(&mut self) {
        self.driver.abort();
    }

    fn engine_name(&self) -> &str {
        match self.dialect {
            Dialect::Freshet => "freshet",
            Dialect::Postgres => "postgres",
        }
    }

    fn error_sql_state(error: &Error) -> Option<String> {
        match error {
            Error::Answer(error) => error.code().map(|code| code.code().to_owned()),
            Error::NoAnswer(_) => None,
        }
    }
}

/// A view that is always fresh is, to PostgreSQL, a plain one.
fn postgres_sql(sql: &str) -> String {
    let sql = sql.replace("MATERIALIZED VIEW", "VIEW");
    if sql.trim_end_matches(';').trim() == "FLUSH" { String::new() } else { sql }
}

fn texts(row: &Row) -> Result<Vec<String>, tokio_postgres::Error> {
    (0..row.len())
        .map(|index| row.try_get::<_, Option<Text>>(index).map(|text| shown(text.as_ref().map(|text| text.0.as_str()))))
        .collect()
}

/// A value as the test files write it.
fn shown(value: Option<&str>) -> String {
    match value {
        None => "NULL".to_owned(),
        Some("") => "(empty)".to_owned(),
        Some(text) => text.to_owned(),
    }
}

fn column_type(data_type: &Type) -> DefaultColumnType {
    match *data_type {
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => DefaultColumnType::Integer,
        Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Text,
    }
}
