//! The settings that clients of Postgres and RisingWave send, and what they may be set to.

/// The version of Postgres that clients may count on.
pub const SERVER_VERSION: &str = "15.0";
/// The same as a number.
pub const SERVER_VERSION_NUMBER: &str = "150000";

/// A setting.
#[derive(Debug)]
pub(super) struct Known {
    /// As `SHOW ALL` writes it.
    pub(super) name: &'static str,
    /// What it is when nobody set it.
    pub(super) default: &'static str,
    pub(super) rule: Rule,
    pub(super) about: &'static str,
}

/// What a setting may be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Any text.
    Text,
    /// `on` or `off`, by any of their names.
    Switch,
    /// A whole number between these.
    Number(i64, i64),
    /// A number of milliseconds, or one with a unit.
    Duration,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Postgres has other values, but Freshet only these.
    Only(&'static [&'static str]),
    /// An isolation level, as far as there is one.
    Isolation,
    /// A time zone's name or offset.
    Zone,
    /// It says something about the server and cannot be set.
    Fixed,
}

const fn known(name: &'static str, default: &'static str, rule: Rule, about: &'static str) -> Known {
    Known { name, default, rule, about }
}

/// What snapshot isolation is called in Postgres.
pub(crate) const SNAPSHOT: &str = "repeatable read";
/// Each statement has a snapshot of its own.
const COMMITTED: &str = "read committed";
/// Promises more than snapshot isolation keeps.
pub(super) const SERIALIZABLE: &str = "serializable";
pub(super) const ISOLATION: &[&str] = &[SERIALIZABLE, SNAPSHOT, COMMITTED, "read uncommitted"];
/// The severities of messages, the least one first.
pub(super) const LEVELS: &[&str] =
    &["debug5", "debug4", "debug3", "debug2", "debug1", "log", "info", "notice", "warning", "error"];
const ACCEPTED: &str = "Accepted for compatibility; has no effect.";

impl Known {
    /// Whether it is only remembered.
    pub(super) fn is_ignored(&self) -> bool {
        self.about == ACCEPTED
    }
}

