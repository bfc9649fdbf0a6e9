//! Every statement that Freshet knows, around sqlparser's syntax tree.
//!
//! Queries and table changes keep sqlparser's own nodes, which DataFusion binds. What is Freshet's
//! own, or needs less than sqlparser offers, has a node here.

use std::collections::BTreeMap;

use sqlparser::ast;

use crate::LiteralRows;

/// A statement, and the text it was parsed from.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What to do.
    pub statement: Statement,
    /// Its own text, without the statements around it.
    pub sql: String,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Statement {
    /// `SELECT`, `VALUES`, `TABLE`, `WITH ... SELECT`.
    Query(Box<ast::Query>),
    /// `INSERT INTO ... [ON CONFLICT ...] [RETURNING ...]`.
    Insert(Insert),
    /// `UPDATE ... SET ... [FROM ...] [WHERE ...] [RETURNING ...]`.
    Update(Box<ast::Update>),
    /// `DELETE FROM ... [USING ...] [WHERE ...] [RETURNING ...]`.
    Delete(Box<ast::Delete>),
    /// `CREATE TABLE`.
    CreateTable(CreateTable),
    /// `CREATE SOURCE`.
    CreateSource(CreateSource),
    /// `CREATE [MATERIALIZED] VIEW`.
    CreateView(CreateView),
    /// `CREATE SINK`.
    CreateSink(CreateSink),
    /// `DROP TABLE|SOURCE|VIEW|MATERIALIZED VIEW|SINK`.
    Drop(Drop),
    /// `SHOW TABLES`, `SHOW COLUMNS FROM t`, `SHOW CREATE VIEW v`, `SHOW setting`, ...
    Show(Show),
    /// `SET name = value`, `SET TIME ZONE ...`, `RESET name`.
    Set(Set),
    /// `EXPLAIN statement`.
    Explain(Box<Statement>),
    /// `SUBSCRIBE`.
    Subscribe(Subscribe),
    /// `BEGIN`, `START TRANSACTION`.
    Begin {
        /// Whether writes are refused, if it says.
        read_only: Option<bool>,
        /// The isolation level in lower case, if it says one.
        isolation: Option<&'static str>,
    },
    /// `COMMIT`, `END`.
    Commit,
    /// `ROLLBACK`, `ABORT`.
    Rollback,
    /// `SAVEPOINT name`.
    Savepoint(String),
    /// `RELEASE [SAVEPOINT] name`.
    Release(String),
    /// `ROLLBACK TO [SAVEPOINT] name`.
    RollbackTo(String),
    /// What drivers send to give up things that are never there: `UNLISTEN`, `CLOSE ALL`. Its command tag.
    GiveUp(&'static str),
    /// `DISCARD ALL` and its kin; `DEALLOCATE` goes here too when nothing is named.
    Discard,
    /// `DEALLOCATE name`.
    Deallocate(String),
    /// `FLUSH`: nothing to do, since a session reads its own writes.
    Flush,
}

/// A possibly qualified name, folded as Postgres folds it: unquoted parts in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The schema, if one was given.
    pub schema: Option<String>,
    /// The name proper.
    pub name: String,
}

/// `INSERT`.
#[derive(Clone, Debug)]
pub struct Insert {
    /// All of it, but for rows that are in `literals`.
    pub clauses: Box<ast::Insert>,
    /// The rows of its `VALUES`, if they were read so. The clauses have one row of nothing instead.
    pub literals: Option<LiteralRows>,
}

/// `CREATE TABLE`.
#[derive(Clone, Debug)]
pub struct CreateTable {
    /// The table.
    pub name: Name,
    /// Do nothing if there is one already.
    pub if_not_exists: bool,
    /// Its columns.
    pub columns: Vec<ColumnDefinition>,
    /// The primary key's columns; empty without one.
    pub primary_key: Vec<String>,
}

/// A column of a table or source.
#[derive(Clone, Debug)]
pub struct ColumnDefinition {
    /// Its name.
    pub name: String,
    /// Its type as written.
    pub data_type: ast::DataType,
    /// Whether null is refused.
    pub not_null: bool,
    /// `DEFAULT expression`.
    pub default: Option<ast::Expr>,
}

