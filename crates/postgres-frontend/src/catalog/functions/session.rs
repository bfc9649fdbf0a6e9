//! Who and where one is: the session, its settings, the server.

use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Volatility;
use engine::SqlState;

use super::{Definition, constant, error, function, strict};
use crate::catalog::cell::{Cell, Kind};
use crate::catalog::tables::{schemas, setting};
use crate::catalog::world::World;

pub(super) fn functions() -> Vec<Definition> {
    let mut functions = vec![
        constant("current_database", 0..=0, Kind::Name, sql::DATABASE),
        constant("current_catalog", 0..=0, Kind::Name, sql::DATABASE),
        function("current_schema", 0..=0, Kind::Name, |world, _| {
            Ok(searched(world, false).into_iter().next().map_or(Cell::Null, Cell::from))
        }),
        strict("current_schemas", 1..=1, Kind::NameArray, |world, cells| {
            Ok(searched(world, cells[0] == Cell::Bool(true)).into())
        }),
        function("version", 0..=0, Kind::Text, |world, _| Ok(version(world).into())),
        function("pg_backend_pid", 0..=0, Kind::Int4, |world, _| Ok(world.session.process_id.into())),
        // Nobody has any: pools ask for it before they give a connection to somebody else.
        constant("pg_advisory_unlock_all", 0..=0, Kind::Text, ""),
        constant("pg_is_in_recovery", 0..=0, Kind::Bool, false),
        constant("pg_is_wal_replay_paused", 0..=0, Kind::Bool, false),
        // Epochs are not transactions, but clients only want a number that is there.
        constant("txid_current", 0..=0, Kind::Int8, 3),
        constant("pg_current_xact_id", 0..=0, Kind::Int8, 3),
        // How many transactions ago a row was written: what vacuums are asked about.
        strict("age", 1..=1, Kind::Int4, |_, _| Ok(0.into())),
        constant("txid_current_if_assigned", 0..=0, Kind::Int8, Cell::Null),
        constant("inet_server_addr", 0..=0, Kind::Text, Cell::Null),
        constant("inet_server_port", 0..=0, Kind::Int4, Cell::Null),
        constant("inet_client_addr", 0..=0, Kind::Text, Cell::Null),
        constant("inet_client_port", 0..=0, Kind::Int4, Cell::Null),
        strict("pg_encoding_to_char", 1..=1, Kind::Name, |_, cells| {
            Ok(match cells[0].int() {
                Some(6) => "UTF8".into(),
                Some(0) => "SQL_ASCII".into(),
                _ => "".into(),
            })
        }),
        constant("pg_client_encoding", 0..=0, Kind::Name, "UTF8"),
        constant("getdatabaseencoding", 0..=0, Kind::Name, "UTF8"),
        strict("pg_char_to_encoding", 1..=1, Kind::Int4, |_, cells| {
            Ok(if cells[0].text().is_some_and(|name| name.to_lowercase().starts_with("utf")) { 6 } else { -1 }.into())
        }),
        strict("current_setting", 1..=2, Kind::Text, current_setting),
        constant("pg_postmaster_start_time", 0..=0, Kind::Time, Cell::Null),
        constant("pg_conf_load_time", 0..=0, Kind::Time, Cell::Null),
        constant("pg_tablespace_location", 1..=1, Kind::Text, ""),
        constant("pg_listening_channels", 0..=0, Kind::TextArray, Cell::List(Vec::new())),
    ];
    for name in ["current_user", "session_user", "user", "current_role"] {
        functions.push(function(name, 0..=0, Kind::Name, |world, _| Ok((&world.session.user).into())));
    }
    let mut set_config = function("set_config", 3..=3, Kind::Text, set_config);
    set_config.volatility = Volatility::Volatile;
    functions.push(set_config);
    functions
}

/// The schemas of the session's search path that are there; pg_catalog is searched first where it is not named.
fn searched(world: &World, with_implicit: bool) -> Vec<&'static str> {
    let path = world.session.settings.search_path();
    let known = schemas().chain([sql::SCHEMA]).collect::<Vec<_>>();
    let mut found =
        path.iter().filter_map(|name| known.iter().find(|known| *known == name).copied()).collect::<Vec<_>>();
    if with_implicit && !found.contains(&"pg_catalog") {
        found.insert(0, "pg_catalog");
    }
    found
}

/// The Postgres that clients may count on comes first: they read it out of here.
fn version(world: &World) -> String {
    let postgres = world.session.settings.get("server_version").unwrap_or_default();
    let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
    format!("PostgreSQL {postgres} (Freshet {}) on {arch}-{os}", env!("CARGO_PKG_VERSION"))
}

fn current_setting(world: &World, cells: &[Cell]) -> Result<Cell> {
    let name = cells[0].text().unwrap_or_default();
    let missing_is_fine = cells.get(1) == Some(&Cell::Bool(true));
    match setting(&world.session.settings, name) {
        Some(value) => Ok(value.into()),
        None if missing_is_fine => Ok(Cell::Null),
        None => {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            Err(error(SqlState::UNDEFINED_OBJECT, message))
        }
    }
}

/// `set_config(name, value, is_local)`. Local to a transaction is what only `SET LOCAL` can do here.
fn set_config(world: &World, cells: &[Cell]) -> Result<Cell> {
    let Some(name) = cells[0].text() else { return Ok(Cell::Null) };
    if cells[2] == Cell::Bool(true) {
        let message = "set_config(..., is_local => true) is not supported: use SET LOCAL".to_owned();
        return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    let settings = &world.session.settings;
    settings.set(name, cells[1].text()).map_err(|error| DataFusionError::External(Box::new(error)))?;
    Ok(setting(settings, name).into())
}
