//! The server itself: the database, the role, the settings, the session.

use engine::Settings;

use super::Rows;
use crate::catalog::cell::{Row, row};
use crate::catalog::world::{DATABASE, OWNER, SERVER, World};

pub(super) const ROWS: &[(&str, Rows)] = &[
    // Text is compared by its bytes.
    ("pg_database", |_| {
        vec![row! { oid: DATABASE, datname: sql::DATABASE, datdba: OWNER, datcollate: "C.UTF-8", datctype: "C.UTF-8" }]
    }),
    ("pg_roles", role),
    ("pg_authid", role),
    ("pg_user", |world| vec![row! { usename: &world.session.user, usesysid: OWNER }]),
    ("pg_tablespace", |_| vec![row! { oid: 1663, spcname: "pg_default", spcowner: OWNER }]),
    ("pg_settings", settings),
    ("pg_stat_activity", activity),
    ("pg_foreign_server", |_| vec![row! { oid: SERVER, srvname: "freshet", srvowner: OWNER, srvfdw: SERVER + 1 }]),
    ("pg_foreign_data_wrapper", |_| vec![row! { oid: SERVER + 1, fdwname: "freshet", fdwowner: OWNER }]),
    ("pg_language", |_| {
        [(12, "internal", false), (14, "sql", true)]
            .map(|(oid, name, trusted)| row! { oid: oid, lanname: name, lanowner: OWNER, lanpltrusted: trusted })
            .into()
    }),
];

fn role(world: &World) -> Vec<Row> {
    vec![row! { oid: OWNER, rolname: &world.session.user }]
}

/// The session that asks: others are not to be seen from here.
fn activity(world: &World) -> Vec<Row> {
    let session = &world.session;
    vec![row! {
        datid: DATABASE,
        datname: sql::DATABASE,
        pid: session.process_id,
        usesysid: OWNER,
        usename: &session.user,
        application_name: session.settings.get("application_name"),
    }]
}

/// Settings that clients look up.
const SETTINGS: &str = "application_name block_size bytea_output client_encoding client_min_messages DateStyle
    default_table_access_method default_tablespace default_transaction_isolation default_transaction_read_only
    extra_float_digits idle_in_transaction_session_timeout in_hot_standby integer_datetimes IntervalStyle jit lc_collate
    lc_ctype lc_messages lc_monetary lc_numeric lc_time lock_timeout max_connections max_identifier_length max_index_keys
    search_path server_encoding server_version server_version_num standard_conforming_strings statement_timeout TimeZone
    transaction_isolation transaction_read_only wal_level work_mem";

/// Those among them that say how a Postgres server is made, which the engine does not know.
const MADE: [(&str, &str); 3] = [("block_size", "8192"), ("max_connections", "1000"), ("wal_level", "replica")];

/// A setting's value.
pub(crate) fn setting(settings: &Settings, name: &str) -> Option<String> {
    let made = || MADE.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| (*value).to_owned());
    settings.get(name).or_else(made)
}

fn settings(world: &World) -> Vec<Row> {
    let defaults = Settings::default();
    let setting_row = |name| {
        let (value, default) = (setting(&world.session.settings, name), setting(&defaults, name));
        row! { name: name, setting: value, boot_val: default.clone(), reset_val: default }
    };
    SETTINGS.split_whitespace().map(setting_row).collect()
}
