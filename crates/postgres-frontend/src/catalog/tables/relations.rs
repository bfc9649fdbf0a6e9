//! Relations, their columns, keys and comments.

use engine::Object;
use sql::ObjectKind;

use super::{SystemTable, class_oid, no_rows};
use crate::catalog::cell::{Cell, Kind, row};
use crate::catalog::functions::definitions;
use crate::catalog::world::{
    BTREE, HEAP, INFORMATION_SCHEMA, OWNER, PG_CATALOG, PUBLIC, Relation, SERVER, World, column_type, constraint_oid,
    index_name, index_oid, schema_oid,
};
use crate::types::{WireType, length};

pub(super) static TABLES: [SystemTable; 9] = [
    SystemTable {
        schema: "pg_catalog",
        name: "pg_class",
        kind: "r",
        columns: &[
            ("oid", Kind::Oid),
            ("relname", Kind::Name),
            ("relnamespace", Kind::Oid),
            ("reltype", Kind::Oid),
            ("reloftype", Kind::Oid),
            ("relowner", Kind::Oid),
            ("relam", Kind::Oid),
            ("relfilenode", Kind::Oid),
            ("reltablespace", Kind::Oid),
            ("relpages", Kind::Int4),
            ("reltuples", Kind::Real),
            ("relallvisible", Kind::Int4),
            ("reltoastrelid", Kind::Oid),
            ("relhasindex", Kind::Bool),
            ("relisshared", Kind::Bool),
            ("relpersistence", Kind::Char),
            ("relkind", Kind::Char),
            ("relnatts", Kind::Int2),
            ("relchecks", Kind::Int2),
            ("relhasrules", Kind::Bool),
            ("relhastriggers", Kind::Bool),
            ("relhassubclass", Kind::Bool),
            ("relrowsecurity", Kind::Bool),
            ("relforcerowsecurity", Kind::Bool),
            ("relispopulated", Kind::Bool),
            ("relreplident", Kind::Char),
            ("relispartition", Kind::Bool),
            ("relrewrite", Kind::Oid),
            ("relfrozenxid", Kind::Int8),
            ("relminmxid", Kind::Int8),
            ("relacl", Kind::TextArray),
            ("reloptions", Kind::TextArray),
            ("relpartbound", Kind::Text),
        ],
        rows: pg_class,
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_attribute",
        kind: "r",
        columns: &[
            ("attrelid", Kind::Oid),
            ("attname", Kind::Name),
            ("atttypid", Kind::Oid),
            ("attstattarget", Kind::Int4),
            ("attlen", Kind::Int2),
            ("attnum", Kind::Int2),
            ("attndims", Kind::Int4),
            ("attcacheoff", Kind::Int4),
            ("atttypmod", Kind::Int4),
            ("attbyval", Kind::Bool),
            ("attalign", Kind::Char),
            ("attstorage", Kind::Char),
            ("attcompression", Kind::Char),
            ("attnotnull", Kind::Bool),
            ("atthasdef", Kind::Bool),
            ("atthasmissing", Kind::Bool),
            ("attidentity", Kind::Char),
            ("attgenerated", Kind::Char),
            ("attisdropped", Kind::Bool),
            ("attislocal", Kind::Bool),
            ("attinhcount", Kind::Int4),
            ("attcollation", Kind::Oid),
            ("attacl", Kind::TextArray),
            ("attoptions", Kind::TextArray),
            ("attfdwoptions", Kind::TextArray),
            ("attmissingval", Kind::Text),
        ],
        rows: pg_attribute,
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_attrdef",
        kind: "r",
        columns: &[("oid", Kind::Oid), ("adrelid", Kind::Oid), ("adnum", Kind::Int2), ("adbin", Kind::Text)],
        rows: pg_attrdef,
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_index",
        kind: "r",
        columns: &[
            ("indexrelid", Kind::Oid),
            ("indrelid", Kind::Oid),
            ("indnatts", Kind::Int2),
            ("indnkeyatts", Kind::Int2),
            ("indisunique", Kind::Bool),
            ("indnullsnotdistinct", Kind::Bool),
            ("indisprimary", Kind::Bool),
            ("indisexclusion", Kind::Bool),
            ("indimmediate", Kind::Bool),
            ("indisclustered", Kind::Bool),
            ("indisvalid", Kind::Bool),
            ("indcheckxmin", Kind::Bool),
            ("indisready", Kind::Bool),
            ("indislive", Kind::Bool),
            ("indisreplident", Kind::Bool),
            ("indkey", Kind::Int2Vector),
            ("indcollation", Kind::OidVector),
            ("indclass", Kind::OidVector),
            ("indoption", Kind::Int2Vector),
            ("indexprs", Kind::Text),
            ("indpred", Kind::Text),
        ],
        rows: pg_index,
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_constraint",
        kind: "r",
        columns: &[
            ("oid", Kind::Oid),
            ("conname", Kind::Name),
            ("connamespace", Kind::Oid),
            ("contype", Kind::Char),
            ("condeferrable", Kind::Bool),
            ("condeferred", Kind::Bool),
            ("convalidated", Kind::Bool),
            ("conrelid", Kind::Oid),
            ("contypid", Kind::Oid),
            ("conindid", Kind::Oid),
            ("conparentid", Kind::Oid),
            ("confrelid", Kind::Oid),
            ("confupdtype", Kind::Char),
            ("confdeltype", Kind::Char),
            ("confmatchtype", Kind::Char),
            ("conislocal", Kind::Bool),
            ("coninhcount", Kind::Int4),
            ("connoinherit", Kind::Bool),
            ("conkey", Kind::Int2Array),
            ("confkey", Kind::Int2Array),
            ("conpfeqop", Kind::OidArray),
            ("conppeqop", Kind::OidArray),
            ("conffeqop", Kind::OidArray),
            ("confdelsetcols", Kind::Int2Array),
            ("conexclop", Kind::OidArray),
            ("conbin", Kind::Text),
        ],
        rows: pg_constraint,
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_description",
        kind: "r",
        columns: &[
            ("objoid", Kind::Oid),
            ("classoid", Kind::Oid),
            ("objsubid", Kind::Int4),
            ("description", Kind::Text),
        ],
        rows: pg_description,
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_namespace",
        kind: "r",
        columns: &[("oid", Kind::Oid), ("nspname", Kind::Name), ("nspowner", Kind::Oid), ("nspacl", Kind::TextArray)],
        rows: |_| {
            vec![
                row![PG_CATALOG, "pg_catalog", OWNER, Cell::Null],
                row![PUBLIC, "public", OWNER, Cell::Null],
                row![INFORMATION_SCHEMA, "information_schema", OWNER, Cell::Null],
            ]
        },
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_foreign_table",
        kind: "r",
        columns: &[("ftrelid", Kind::Oid), ("ftserver", Kind::Oid), ("ftoptions", Kind::TextArray)],
        rows: |world| {
            let sources = world.objects().filter(|object| object.kind == ObjectKind::Source);
            sources.map(|source| row![source.oid, SERVER, definitions::options(source)]).collect()
        },
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_inherits",
        kind: "r",
        columns: &[
            ("inhrelid", Kind::Oid),
            ("inhparent", Kind::Oid),
            ("inhseqno", Kind::Int4),
            ("inhdetachpending", Kind::Bool),
        ],
        rows: no_rows,
    },
];