/// `CREATE SOURCE`.
#[derive(Clone, Debug)]
pub struct CreateSource {
    /// The source.
    pub name: Name,
    /// Do nothing if there is one already.
    pub if_not_exists: bool,
    /// Declared columns; may be empty where the connector fixes them.
    pub columns: Vec<ColumnDefinition>,
    /// `WITH (...)`, keys in lower case.
    pub with: BTreeMap<String, String>,
    /// `FORMAT f ENCODE e (...)`: format and encoding in upper case, and the encoding's options.
    pub format: Option<Format>,
}

/// `FORMAT f ENCODE e (...)`.
#[derive(Clone, Debug)]
pub struct Format {
    /// `PLAIN`, `UPSERT`, `DEBEZIUM`.
    pub format: String,
    /// `JSON`, `CSV`, `PARQUET`, ...
    pub encode: String,
    /// The encoding's options, keys in lower case.
    pub options: BTreeMap<String, String>,
}

/// `CREATE [OR REPLACE] [MATERIALIZED] VIEW`.
#[derive(Clone, Debug)]
pub struct CreateView {
    /// The view.
    pub name: Name,
    /// Whether its rows are kept.
    pub materialized: bool,
    /// Replace the one that is there.
    pub or_replace: bool,
    /// Do nothing if there is one already.
    pub if_not_exists: bool,
    /// Names for its columns; empty to take the query's.
    pub columns: Vec<String>,
    /// What it shows.
    pub query: Box<ast::Query>,
}

/// `CREATE SINK`.
#[derive(Clone, Debug)]
pub struct CreateSink {
    /// The sink.
    pub name: Name,
    /// Do nothing if there is one already.
    pub if_not_exists: bool,
    /// What it sends: `FROM v` is `SELECT * FROM v`.
    pub query: Box<ast::Query>,
    /// `WITH (...)`, keys in lower case.
    pub with: BTreeMap<String, String>,
}

/// `DROP kind [IF EXISTS] names [CASCADE | RESTRICT]`.
#[derive(Clone, Debug)]
pub struct Drop {
    /// What kind of thing.
    pub kind: ObjectKind,
    /// Which ones.
    pub names: Vec<Name>,
    /// A missing one is no error.
    pub if_exists: bool,
    /// What depends on them goes too.
    pub cascade: bool,
}

/// The kinds of thing that a catalog holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// Rows written by statements.
    Table,
    /// Rows read from outside.
    Source,
    /// A named query.
    View,
    /// A named query whose rows are kept.
    MaterializedView,
    /// Changes sent outside.
    Sink,
}

/// `SHOW ...`.
#[derive(Clone, Debug)]
pub enum Show {
    /// `SHOW TABLES|SOURCES|VIEWS|MATERIALIZED VIEWS|SINKS`.
    Objects(ObjectKind),
    /// `SHOW SCHEMAS`.
    Schemas,
    /// `SHOW DATABASES`.
    Databases,
    /// `SHOW COLUMNS FROM name`.
    Columns(Name),
    /// `SHOW CREATE kind name`.
    Create(ObjectKind, Name),
    /// `SHOW setting`.
    Setting(String),
    /// `SHOW ALL`.
    AllSettings,
}

/// `SET` and `RESET`.
#[derive(Clone, Debug)]
pub struct Set {
    /// The setting, in lower case; `all` for `RESET ALL`.
    pub name: String,
    /// Its new value as text; none to go back to the default.
    pub value: Option<String>,
    /// `SET LOCAL`: until the transaction ends.
    pub local: bool,
}

/// `SUBSCRIBE [TO] name | (query) [WITH (SNAPSHOT [= bool], PROGRESS [= bool])] [AS OF epoch]`.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// What to watch.
    pub query: Box<ast::Query>,
    /// Whether the rows that are there already come first (the default).
    pub snapshot: bool,
    /// Whether a row says each time that an epoch is complete.
    pub progress: bool,
    /// Where to start, if not now.
    pub as_of: Option<u64>,
}
