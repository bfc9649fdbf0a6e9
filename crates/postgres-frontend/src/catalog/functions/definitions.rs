//! `pg_get_...def` and descriptions: objects as SQL text.

use datafusion::error::Result;
use engine::Object;
use sql::{ObjectKind, Statement};

use super::{Definition, constant, strict};
use crate::catalog::cell::{Cell, Kind};
use crate::catalog::identifier::{quote_ident, quote_literal};
use crate::catalog::world::{PG_CATALOG, PUBLIC, Relation, World, constraint_oid, index_name};

pub(super) fn functions() -> Vec<Definition> {
    vec![
        strict("pg_get_viewdef", 1..=2, Kind::Text, |world, cells| {
            let relation = match &cells[0] {
                Cell::Text(name) => world.relation_named(name),
                cell => cell.oid().and_then(|oid| world.relation(oid)),
            };
            Ok(match relation {
                Some(Relation::Object(object))
                    if matches!(object.kind, ObjectKind::View | ObjectKind::MaterializedView) =>
                {
                    view(object).into()
                }
                _ => Cell::Null,
            })
        }),
        strict("pg_get_indexdef", 1..=3, Kind::Text, |world, cells| {
            let table = cells[0].oid().and_then(|oid| world.table_of_index(oid));
            let Some(table) = table else { return Ok(Cell::Null) };
            // The second argument asks for one column alone.
            Ok(match cells.get(1).and_then(Cell::int) {
                None | Some(0) => index(table).into(),
                Some(number) => key_column(table, number).into(),
            })
        }),
        strict("pg_get_constraintdef", 1..=2, Kind::Text, |world, cells| {
            let table = cells[0].oid().and_then(|oid| world.keyed().find(|table| constraint_oid(table) == oid));
            Ok(table.map(|table| format!("PRIMARY KEY ({})", key_columns(table))).into())
        }),
        // Expressions are kept as their text.
        strict("pg_get_expr", 2..=3, Kind::Text, |_, cells| Ok(cells[0].clone())),
        strict("obj_description", 1..=2, Kind::Text, describe),
        strict("col_description", 2..=2, Kind::Text, |_, _| Ok(Cell::Null)),
        strict("shobj_description", 2..=2, Kind::Text, |_, _| Ok(Cell::Null)),
        constant("pg_get_partkeydef", 1..=1, Kind::Text, Cell::Null),
        constant("pg_get_partition_constraintdef", 1..=1, Kind::Text, Cell::Null),
        constant("pg_get_ruledef", 1..=2, Kind::Text, Cell::Null),
        constant("pg_get_triggerdef", 1..=2, Kind::Text, Cell::Null),
        constant("pg_get_statisticsobjdef", 1..=1, Kind::Text, Cell::Null),
        constant("pg_get_statisticsobjdef_columns", 1..=1, Kind::Text, Cell::Null),
        constant("pg_get_functiondef", 1..=1, Kind::Text, Cell::Null),
        constant("pg_get_function_result", 1..=1, Kind::Text, Cell::Null),
        constant("pg_get_function_arguments", 1..=1, Kind::Text, Cell::Null),
        constant("pg_get_function_identity_arguments", 1..=1, Kind::Text, Cell::Null),
        constant("pg_get_serial_sequence", 2..=2, Kind::Text, Cell::Null),
    ]
}

/// A view's query as `pg_get_viewdef` gives it: with a semicolon.
pub(crate) fn view(object: &Object) -> String {
    format!(" {};", object.definition.trim().trim_end_matches(';'))
}

/// The statement that would create a primary key's index.
pub(crate) fn index(table: &Object) -> String {
    let (name, relation) = (index_name(table), quote_ident(&table.name));
    let name = quote_ident(&name);
    format!("CREATE UNIQUE INDEX {name} ON {}.{relation} USING btree ({})", table.schema_name, key_columns(table))
}

/// A source's `WITH (...)`, each option as `pg_options_to_table` and `quote_literal` would show it.
pub(crate) fn options(source: &Object) -> Option<Vec<String>> {
    let mut statements = sql::parse(&source.definition).ok()?;
    match statements.pop()?.statement {
        Statement::CreateSource(create) => {
            let shown =
                create.with.iter().map(|(name, value)| format!("{} {}", quote_ident(name), quote_literal(value)));
            Some(shown.collect())
        }
        _ => None,
    }
}

/// What is said of the schemas that are always there.
pub(crate) fn schema_comment(oid: u32) -> &'static str {
    match oid {
        PG_CATALOG => "system catalog schema",
        PUBLIC => "standard public schema",
        _ => "",
    }
}

fn key_columns(table: &Object) -> String {
    let columns = table.primary_key.iter().map(|column| quote_ident(table.columns.field(*column).name()));
    columns.collect::<Vec<_>>().join(", ")
}

fn key_column(table: &Object, number: i64) -> Option<String> {
    let position = usize::try_from(number).ok()?.checked_sub(1)?;
    let column = table.primary_key.get(position)?;
    Some(quote_ident(table.columns.field(*column).name()))
}

fn describe(world: &World, cells: &[Cell]) -> Result<Cell> {
    let Some(oid) = cells[0].oid() else { return Ok(Cell::Null) };
    let catalog = cells.get(1).and_then(Cell::text).unwrap_or("pg_class");
    Ok(match catalog.strip_prefix("pg_catalog.").unwrap_or(catalog) {
        "pg_class" => world.object(oid).and_then(|object| object.comment.as_ref()).into(),
        "pg_namespace" if oid == PUBLIC || oid == PG_CATALOG => schema_comment(oid).into(),
        _ => Cell::Null,
    })
}
