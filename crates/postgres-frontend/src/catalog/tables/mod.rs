//! The tables of `pg_catalog` and `information_schema`: their columns as text, their rows as functions.
//!
//! Columns are PostgreSQL 15's, in its order, because clients name them.

mod definition;
mod provider;

mod information_schema;
mod relations;
mod server;
mod types;
mod views;

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{Schema, SchemaRef};

use self::definition::{Column, Definition};
use super::cell::Row;
use super::world::World;

pub(crate) use provider::SystemSchema;
pub(crate) use server::setting;

/// A catalog table.
pub(crate) struct SystemTable {
    pub(crate) oid: u32,
    pub(crate) schema: &'static str,
    pub(crate) name: &'static str,
    /// `pg_class.relkind`.
    pub(crate) kind: &'static str,
    pub(crate) columns: Vec<Column>,
    /// The columns for Arrow.
    arrow: SchemaRef,
    rows: Rows,
}

/// Makes a table's rows from what there is.
type Rows = fn(&World) -> Vec<Row>;

/// The schemas, and the text that defines their tables.
const TEXTS: [(&str, &str); 2] =
    [("pg_catalog", include_str!("pg_catalog.txt")), ("information_schema", include_str!("information_schema.txt"))];

/// What makes the rows of the tables with these names. All others have none.
const ROWS: [&[(&str, Rows)]; 5] = [relations::ROWS, types::ROWS, server::ROWS, views::ROWS, information_schema::ROWS];

/// Where the OIDs of tables begin that clients do not know from Postgres, below those that the engine gives.
const FIRST_OID: u32 = 14_000;

static TABLES: LazyLock<Vec<SystemTable>> = LazyLock::new(|| {
    let definitions = TEXTS.iter().flat_map(|(schema, text)| {
        let definitions = definition::parse(text).expect("a test parses these texts");
        definitions.into_iter().map(move |definition| (*schema, definition))
    });
    (FIRST_OID..)
        .zip(definitions)
        .map(|(oid, (schema, definition))| SystemTable::new(oid, schema, definition))
        .collect()
});

impl SystemTable {
    fn new(oid: u32, schema: &'static str, definition: Definition) -> Self {
        let Definition { kind, name, oid: known_oid, columns } = definition;
        let fields: Vec<_> = columns.iter().map(|column| column.kind.field(column.name)).collect();
        let rows = ROWS.iter().copied().flatten().find(|(of, _)| *of == name).map(|(_, rows)| *rows);
        Self {
            oid: known_oid.unwrap_or(oid),
            schema,
            name,
            kind,
            columns,
            arrow: Arc::new(Schema::new(fields)),
            rows: rows.unwrap_or(|_| Vec::new()),
        }
    }
}

/// The names of the schemas.
pub(crate) fn schemas() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().map(|(schema, _)| *schema)
}

/// All tables.
pub(crate) fn all() -> impl Iterator<Item = &'static SystemTable> {
    TABLES.iter()
}

/// The OID of a table in `pg_catalog`, as a `classoid`.
pub(crate) fn class_oid(name: &str) -> u32 {
    // No table of information_schema has such a name.
    all().find(|table| table.name == name).map_or(0, |table| table.oid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::cell::Cell;
    use crate::catalog::tests::world;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = all().map(|table| (table.schema, table.name)).collect();
        let mut oids: Vec<_> = all().map(|table| table.oid).collect();
        names.sort_unstable();
        oids.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(oids.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn rows_fit_their_tables() {
        for (name, rows) in ROWS.iter().copied().flatten() {
            let table = all().find(|table| table.name == *name).unwrap_or_else(|| panic!("{name} is not defined"));
            let given = rows(&world());
            let batch = table.batch(given.clone()).expect("columns that the table has");
            for (column, values) in table.columns.iter().zip(batch.columns()) {
                let of_column =
                    |row: &Row| row.iter().find(|(name, _)| *name == column.name).map(|(_, cell)| cell.clone());
                let nulls = given
                    .iter()
                    .filter(|row| of_column(row).unwrap_or_else(|| column.default.clone()) == Cell::Null)
                    .count();
                // A value of another type would have become null.
                assert_eq!(values.null_count(), nulls, "{name}.{}", column.name);
            }
        }
    }
}
