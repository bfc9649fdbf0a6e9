//! The views that Postgres has over its own catalogs.

use engine::Object;
use sql::ObjectKind;

use super::Rows;
use crate::catalog::cell::{Row, row};
use crate::catalog::functions::definitions;
use crate::catalog::identifier::keywords;
use crate::catalog::world::{World, index_name};

pub(super) const ROWS: &[(&str, Rows)] = &[
    ("pg_tables", pg_tables),
    ("pg_views", |world| {
        let owner = &world.session.user;
        let view_row = |view: &Object| {
            row! { schemaname: "public", viewname: &view.name, viewowner: owner, definition: definitions::view(view) }
        };
        world.of_kind(ObjectKind::View).map(view_row).collect()
    }),
    ("pg_matviews", |world| {
        let owner = &world.session.user;
        let view_row = |view: &Object| {
            let definition = definitions::view(view);
            row! { schemaname: "public", matviewname: &view.name, matviewowner: owner, definition: definition }
        };
        world.of_kind(ObjectKind::MaterializedView).map(view_row).collect()
    }),
    ("pg_indexes", |world| {
        let index_row = |table: &Object| {
            let (index, definition) = (index_name(table), definitions::index(table));
            row! { schemaname: "public", tablename: &table.name, indexname: index, indexdef: definition }
        };
        world.keyed().map(index_row).collect()
    }),
    ("pg_stat_user_tables", |world| {
        let table_row = |table: &Object| row! { relid: table.oid, schemaname: "public", relname: &table.name };
        [ObjectKind::Table, ObjectKind::MaterializedView]
            .into_iter()
            .flat_map(|kind| world.of_kind(kind).map(table_row).collect::<Vec<_>>())
            .collect()
    }),
    // A function in Postgres, which `rewrite::tables` turns into this.
    ("pg_get_keywords", |_| {
        let description = |category| match category {
            "C" => "unreserved (cannot be function or type name)",
            "T" => "reserved (can be function or type name)",
            _ => "reserved",
        };
        keywords()
            .map(|keyword| {
                row! { word: keyword.word, catcode: keyword.category, catdesc: description(keyword.category) }
            })
            .collect()
    }),
];

fn pg_tables(world: &World) -> Vec<Row> {
    let owner = &world.session.user;
    let own = world.of_kind(ObjectKind::Table).map(|table| {
        let keyed = !table.primary_key.is_empty();
        row! { schemaname: "public", tablename: &table.name, tableowner: owner, hasindexes: keyed }
    });
    let system = super::all()
        .filter(|table| table.kind == "r")
        .map(|table| row! { schemaname: table.schema, tablename: table.name, tableowner: owner });
    own.chain(system).collect()
}
