//! The part of `information_schema` that clients use.
//! Source: <https://www.postgresql.org/docs/15/information-schema.html>.

use postgres_types::Type;
use sql::ObjectKind;

use super::{SystemTable, no_rows};
use crate::catalog::cell::{Cell, Kind, row};
use crate::catalog::functions::definitions;
use crate::catalog::world::{World, column_type, index_name};
use crate::types::{element_of, sql_name};

const DATABASE: &str = sql::DATABASE;

pub(super) static TABLES: [SystemTable; 8] = [
    SystemTable {
        schema: "information_schema",
        name: "tables",
        kind: "v",
        columns: &[
            ("table_catalog", Kind::Name),
            ("table_schema", Kind::Name),
            ("table_name", Kind::Name),
            ("table_type", Kind::Text),
            ("self_referencing_column_name", Kind::Name),
            ("reference_generation", Kind::Text),
            ("user_defined_type_catalog", Kind::Name),
            ("user_defined_type_schema", Kind::Name),
            ("user_defined_type_name", Kind::Name),
            ("is_insertable_into", Kind::Text),
            ("is_typed", Kind::Text),
            ("commit_action", Kind::Text),
        ],
        rows: tables,
    },
    SystemTable {
        schema: "information_schema",
        name: "columns",
        kind: "v",
        columns: &[
            ("table_catalog", Kind::Name),
            ("table_schema", Kind::Name),
            ("table_name", Kind::Name),
            ("column_name", Kind::Name),
            ("ordinal_position", Kind::Int4),
            ("column_default", Kind::Text),
            ("is_nullable", Kind::Text),
            ("data_type", Kind::Text),
            ("character_maximum_length", Kind::Int4),
            ("character_octet_length", Kind::Int4),
            ("numeric_precision", Kind::Int4),
            ("numeric_precision_radix", Kind::Int4),
            ("numeric_scale", Kind::Int4),
            ("datetime_precision", Kind::Int4),
            ("interval_type", Kind::Text),
            ("interval_precision", Kind::Int4),
            ("character_set_catalog", Kind::Name),
            ("character_set_schema", Kind::Name),
            ("character_set_name", Kind::Name),
            ("collation_catalog", Kind::Name),
            ("collation_schema", Kind::Name),
            ("collation_name", Kind::Name),
            ("domain_catalog", Kind::Name),
            ("domain_schema", Kind::Name),
            ("domain_name", Kind::Name),
            ("udt_catalog", Kind::Name),
            ("udt_schema", Kind::Name),
            ("udt_name", Kind::Name),
            ("scope_catalog", Kind::Name),
            ("scope_schema", Kind::Name),
            ("scope_name", Kind::Name),
            ("maximum_cardinality", Kind::Int4),
            ("dtd_identifier", Kind::Name),
            ("is_self_referencing", Kind::Text),
            ("is_identity", Kind::Text),
            ("identity_generation", Kind::Text),
            ("identity_start", Kind::Text),
            ("identity_increment", Kind::Text),
            ("identity_maximum", Kind::Text),
            ("identity_minimum", Kind::Text),
            ("identity_cycle", Kind::Text),
            ("is_generated", Kind::Text),
            ("generation_expression", Kind::Text),
            ("is_updatable", Kind::Text),
        ],
        rows: columns,
    },
    SystemTable {
        schema: "information_schema",
        name: "schemata",
        kind: "v",
        columns: &[
            ("catalog_name", Kind::Name),
            ("schema_name", Kind::Name),
            ("schema_owner", Kind::Name),
            ("default_character_set_catalog", Kind::Name),
            ("default_character_set_schema", Kind::Name),
            ("default_character_set_name", Kind::Name),
            ("sql_path", Kind::Text),
        ],
        rows: |world| {
            let schemas = ["public", "pg_catalog", "information_schema"];
            schemas.iter().map(|schema| row![DATABASE, *schema, &world.session.user]).collect()
        },
    },
    SystemTable {
        schema: "information_schema",
        name: "views",
        kind: "v",
        columns: &[
            ("table_catalog", Kind::Name),
            ("table_schema", Kind::Name),
            ("table_name", Kind::Name),
            ("view_definition", Kind::Text),
            ("check_option", Kind::Text),
            ("is_updatable", Kind::Text),
            ("is_insertable_into", Kind::Text),
            ("is_trigger_updatable", Kind::Text),
            ("is_trigger_deletable", Kind::Text),
            ("is_trigger_insertable_into", Kind::Text),
        ],
        rows: |world| {
            // Materialized views are none, as in Postgres.
            let views = world.objects().filter(|object| object.kind == ObjectKind::View);
            views
                .map(|view| {
                    row![DATABASE, "public", &view.name, definitions::view(view), "NONE", "NO", "NO", "NO", "NO", "NO"]
                })
                .collect()
        },
    },
    SystemTable {
        schema: "information_schema",
        name: "table_constraints",
        kind: "v",
        columns: &[
            ("constraint_catalog", Kind::Name),
            ("constraint_schema", Kind::Name),
            ("constraint_name", Kind::Name),
            ("table_catalog", Kind::Name),
            ("table_schema", Kind::Name),
            ("table_name", Kind::Name),
            ("constraint_type", Kind::Text),
            ("is_deferrable", Kind::Text),
            ("initially_deferred", Kind::Text),
            ("enforced", Kind::Text),
            ("nulls_distinct", Kind::Text),
        ],
        rows: |world| {
            world
                .keyed()
                .map(|table| {
                    let name = index_name(table);
                    row![DATABASE, "public", name, DATABASE, "public", &table.name, "PRIMARY KEY", "NO", "NO", "YES"]
                })
                .collect()
        },
    },
    SystemTable {
        schema: "information_schema",
        name: "key_column_usage",
        kind: "v",
        columns: &[
            ("constraint_catalog", Kind::Name),
            ("constraint_schema", Kind::Name),
            ("constraint_name", Kind::Name),
            ("table_catalog", Kind::Name),
            ("table_schema", Kind::Name),
            ("table_name", Kind::Name),
            ("column_name", Kind::Name),
            ("ordinal_position", Kind::Int4),
            ("position_in_unique_constraint", Kind::Int4),
        ],
        rows: |world| {
            let of_table = |table: &engine::Object| -> Vec<Vec<Cell>> {
                let columns = table.primary_key.iter().enumerate();
                columns
                    .map(|(position, column)| {
                        let column = table.columns.field(*column).name();
                        let name = index_name(table);
                        let position = position as i64 + 1;
                        row![DATABASE, "public", name, DATABASE, "public", &table.name, column, position]
                    })
                    .collect()
            };
            world.keyed().flat_map(of_table).collect()
        },
    },
    SystemTable {
        schema: "information_schema",
        name: "referential_constraints",
        kind: "v",
        columns: &[
            ("constraint_catalog", Kind::Name),
            ("constraint_schema", Kind::Name),
            ("constraint_name", Kind::Name),
            ("unique_constraint_catalog", Kind::Name),
            ("unique_constraint_schema", Kind::Name),
            ("unique_constraint_name", Kind::Name),
            ("match_option", Kind::Text),
            ("update_rule", Kind::Text),
            ("delete_rule", Kind::Text),
        ],
        rows: no_rows,
    },
    SystemTable {
        schema: "information_schema",
        name: "routines",
        kind: "v",
        columns: &[
            ("specific_catalog", Kind::Name),
            ("specific_schema", Kind::Name),
            ("specific_name", Kind::Name),
            ("routine_catalog", Kind::Name),
            ("routine_schema", Kind::Name),
            ("routine_name", Kind::Name),
            ("routine_type", Kind::Text),
            ("data_type", Kind::Text),
        ],
        rows: no_rows,
    },
];