fn pg_class(world: &World) -> Vec<Vec<Cell>> {
    world.relations().map(|relation| class_row(&relation)).collect()
}

fn class_row(relation: &Relation<'_>) -> Vec<Cell> {
    let (columns, keyed, access_method) = match relation {
        Relation::Object(object) => {
            let stored = matches!(object.kind, ObjectKind::Table | ObjectKind::MaterializedView);
            (object.columns.fields().len(), !object.primary_key.is_empty(), if stored { HEAP } else { 0 })
        }
        Relation::Index(table) => (table.primary_key.len(), false, BTREE),
        Relation::System(_, table) => (table.columns.len(), false, 0),
    };
    row![
        relation.oid(),
        relation.name(),
        schema_oid(relation.schema()),
        0,
        0,
        OWNER,
        access_method,
        relation.oid(),
        0,
        0,
        // Not counted.
        -1.0,
        0,
        0,
        keyed,
        false,
        "p",
        relation.kind(),
        columns as i64,
        0,
        matches!(relation.kind(), "v" | "m"),
        false,
        false,
        false,
        false,
        true,
        if matches!(relation.kind(), "r" | "m") { "d" } else { "n" },
        false,
        0,
        0,
        0,
        Cell::Null,
        Cell::Null,
        Cell::Null,
    ]
}

