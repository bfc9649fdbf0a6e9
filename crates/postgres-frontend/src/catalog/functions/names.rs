//! Names to OIDs and back, and how names and literals are written.

use datafusion::error::Result;
use engine::SqlState;

use super::{Definition, error, function, strict};
use crate::catalog::cell::{Cell, Kind};
use crate::catalog::identifier::{fold, quote_ident, quote_literal};
use crate::catalog::world::{INFORMATION_SCHEMA, OWNER, PG_CATALOG, PUBLIC, World, schema_oid, type_named, type_shown};
use crate::types::sql_name_with;

pub(super) fn functions() -> Vec<Definition> {
    vec![
        // What `rewrite::casts` makes of casts to and from the "reg" types.
        strict("regclass_in", 1..=1, Kind::Oid, |world, cells| relation_oid(world, &cells[0])),
        strict("regclass_out", 1..=1, Kind::Text, |world, cells| {
            let oid = relation_oid(world, &cells[0])?.oid().unwrap_or(0);
            let shown = world.relation(oid).map(|relation| relation.shown());
            Ok(shown.unwrap_or_else(|| if oid == 0 { "-".to_owned() } else { oid.to_string() }).into())
        }),
        strict("regtype_in", 1..=1, Kind::Oid, |_, cells| type_oid(&cells[0])),
        strict("regtype_out", 1..=1, Kind::Text, |_, cells| {
            Ok(type_shown(type_oid(&cells[0])?.oid().unwrap_or(0)).into())
        }),
        strict("regnamespace_in", 1..=1, Kind::Oid, |_, cells| namespace_oid(&cells[0])),
        strict("regnamespace_out", 1..=1, Kind::Text, |_, cells| {
            Ok(namespace_name(namespace_oid(&cells[0])?.oid().unwrap_or(0)).into())
        }),
        strict("regrole_in", 1..=1, Kind::Oid, |world, cells| role_oid(world, &cells[0])),
        strict("regrole_out", 1..=1, Kind::Text, |world, cells| {
            let oid = role_oid(world, &cells[0])?.oid();
            Ok(if oid == Some(OWNER) { quote_ident(&world.session.user).into() } else { cells[0].clone() })
        }),
        // Functions have no OIDs here: they are known by their names.
        strict("regproc_in", 1..=1, Kind::Text, |_, cells| {
            let name = cells[0].text().map(str::to_owned).unwrap_or_else(|| cells[0].int().unwrap_or(0).to_string());
            Ok(name.strip_prefix("pg_catalog.").unwrap_or(&name).into())
        }),
        strict("regproc_out", 1..=1, Kind::Text, |_, cells| Ok(cells[0].clone())),
        strict("regproc_oid", 1..=1, Kind::Oid, |_, cells| match cells[0].oid() {
            Some(oid) => Ok(oid.into()),
            None => {
                let message = format!("function \"{}\" does not exist", cells[0].text().unwrap_or_default());
                Err(error(SqlState::UNDEFINED_FUNCTION, message))
            }
        }),
        // These give null for what is not there.
        strict("to_regclass", 1..=1, Kind::Oid, |world, cells| {
            Ok(cells[0].text().and_then(|name| world.relation_named(name)).map(|relation| relation.oid()).into())
        }),
        strict("to_regtype", 1..=1, Kind::Oid, |_, cells| {
            Ok(cells[0].text().and_then(type_named).map(|base| base.oid()).into())
        }),
        strict("to_regnamespace", 1..=1, Kind::Oid, |_, cells| Ok(namespace_oid(&cells[0]).unwrap_or(Cell::Null))),
        strict("to_regproc", 1..=1, Kind::Oid, |_, _| Ok(Cell::Null)),
        strict("to_regrole", 1..=1, Kind::Oid, |world, cells| Ok(role_oid(world, &cells[0]).unwrap_or(Cell::Null))),
        strict("format_type", 2..=2, Kind::Text, |_, cells| {
            let oid = cells[0].oid().unwrap_or(0);
            Ok(match (postgres_types::Type::from_oid(oid), cells[1].int()) {
                (Some(base), Some(modifier)) => sql_name_with(&base, i32::try_from(modifier).unwrap_or(-1)).into(),
                (Some(_), None) => type_shown(oid).into(),
                (None, _) if oid == 0 => "-".into(),
                (None, _) => "???".into(),
            })
        }),
        strict("pg_get_userbyid", 1..=1, Kind::Name, |world, cells| {
            Ok(match cells[0].oid() {
                Some(OWNER) => (&world.session.user).into(),
                other => format!("unknown (OID={})", other.unwrap_or(0)).into(),
            })
        }),
        strict("quote_ident", 1..=1, Kind::Text, |_, cells| Ok(cells[0].text().map(quote_ident).into())),
        strict("quote_literal", 1..=1, Kind::Text, |_, cells| {
            Ok(shown(&cells[0]).map(|text| quote_literal(&text)).into())
        }),
        function("quote_nullable", 1..=1, Kind::Text, |_, cells| {
            Ok(shown(&cells[0]).map_or_else(|| "NULL".to_owned(), |text| quote_literal(&text)).into())
        }),
        strict("parse_ident", 1..=2, Kind::TextArray, |_, cells| Ok(cells[0].text().map(fold).into())),
    ]
}

fn shown(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.clone()),
        Cell::Int(value) => Some(value.to_string()),
        Cell::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// An OID stays what it is; a name must be a relation's.
fn relation_oid(world: &World, cell: &Cell) -> Result<Cell> {
    let Cell::Text(name) = cell else { return Ok(cell.clone()) };
    if name == "-" {
        return Ok(0.into());
    }
    match (world.relation_named(name), name.parse::<u32>()) {
        (Some(relation), _) => Ok(relation.oid().into()),
        (None, Ok(oid)) => Ok(oid.into()),
        (None, Err(_)) => Err(error(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))),
    }
}

fn type_oid(cell: &Cell) -> Result<Cell> {
    let Cell::Text(name) = cell else { return Ok(cell.clone()) };
    match type_named(name) {
        Some(base) => Ok(base.oid().into()),
        None => Err(error(SqlState::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"))),
    }
}

fn namespace_oid(cell: &Cell) -> Result<Cell> {
    let Cell::Text(name) = cell else { return Ok(cell.clone()) };
    match name.trim_matches('"') {
        name @ ("public" | "pg_catalog" | "information_schema") => Ok(schema_oid(name).into()),
        name => Err(error(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"))),
    }
}

fn namespace_name(oid: u32) -> String {
    match oid {
        PG_CATALOG => "pg_catalog".to_owned(),
        PUBLIC => "public".to_owned(),
        INFORMATION_SCHEMA => "information_schema".to_owned(),
        other => other.to_string(),
    }
}

fn role_oid(world: &World, cell: &Cell) -> Result<Cell> {
    let Cell::Text(name) = cell else { return Ok(cell.clone()) };
    match name.trim_matches('"') == world.session.user {
        true => Ok(OWNER.into()),
        false => Err(error(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist"))),
    }
}
