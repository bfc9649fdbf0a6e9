//! The part of `information_schema` that clients use.

use arrow::datatypes::Field;
use engine::Object;
use postgres_types::Type;
use sql::ObjectKind;

use super::Rows;
use crate::catalog::cell::{Row, row};
use crate::catalog::functions::definitions;
use crate::catalog::world::{World, column_type, index_name};
use crate::types::{WireType, element_of, sql_name};

const DATABASE: &str = sql::DATABASE;

pub(super) const ROWS: &[(&str, Rows)] = &[
    ("tables", tables),
    ("columns", columns),
    ("schemata", |world| {
        let schemas = ["public", "pg_catalog", "information_schema"];
        schemas.map(|name| row! { catalog_name: DATABASE, schema_name: name, schema_owner: &world.session.user }).into()
    }),
    ("views", |world| {
        // Materialized views are none, as in Postgres.
        let view_row = |view: &Object| {
            let mut row = table_name("public", &view.name);
            row.extend(row! { view_definition: definitions::view(view) });
            row
        };
        world.of_kind(ObjectKind::View).map(view_row).collect()
    }),
    ("table_constraints", |world| world.keyed().map(constraint_row).collect()),
    ("key_column_usage", |world| world.keyed().flat_map(key_column_rows).collect()),
];

/// The columns that name a table.
fn table_name(schema: &str, name: &str) -> Row {
    row! { table_catalog: DATABASE, table_schema: schema, table_name: name }
}

/// The columns that name a primary key and its table.
fn constraint_row(table: &Object) -> Row {
    let mut row = table_name("public", &table.name);
    row.extend(row! { constraint_catalog: DATABASE, constraint_schema: "public", constraint_name: index_name(table) });
    row
}

fn key_column_rows(table: &Object) -> impl Iterator<Item = Row> {
    table.primary_key.iter().enumerate().map(|(position, column)| {
        let mut row = constraint_row(table);
        let column = table.columns.field(*column).name();
        row.extend(row! { column_name: column, ordinal_position: position as i64 + 1 });
        row
    })
}

fn tables(world: &World) -> Vec<Row> {
    let table_row = |schema, name, kind, is_table| {
        let mut row = table_name(schema, name);
        row.extend(row! { table_type: kind, is_insertable_into: yes_or_no(is_table) });
        row
    };
    let own = world.objects().map(|object| {
        let kind = match object.kind {
            ObjectKind::Table => "BASE TABLE",
            ObjectKind::Source => "FOREIGN",
            // Postgres does not list materialized views here; clients that show what is here do want them.
            ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::Sink => "VIEW",
        };
        table_row("public", &object.name, kind, object.kind == ObjectKind::Table)
    });
    let system = super::all()
        .map(|table| table_row(table.schema, table.name, if table.kind == "r" { "BASE TABLE" } else { "VIEW" }, false));
    own.chain(system).collect()
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "YES" } else { "NO" }
}

fn columns(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for object in world.objects() {
        let is_table = object.kind == ObjectKind::Table;
        for (index, field) in object.columns.fields().iter().enumerate() {
            let mut row = table_name("public", &object.name);
            row.extend(column_row(index, field));
            row.extend(row! {
                column_default: object.defaults.get(index).cloned().flatten(),
                is_nullable: yes_or_no(field.is_nullable() || !is_table),
                is_updatable: yes_or_no(is_table),
            });
            rows.push(row);
        }
    }
    for table in super::all() {
        for (index, field) in table.arrow.fields().iter().enumerate() {
            let mut row = table_name(table.schema, table.name);
            row.extend(column_row(index, field));
            row.extend(row! { is_nullable: "YES", is_updatable: "NO" });
            rows.push(row);
        }
    }
    rows
}

fn column_row(index: usize, field: &Field) -> Row {
    let wire = column_type(field);
    let base = &wire.base;
    let is_array = element_of(base).is_some() && base.name().starts_with('_');
    let is_bounded_text = matches!(*base, Type::VARCHAR | Type::BPCHAR) && wire.modifier >= 4;
    let (precision, radix, scale) = numeric_precision(&wire);
    let position = index as i64 + 1;
    row! {
        column_name: field.name(),
        ordinal_position: position,
        data_type: if is_array { "ARRAY".to_owned() } else { sql_name(base) },
        character_maximum_length: is_bounded_text.then(|| wire.modifier - 4),
        numeric_precision: precision,
        numeric_precision_radix: radix,
        numeric_scale: scale,
        datetime_precision: match *base {
            Type::DATE => Some(0),
            Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::INTERVAL => Some(6),
            _ => None,
        },
        udt_catalog: DATABASE,
        udt_schema: "pg_catalog",
        udt_name: base.name(),
        dtd_identifier: position.to_string(),
    }
}

/// How many digits a number has, to which base, and how many of them are behind the point.
fn numeric_precision(wire: &WireType) -> (Option<i32>, Option<i32>, Option<i32>) {
    match wire.base {
        Type::INT2 => (Some(16), Some(2), Some(0)),
        Type::INT4 => (Some(32), Some(2), Some(0)),
        Type::INT8 => (Some(64), Some(2), Some(0)),
        Type::FLOAT4 => (Some(24), Some(2), None),
        Type::FLOAT8 => (Some(53), Some(2), None),
        Type::NUMERIC if wire.modifier >= 4 => {
            let packed = wire.modifier - 4;
            (Some(packed >> 16), Some(10), Some(packed & 0xffff))
        }
        Type::NUMERIC => (None, Some(10), None),
        _ => (None, None, None),
    }
}
