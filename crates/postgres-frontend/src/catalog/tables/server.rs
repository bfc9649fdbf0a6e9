//! The server itself: the database, the role, the settings, the session.

use super::{SystemTable, no_rows};
use crate::catalog::cell::{Cell, Kind, row};
use crate::catalog::world::{DATABASE, OWNER, SERVER, World};

const ROLE_COLUMNS: [(&str, Kind); 13] = [
    ("oid", Kind::Oid),
    ("rolname", Kind::Name),
    ("rolsuper", Kind::Bool),
    ("rolinherit", Kind::Bool),
    ("rolcreaterole", Kind::Bool),
    ("rolcreatedb", Kind::Bool),
    ("rolcanlogin", Kind::Bool),
    ("rolreplication", Kind::Bool),
    ("rolconnlimit", Kind::Int4),
    ("rolpassword", Kind::Text),
    ("rolvaliduntil", Kind::Time),
    ("rolbypassrls", Kind::Bool),
    ("rolconfig", Kind::TextArray),
];

pub(super) static TABLES: [SystemTable; 11] = [
    SystemTable {
        schema: "pg_catalog",
        name: "pg_database",
        kind: "r",
        columns: &[
            ("oid", Kind::Oid),
            ("datname", Kind::Name),
            ("datdba", Kind::Oid),
            ("encoding", Kind::Int4),
            ("datlocprovider", Kind::Char),
            ("datistemplate", Kind::Bool),
            ("datallowconn", Kind::Bool),
            ("datconnlimit", Kind::Int4),
            ("datfrozenxid", Kind::Int8),
            ("datminmxid", Kind::Int8),
            ("dattablespace", Kind::Oid),
            ("datcollate", Kind::Text),
            ("datctype", Kind::Text),
            ("daticulocale", Kind::Text),
            ("datcollversion", Kind::Text),
            ("datacl", Kind::TextArray),
        ],
        // Text is compared by its bytes.
        rows: |_| vec![row![DATABASE, sql::DATABASE, OWNER, 6, "c", false, true, -1, 0, 0, 1663, "C.UTF-8", "C.UTF-8"]],
    },
    SystemTable { schema: "pg_catalog", name: "pg_roles", kind: "v", columns: &ROLE_COLUMNS, rows: roles },
    SystemTable { schema: "pg_catalog", name: "pg_authid", kind: "r", columns: &ROLE_COLUMNS, rows: roles },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_user",
        kind: "v",
        columns: &[
            ("usename", Kind::Name),
            ("usesysid", Kind::Oid),
            ("usecreatedb", Kind::Bool),
            ("usesuper", Kind::Bool),
            ("userepl", Kind::Bool),
            ("usebypassrls", Kind::Bool),
            ("passwd", Kind::Text),
            ("valuntil", Kind::Time),
            ("useconfig", Kind::TextArray),
        ],
        rows: |world| vec![row![&world.session.user, OWNER, true, true, false, true]],
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_tablespace",
        kind: "r",
        columns: &[
            ("oid", Kind::Oid),
            ("spcname", Kind::Name),
            ("spcowner", Kind::Oid),
            ("spcacl", Kind::TextArray),
            ("spcoptions", Kind::TextArray),
        ],
        rows: |_| vec![row![1663, "pg_default", OWNER]],
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_settings",
        kind: "v",
        columns: &[
            ("name", Kind::Text),
            ("setting", Kind::Text),
            ("unit", Kind::Text),
            ("category", Kind::Text),
            ("short_desc", Kind::Text),
            ("extra_desc", Kind::Text),
            ("context", Kind::Text),
            ("vartype", Kind::Text),
            ("source", Kind::Text),
            ("min_val", Kind::Text),
            ("max_val", Kind::Text),
            ("enumvals", Kind::TextArray),
            ("boot_val", Kind::Text),
            ("reset_val", Kind::Text),
            ("sourcefile", Kind::Text),
            ("sourceline", Kind::Int4),
            ("pending_restart", Kind::Bool),
        ],
        rows: settings,
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_stat_activity",
        kind: "v",
        columns: &[
            ("datid", Kind::Oid),
            ("datname", Kind::Name),
            ("pid", Kind::Int4),
            ("leader_pid", Kind::Int4),
            ("usesysid", Kind::Oid),
            ("usename", Kind::Name),
            ("application_name", Kind::Text),
            ("client_addr", Kind::Text),
            ("client_hostname", Kind::Text),
            ("client_port", Kind::Int4),
            ("backend_start", Kind::Time),
            ("xact_start", Kind::Time),
            ("query_start", Kind::Time),
            ("state_change", Kind::Time),
            ("wait_event_type", Kind::Text),
            ("wait_event", Kind::Text),
            ("state", Kind::Text),
            ("backend_xid", Kind::Int8),
            ("backend_xmin", Kind::Int8),
            ("query_id", Kind::Int8),
            ("query", Kind::Text),
            ("backend_type", Kind::Text),
        ],
        // The session that asks: others are not to be seen from here.
        rows: |world| {
            let mut activity = vec![Cell::Null; 22];
            let session = &world.session;
            activity.splice(..6, row![DATABASE, sql::DATABASE, session.process_id, Cell::Null, OWNER, &session.user]);
            activity[6] = session.settings.get("application_name").into();
            activity[16] = "active".into();
            activity[21] = "client backend".into();
            vec![activity]
        },
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_foreign_server",
        kind: "r",
        columns: &[
            ("oid", Kind::Oid),
            ("srvname", Kind::Name),
            ("srvowner", Kind::Oid),
            ("srvfdw", Kind::Oid),
            ("srvtype", Kind::Text),
            ("srvversion", Kind::Text),
            ("srvacl", Kind::TextArray),
            ("srvoptions", Kind::TextArray),
        ],
        rows: |_| vec![row![SERVER, "freshet", OWNER, SERVER + 1]],
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_foreign_data_wrapper",
        kind: "r",
        columns: &[
            ("oid", Kind::Oid),
            ("fdwname", Kind::Name),
            ("fdwowner", Kind::Oid),
            ("fdwhandler", Kind::Oid),
            ("fdwvalidator", Kind::Oid),
            ("fdwacl", Kind::TextArray),
            ("fdwoptions", Kind::TextArray),
        ],
        rows: |_| vec![row![SERVER + 1, "freshet", OWNER, 0, 0]],
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_language",
        kind: "r",
        columns: &[
            ("oid", Kind::Oid),
            ("lanname", Kind::Name),
            ("lanowner", Kind::Oid),
            ("lanispl", Kind::Bool),
            ("lanpltrusted", Kind::Bool),
            ("lanplcallfoid", Kind::Oid),
            ("laninline", Kind::Oid),
            ("lanvalidator", Kind::Oid),
            ("lanacl", Kind::TextArray),
        ],
        rows: |_| {
            vec![row![12, "internal", OWNER, false, false, 0, 0, 0], row![14, "sql", OWNER, false, true, 0, 0, 0]]
        },
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_extension",
        kind: "r",
        columns: &[
            ("oid", Kind::Oid),
            ("extname", Kind::Name),
            ("extowner", Kind::Oid),
            ("extnamespace", Kind::Oid),
            ("extrelocatable", Kind::Bool),
            ("extversion", Kind::Text),
            ("extconfig", Kind::OidArray),
            ("extcondition", Kind::TextArray),
        ],
        rows: no_rows,
    },
];