/// In the order of their names, as `SHOW ALL` lists them.
pub(super) const KNOWN: &[Known] = &[
    known("application_name", "", Rule::Text, "The name that the client gave itself."),
    known("backfill_rate_limit", "default", Rule::Text, ACCEPTED),
    known("background_ddl", "off", Rule::Switch, "Whether CREATE MATERIALIZED VIEW returns before the view is filled."),
    known("batch_parallelism", "default", Rule::Text, ACCEPTED),
    known("bytea_output", "hex", Rule::Only(&["hex"]), "How bytea is written."),
    known("check_function_bodies", "on", Rule::Switch, ACCEPTED),
    // psql sends SQL_ASCII where no locale is set, and means that it passes on what it gets.
    known(
        "client_encoding",
        "UTF8",
        Rule::Only(&["UTF8", "UTF-8", "UNICODE", "SQL_ASCII"]),
        "The client's character set.",
    ),
    known("client_min_messages", "notice", Rule::OneOf(LEVELS), "The least severe messages that are sent."),
    known(
        "DateStyle",
        "ISO, MDY",
        Rule::Only(&["ISO, MDY", "ISO", "ISO,MDY", "MDY", "ISO, US", "ISO,US"]),
        "How dates are written.",
    ),
    known("default_table_access_method", "heap", Rule::Text, ACCEPTED),
    known("default_tablespace", "", Rule::Text, ACCEPTED),
    known("default_transaction_deferrable", "off", Rule::Switch, ACCEPTED),
    known("default_transaction_isolation", COMMITTED, Rule::Isolation, "What new transactions see of others."),
    known("default_transaction_read_only", "off", Rule::Switch, "Whether new transactions refuse writes."),
    known("extra_float_digits", "1", Rule::Number(-15, 3), "Floats have as many digits as tell them apart."),
    known(
        "idle_in_transaction_session_timeout",
        "0",
        Rule::Duration,
        "How long a session may wait for its client in a transaction.",
    ),
    known("idle_session_timeout", "0", Rule::Duration, "How long a session may wait for its client."),
    known("in_hot_standby", "off", Rule::Fixed, "Whether the server only follows another."),
    known("integer_datetimes", "on", Rule::Fixed, "Whether times are whole microseconds."),
    known("IntervalStyle", "postgres", Rule::Only(&["postgres"]), "How intervals are written."),
    known("is_superuser", "on", Rule::Fixed, "Whether the user may do everything."),
    known("jit", "off", Rule::Switch, ACCEPTED),
    known("lc_collate", "C", Rule::Fixed, "The order of text: by code point."),
    known("lc_ctype", "C.UTF-8", Rule::Fixed, "What is a letter."),
    known("lc_messages", "C", Rule::Text, ACCEPTED),
    known("lc_monetary", "C", Rule::Text, ACCEPTED),
    known("lc_numeric", "C", Rule::Text, ACCEPTED),
    known("lc_time", "C", Rule::Text, ACCEPTED),
    known("lock_timeout", "0", Rule::Duration, "Never reached: no statement waits for a lock."),
    known("maintenance_work_mem", "64MB", Rule::Text, ACCEPTED),
    known("max_identifier_length", "63", Rule::Fixed, "How long a name should be at most."),
    known("max_index_keys", "32", Rule::Fixed, "How many columns a key may have."),
    known("query_mode", "auto", Rule::OneOf(&["auto", "local", "distributed"]), ACCEPTED),
    known("role", "none", Rule::Only(&["none"]), "The role that statements run as."),
    known("row_security", "on", Rule::Switch, ACCEPTED),
    known(
        "rw_implicit_flush",
        "on",
        Rule::Only(&["on", "true", "t", "yes", "1"]),
        "A session always reads its own writes.",
    ),
    known("search_path", "\"$user\", public", Rule::Text, "Where names without a schema are looked up."),
    known("server_encoding", "UTF8", Rule::Fixed, "The server's character set."),
    known("server_version", SERVER_VERSION, Rule::Fixed, "The version of Postgres that clients may count on."),
    known("server_version_num", SERVER_VERSION_NUMBER, Rule::Fixed, "The same as a number."),
    known("session_authorization", "", Rule::Fixed, "The user."),
    known("session_replication_role", "origin", Rule::OneOf(&["origin", "replica", "local"]), ACCEPTED),
    known("sink_decouple", "default", Rule::Text, ACCEPTED),
    known("source_rate_limit", "default", Rule::Text, ACCEPTED),
    known("standard_conforming_strings", "on", Rule::Only(&["on"]), "Whether a backslash is just a character."),
    known("statement_timeout", "0", Rule::Duration, "How long a statement may run."),
    known("streaming_parallelism", "default", Rule::Text, ACCEPTED),
    known("streaming_rate_limit", "default", Rule::Text, ACCEPTED),
    known("streaming_use_arrangement_backfill", "on", Rule::Switch, ACCEPTED),
    known("synchronize_seqscans", "on", Rule::Switch, ACCEPTED),
    known("synchronous_commit", "on", Rule::OneOf(&["on", "off", "local", "remote_write", "remote_apply"]), ACCEPTED),
    known("temp_tablespaces", "", Rule::Text, ACCEPTED),
    known("TimeZone", "UTC", Rule::Zone, "The zone in which timestamptz is written; it is read in UTC."),
    known("timezone_abbreviations", "Default", Rule::Text, ACCEPTED),
    known("transaction_deferrable", "off", Rule::Switch, ACCEPTED),
    known("transaction_isolation", COMMITTED, Rule::Isolation, "What the transaction sees of others."),
    known("transaction_read_only", "off", Rule::Switch, "Whether the transaction refuses writes."),
    known("transaction_timeout", "0", Rule::Duration, "How long a transaction may take."),
    known("visibility_mode", "default", Rule::Text, ACCEPTED),
    known("work_mem", "4MB", Rule::Text, ACCEPTED),
    known("xmloption", "content", Rule::OneOf(&["content", "document"]), ACCEPTED),
];

/// The setting of this name, in any case.
pub(super) fn find(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name))
}