fn tables(world: &World) -> Vec<Vec<Cell>> {
    let table_row = |schema: &str, name: &str, kind: &str, writable: bool| {
        let nothing = || Cell::Null;
        let writable = if writable { "YES" } else { "NO" };
        row![DATABASE, schema, name, kind, nothing(), nothing(), nothing(), nothing(), nothing(), writable, "NO"]
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
    let system = super::all().map(|(_, table)| {
        table_row(table.schema, table.name, if table.kind == "r" { "BASE TABLE" } else { "VIEW" }, false)
    });
    own.chain(system).collect()
}

fn columns(world: &World) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for object in world.objects() {
        for (index, field) in object.columns.fields().iter().enumerate() {
            let default = object.defaults.get(index).cloned().flatten();
            rows.push(column_row("public", &object.name, index, field, default, object.kind == ObjectKind::Table));
        }
    }
    for (_, table) in super::all() {
        for (index, (name, kind)) in table.columns.iter().enumerate() {
            rows.push(column_row(table.schema, table.name, index, &kind.field(name), None, false));
        }
    }
    rows
}

fn column_row(
    schema: &str,
    table: &str,
    index: usize,
    field: &arrow::datatypes::Field,
    default: Option<String>,
    is_table: bool,
) -> Vec<Cell> {
    let wire = column_type(field);
    let base = &wire.base;
    let is_array = element_of(base).is_some() && base.name().starts_with('_');
    let length = matches!(*base, Type::VARCHAR | Type::BPCHAR).then(|| wire.modifier - 4).filter(|length| *length >= 0);
    let (precision, radix, scale) = match *base {
        Type::INT2 => (Some(16), Some(2), Some(0)),
        Type::INT4 => (Some(32), Some(2), Some(0)),
        Type::INT8 => (Some(64), Some(2), Some(0)),
        Type::FLOAT4 => (Some(24), Some(2), None),
        Type::FLOAT8 => (Some(53), Some(2), None),
        Type::NUMERIC if wire.modifier >= 4 => {
            (Some((wire.modifier - 4) >> 16), Some(10), Some((wire.modifier - 4) & 0xffff))
        }
        Type::NUMERIC => (None, Some(10), None),
        _ => (None, None, None),
    };
    let time_precision = match *base {
        Type::DATE => Some(0),
        Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::INTERVAL => Some(6),
        _ => None,
    };
    let position = index as i64 + 1;
    let nullable = if field.is_nullable() || !is_table { "YES" } else { "NO" };
    let mut row = row![DATABASE, schema, table, field.name(), position, default, nullable];
    row.push(if is_array { "ARRAY".into() } else { sql_name(base).into() });
    row.extend(row![length, Cell::Null, precision, radix, scale, time_precision]);
    row.resize(25, Cell::Null);
    row.extend(row![DATABASE, "pg_catalog", base.name()]);
    row.resize(32, Cell::Null);
    row.extend(row![position.to_string(), "NO", "NO"]);
    row.resize(41, Cell::Null);
    row.extend(row!["NEVER", Cell::Null, if is_table { "YES" } else { "NO" }]);
    row
}
