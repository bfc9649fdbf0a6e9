//! The tables of `pg_catalog` and `information_schema`: their columns as data, their rows as functions.
//!
//! Columns are PostgreSQL 15's, in its order (<https://www.postgresql.org/docs/15/catalogs.html>), because
//! clients name them. Tables about what Freshet does not have are there, and empty.

mod empty;
mod information_schema;
mod provider;
mod relations;
mod server;
mod types;
mod views;

use super::cell::{Cell, Kind};
use super::world::World;

pub(crate) use provider::SystemSchema;
pub(crate) use server::setting;

/// A catalog table.
pub(crate) struct SystemTable {
    pub(crate) schema: &'static str,
    pub(crate) name: &'static str,
    /// `pg_class.relkind`.
    pub(crate) kind: &'static str,
    pub(crate) columns: &'static [(&'static str, Kind)],
    pub(crate) rows: fn(&World) -> Vec<Vec<Cell>>,
}

/// A schema of catalog tables.
pub(crate) struct Schema {
    pub(crate) name: &'static str,
    pub(crate) tables: &'static [&'static [SystemTable]],
}

pub(crate) static SCHEMAS: [Schema; 2] = [
    Schema {
        name: "pg_catalog",
        tables: &[&relations::TABLES, &types::TABLES, &server::TABLES, &views::TABLES, &empty::TABLES],
    },
    Schema { name: "information_schema", tables: &[&information_schema::TABLES] },
];

/// Tables whose OIDs clients know from Postgres.
const KNOWN_OIDS: [(&str, u32); 12] = [
    ("pg_type", 1247),
    ("pg_attribute", 1249),
    ("pg_proc", 1255),
    ("pg_class", 1259),
    ("pg_authid", 1260),
    ("pg_database", 1262),
    ("pg_constraint", 2606),
    ("pg_description", 2609),
    ("pg_index", 2610),
    ("pg_namespace", 2615),
    ("pg_trigger", 2620),
    ("pg_extension", 3079),
];
/// Where the OIDs of the other tables begin, below those that a server gives.
const FIRST_OID: u32 = 14_000;

impl Schema {
    pub(crate) fn tables(&self) -> impl Iterator<Item = &'static SystemTable> {
        self.tables.iter().flat_map(|tables| tables.iter())
    }
}

/// All tables with their OIDs.
pub(crate) fn all() -> impl Iterator<Item = (u32, &'static SystemTable)> {
    (FIRST_OID..).zip(SCHEMAS.iter().flat_map(Schema::tables)).map(|(next, table)| {
        let known = KNOWN_OIDS.iter().find(|(name, _)| *name == table.name && table.schema == "pg_catalog");
        (known.map_or(next, |(_, oid)| *oid), table)
    })
}

/// The OID of a table in `pg_catalog`, as a `classoid`.
pub(crate) fn class_oid(name: &str) -> u32 {
    all().find(|(_, table)| table.name == name && table.schema == "pg_catalog").map_or(0, |(oid, _)| oid)
}

/// For tables that have no rows.
fn no_rows(_: &World) -> Vec<Vec<Cell>> {
    Vec::new()
}
