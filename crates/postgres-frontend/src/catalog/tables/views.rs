//! The views that Postgres has over its own catalogs.

use sql::ObjectKind;

use super::{SystemTable, no_rows};
use crate::catalog::cell::{Cell, Kind, row};
use crate::catalog::functions::definitions;
use crate::catalog::world::{World, index_name};

pub(super) static TABLES: [SystemTable; 6] = [
    SystemTable {
        schema: "pg_catalog",
        name: "pg_tables",
        kind: "v",
        columns: &[
            ("schemaname", Kind::Name),
            ("tablename", Kind::Name),
            ("tableowner", Kind::Name),
            ("tablespace", Kind::Name),
            ("hasindexes", Kind::Bool),
            ("hasrules", Kind::Bool),
            ("hastriggers", Kind::Bool),
            ("rowsecurity", Kind::Bool),
        ],
        rows: |world| {
            let owner = &world.session.user;
            let own = of_kind(world, ObjectKind::Table).map(|table| {
                let keyed = !table.primary_key.is_empty();
                row!["public", &table.name, owner, Cell::Null, keyed, false, false, false]
            });
            let system = super::all()
                .filter(|(_, table)| table.kind == "r")
                .map(|(_, table)| row![table.schema, table.name, owner, Cell::Null, false, false, false, false]);
            own.chain(system).collect()
        },
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_views",
        kind: "v",
        columns: &[
            ("schemaname", Kind::Name),
            ("viewname", Kind::Name),
            ("viewowner", Kind::Name),
            ("definition", Kind::Text),
        ],
        rows: |world| {
            of_kind(world, ObjectKind::View)
                .map(|view| row!["public", &view.name, &world.session.user, definitions::view(view)])
                .collect()
        },
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_matviews",
        kind: "v",
        columns: &[
            ("schemaname", Kind::Name),
            ("matviewname", Kind::Name),
            ("matviewowner", Kind::Name),
            ("tablespace", Kind::Name),
            ("hasindexes", Kind::Bool),
            ("ispopulated", Kind::Bool),
            ("definition", Kind::Text),
        ],
        rows: |world| {
            of_kind(world, ObjectKind::MaterializedView)
                .map(|view| {
                    row!["public", &view.name, &world.session.user, Cell::Null, false, true, definitions::view(view)]
                })
                .collect()
        },
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_indexes",
        kind: "v",
        columns: &[
            ("schemaname", Kind::Name),
            ("tablename", Kind::Name),
            ("indexname", Kind::Name),
            ("tablespace", Kind::Name),
            ("indexdef", Kind::Text),
        ],
        rows: |world| {
            world
                .keyed()
                .map(|table| row!["public", &table.name, index_name(table), Cell::Null, definitions::index(table)])
                .collect()
        },
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_sequences",
        kind: "v",
        columns: &[
            ("schemaname", Kind::Name),
            ("sequencename", Kind::Name),
            ("sequenceowner", Kind::Name),
            ("data_type", Kind::Text),
            ("start_value", Kind::Int8),
            ("min_value", Kind::Int8),
            ("max_value", Kind::Int8),
            ("increment_by", Kind::Int8),
            ("cycle", Kind::Bool),
            ("cache_size", Kind::Int8),
            ("last_value", Kind::Int8),
        ],
        rows: no_rows,
    },
    // A function in Postgres, which `rewrite::tables` turns into this.
    SystemTable {
        schema: "pg_catalog",
        name: "pg_get_keywords",
        kind: "v",
        columns: &[
            ("word", Kind::Text),
            ("catcode", Kind::Char),
            ("barelabel", Kind::Bool),
            ("catdesc", Kind::Text),
            ("baredesc", Kind::Text),
        ],
        rows: |_| {
            let words = crate::catalog::world::RESERVED;
            words.iter().map(|word| row![*word, "R", false, "reserved", "requires AS"]).collect()
        },
    },
];

fn of_kind(world: &World, kind: ObjectKind) -> impl Iterator<Item = &engine::Object> {
    world.objects().filter(move |object| object.kind == kind)
}