fn pg_attribute(world: &World) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for relation in world.relations() {
        let oid = relation.oid();
        match relation {
            Relation::Object(object) => {
                for (index, field) in object.columns.fields().iter().enumerate() {
                    let has_default = object.defaults.get(index).is_some_and(Option::is_some);
                    let not_null = !field.is_nullable() && object.kind == ObjectKind::Table;
                    rows.push(attribute_row(oid, index, field.name(), &column_type(field), not_null, has_default));
                }
            }
            Relation::Index(table) => {
                for (index, key) in table.primary_key.iter().enumerate() {
                    let field = table.columns.field(*key);
                    rows.push(attribute_row(oid, index, field.name(), &column_type(field), false, false));
                }
            }
            Relation::System(_, table) => {
                for (index, (name, kind)) in table.columns.iter().enumerate() {
                    rows.push(attribute_row(oid, index, name, &column_type(&kind.field(name)), false, false));
                }
            }
        }
    }
    rows
}

fn attribute_row(oid: u32, index: usize, name: &str, wire: &WireType, not_null: bool, has_default: bool) -> Vec<Cell> {
    let is_array = crate::types::element_of(&wire.base).is_some();
    row![
        oid,
        name,
        wire.base.oid(),
        -1,
        length(&wire.base),
        index as i64 + 1,
        i64::from(is_array),
        -1,
        wire.modifier,
        (1..=8).contains(&length(&wire.base)),
        super::types::align(&wire.base),
        super::types::storage(&wire.base),
        "",
        not_null,
        has_default,
        false,
        "",
        "",
        false,
        true,
        0,
        super::types::collation(&wire.base),
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
    ]
}

fn pg_attrdef(world: &World) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for object in world.objects() {
        for (index, default) in object.defaults.iter().enumerate() {
            if let Some(default) = default {
                // Only has to differ between defaults.
                let oid = (object.oid << 11) | (index as u32 & 0x7ff);
                rows.push(row![oid, object.oid, index as i64 + 1, default]);
            }
        }
    }
    rows
}

/// Column numbers of a table's key, counted from 1.
fn key(table: &Object) -> Vec<i64> {
    table.primary_key.iter().map(|column| *column as i64 + 1).collect()
}

fn pg_index(world: &World) -> Vec<Vec<Cell>> {
    let index_row = |table: &Object| {
        let columns = table.primary_key.len();
        let collations =
            table.primary_key.iter().map(|key| super::types::collation(&column_type(table.columns.field(*key)).base));
        row![
            index_oid(table),
            table.oid,
            columns as i64,
            columns as i64,
            true,
            false,
            true,
            false,
            true,
            false,
            true,
            false,
            true,
            true,
            false,
            key(table),
            collations.collect::<Vec<_>>(),
            vec![0_i64; columns],
            vec![0_i64; columns],
            Cell::Null,
            Cell::Null,
        ]
    };
    world.keyed().map(index_row).collect()
}

fn pg_constraint(world: &World) -> Vec<Vec<Cell>> {
    let constraint_row = |table: &Object| {
        row![
            constraint_oid(table),
            index_name(table),
            PUBLIC,
            "p",
            false,
            false,
            true,
            table.oid,
            0,
            index_oid(table),
            0,
            0,
            " ",
            " ",
            " ",
            true,
            0,
            true,
            key(table),
        ]
    };
    world.keyed().map(constraint_row).collect()
}

fn pg_description(world: &World) -> Vec<Vec<Cell>> {
    let class = class_oid("pg_class");
    let comments = world.objects().filter_map(|object| Some((object, object.comment.as_ref()?)));
    let mut rows: Vec<_> = comments.map(|(object, comment)| row![object.oid, class, 0, comment]).collect();
    let namespace = class_oid("pg_namespace");
    for oid in [PUBLIC, PG_CATALOG] {
        rows.push(row![oid, namespace, 0, definitions::schema_comment(oid)]);
    }
    rows
}