fn roles(world: &World) -> Vec<Vec<Cell>> {
    let user = &world.session.user;
    vec![row![OWNER, user, true, true, true, true, true, false, -1, "********", Cell::Null, true, Cell::Null]]
}

/// Settings that clients look up, and what they are where a session has none of that name.
pub(crate) const SETTINGS: [(&str, &str); 37] = [
    ("application_name", ""),
    ("block_size", "8192"),
    ("bytea_output", "hex"),
    ("client_encoding", "UTF8"),
    ("client_min_messages", "notice"),
    ("DateStyle", "ISO, MDY"),
    ("default_table_access_method", "heap"),
    ("default_tablespace", ""),
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_read_only", "off"),
    ("extra_float_digits", "1"),
    ("idle_in_transaction_session_timeout", "0"),
    ("in_hot_standby", "off"),
    ("integer_datetimes", "on"),
    ("IntervalStyle", "postgres"),
    ("jit", "off"),
    ("lc_collate", "C.UTF-8"),
    ("lc_ctype", "C.UTF-8"),
    ("lc_messages", "C.UTF-8"),
    ("lc_monetary", "C.UTF-8"),
    ("lc_numeric", "C.UTF-8"),
    ("lc_time", "C.UTF-8"),
    ("lock_timeout", "0"),
    ("max_connections", "1000"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("search_path", "\"$user\", public"),
    ("server_encoding", "UTF8"),
    ("server_version", crate::SERVER_VERSION),
    ("server_version_num", "150000"),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("TimeZone", "UTC"),
    ("transaction_isolation", "serializable"),
    ("transaction_read_only", "off"),
    ("wal_level", "replica"),
    ("work_mem", "4MB"),
];

/// A setting's value in a session.
pub(crate) fn setting(world: &World, name: &str) -> Option<String> {
    // What the catalogs here are like, which clients go by.
    match name.to_ascii_lowercase().as_str() {
        "server_version" => return Some(crate::SERVER_VERSION.to_owned()),
        "server_version_num" => return Some("150000".to_owned()),
        _ => {}
    }
    let default = SETTINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    world.session.settings.get(name).or_else(|| default.map(|(_, value)| (*value).to_owned()))
}

fn settings(world: &World) -> Vec<Vec<Cell>> {
    let setting_row = |(name, default): &(&str, &str)| {
        let value = setting(world, name);
        row![
            *name,
            value,
            Cell::Null,
            "Freshet",
            "",
            Cell::Null,
            "user",
            "string",
            "default",
            Cell::Null,
            Cell::Null,
            Cell::Null,
            *default,
            *default,
            Cell::Null,
            Cell::Null,
            false,
        ]
    };
    SETTINGS.iter().map(setting_row).collect()
}
