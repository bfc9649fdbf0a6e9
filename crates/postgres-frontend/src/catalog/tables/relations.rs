//! Relations, their columns, keys and comments.

use engine::Object;
use sql::ObjectKind;

use super::{Rows, class_oid};
use crate::catalog::cell::{Row, row};
use crate::catalog::functions::definitions;
use crate::catalog::world::{
    BTREE, HEAP, INFORMATION_SCHEMA, OWNER, PG_CATALOG, PUBLIC, Relation, SERVER, World, column_type, constraint_oid,
    index_name, index_oid, schema_oid,
};
use crate::types::{WireType, element_of, length};

pub(super) const ROWS: &[(&str, Rows)] = &[
    ("pg_class", |world| world.relations().map(|relation| class_row(&relation)).collect()),
    ("pg_attribute", pg_attribute),
    ("pg_attrdef", pg_attrdef),
    ("pg_index", |world| world.keyed().map(index_row).collect()),
    ("pg_constraint", |world| world.keyed().map(constraint_row).collect()),
    ("pg_description", pg_description),
    ("pg_namespace", |_| {
        let schemas = [(PG_CATALOG, "pg_catalog"), (PUBLIC, "public"), (INFORMATION_SCHEMA, "information_schema")];
        schemas.map(|(oid, name)| row! { oid: oid, nspname: name, nspowner: OWNER }).into()
    }),
    ("pg_foreign_table", |world| {
        let sources = world.of_kind(ObjectKind::Source);
        let table_row = |source: &Object| {
            row! { ftrelid: source.oid, ftserver: SERVER, ftoptions: definitions::options(source) }
        };
        sources.map(table_row).collect()
    }),
];

fn class_row(relation: &Relation<'_>) -> Row {
    let (columns, keyed, access_method) = match relation {
        Relation::Object(object) => {
            let stored = matches!(object.kind, ObjectKind::Table | ObjectKind::MaterializedView);
            (object.columns.fields().len(), !object.primary_key.is_empty(), if stored { HEAP } else { 0 })
        }
        Relation::Index(table) => (table.primary_key.len(), false, BTREE),
        Relation::System(table) => (table.columns.len(), false, 0),
    };
    row! {
        oid: relation.oid(),
        relname: relation.name(),
        relnamespace: schema_oid(relation.schema()),
        relowner: OWNER,
        relam: access_method,
        relfilenode: relation.oid(),
        relhasindex: keyed,
        relkind: relation.kind(),
        relnatts: columns as i64,
        relhasrules: matches!(relation.kind(), "v" | "m"),
        relreplident: if matches!(relation.kind(), "r" | "m") { "d" } else { "n" },
    }
}

fn pg_attribute(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for relation in world.relations() {
        let oid = relation.oid();
        match relation {
            Relation::Object(object) => {
                for (index, field) in object.columns.fields().iter().enumerate() {
                    let has_default = object.defaults.get(index).is_some_and(Option::is_some);
                    let not_null = !field.is_nullable() && object.kind == ObjectKind::Table;
                    let mut row = attribute_row(oid, index, field.name(), &column_type(field));
                    row.extend(row! { attnotnull: not_null, atthasdef: has_default });
                    rows.push(row);
                }
            }
            Relation::Index(table) => {
                for (index, key) in table.primary_key.iter().enumerate() {
                    let field = table.columns.field(*key);
                    rows.push(attribute_row(oid, index, field.name(), &column_type(field)));
                }
            }
            Relation::System(table) => {
                for (index, column) in table.columns.iter().enumerate() {
                    rows.push(attribute_row(oid, index, column.name, &column_type(&column.kind.field(column.name))));
                }
            }
        }
    }
    rows
}

fn attribute_row(oid: u32, index: usize, name: &str, wire: &WireType) -> Row {
    row! {
        attrelid: oid,
        attname: name,
        atttypid: wire.base.oid(),
        attlen: length(&wire.base),
        attnum: index as i64 + 1,
        attndims: i64::from(element_of(&wire.base).is_some()),
        atttypmod: wire.modifier,
        attbyval: (1..=8).contains(&length(&wire.base)),
        attalign: super::types::align(&wire.base),
        attstorage: super::types::storage(&wire.base),
        attcollation: super::types::collation(&wire.base),
    }
}

fn pg_attrdef(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for object in world.objects() {
        for (index, default) in object.defaults.iter().enumerate() {
            if let Some(default) = default {
                // Only has to differ between defaults.
                let oid = (object.oid << 11) | (index as u32 & 0x7ff);
                rows.push(row! { oid: oid, adrelid: object.oid, adnum: index as i64 + 1, adbin: default });
            }
        }
    }
    rows
}

/// Column numbers of a table's key, counted from 1.
fn key(table: &Object) -> Vec<i64> {
    table.primary_key.iter().map(|column| *column as i64 + 1).collect()
}

fn index_row(table: &Object) -> Row {
    let columns = table.primary_key.len();
    let collation = |key: &usize| super::types::collation(&column_type(table.columns.field(*key)).base);
    row! {
        indexrelid: index_oid(table),
        indrelid: table.oid,
        indnatts: columns as i64,
        indnkeyatts: columns as i64,
        indkey: key(table),
        indcollation: table.primary_key.iter().map(collation).collect::<Vec<_>>(),
        indclass: vec![0_i64; columns],
        indoption: vec![0_i64; columns],
    }
}

fn constraint_row(table: &Object) -> Row {
    row! {
        oid: constraint_oid(table),
        conname: index_name(table),
        connamespace: PUBLIC,
        conrelid: table.oid,
        conindid: index_oid(table),
        conkey: key(table),
    }
}

fn pg_description(world: &World) -> Vec<Row> {
    let (class, namespace) = (class_oid("pg_class"), class_oid("pg_namespace"));
    let relations = world.objects().filter_map(|object| Some((object.oid, class, object.comment.as_deref()?)));
    let schemas = [PUBLIC, PG_CATALOG].map(|oid| (oid, namespace, definitions::schema_comment(oid)));
    relations
        .chain(schemas)
        .map(|(oid, class, comment)| row! { objoid: oid, classoid: class, objsubid: 0, description: comment })
        .collect()
}
