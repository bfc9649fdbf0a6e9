//! Types and what belongs to them.

use postgres_types::{Kind as TypeKind, Type};

use super::SystemTable;
use crate::catalog::cell::{Cell, Kind, row};
use crate::catalog::world::{BTREE, COLLATION, HEAP, OWNER, PG_CATALOG, World};
use crate::types::{all_types, array_of, element_of, length};

pub(super) static TABLES: [SystemTable; 4] = [
    SystemTable {
        schema: "pg_catalog",
        name: "pg_type",
        kind: "r",
        columns: &[
            ("oid", Kind::Oid),
            ("typname", Kind::Name),
            ("typnamespace", Kind::Oid),
            ("typowner", Kind::Oid),
            ("typlen", Kind::Int2),
            ("typbyval", Kind::Bool),
            ("typtype", Kind::Char),
            ("typcategory", Kind::Char),
            ("typispreferred", Kind::Bool),
            ("typisdefined", Kind::Bool),
            ("typdelim", Kind::Char),
            ("typrelid", Kind::Oid),
            ("typsubscript", Kind::Text),
            ("typelem", Kind::Oid),
            ("typarray", Kind::Oid),
            ("typinput", Kind::Text),
            ("typoutput", Kind::Text),
            ("typreceive", Kind::Text),
            ("typsend", Kind::Text),
            ("typmodin", Kind::Text),
            ("typmodout", Kind::Text),
            ("typanalyze", Kind::Text),
            ("typalign", Kind::Char),
            ("typstorage", Kind::Char),
            ("typnotnull", Kind::Bool),
            ("typbasetype", Kind::Oid),
            ("typtypmod", Kind::Int4),
            ("typndims", Kind::Int4),
            ("typcollation", Kind::Oid),
            ("typdefaultbin", Kind::Text),
            ("typdefault", Kind::Text),
            ("typacl", Kind::TextArray),
        ],
        rows: |_| all_types().map(|base| type_row(&base)).collect(),
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_range",
        kind: "r",
        columns: &[
            ("rngtypid", Kind::Oid),
            ("rngsubtype", Kind::Oid),
            ("rngmultitypid", Kind::Oid),
            ("rngcollation", Kind::Oid),
            ("rngsubopc", Kind::Oid),
            ("rngcanonical", Kind::Text),
            ("rngsubdiff", Kind::Text),
        ],
        rows: pg_range,
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_collation",
        kind: "r",
        columns: &[
            ("oid", Kind::Oid),
            ("collname", Kind::Name),
            ("collnamespace", Kind::Oid),
            ("collowner", Kind::Oid),
            ("collprovider", Kind::Char),
            ("collisdeterministic", Kind::Bool),
            ("collencoding", Kind::Int4),
            ("collcollate", Kind::Text),
            ("collctype", Kind::Text),
            ("colliculocale", Kind::Text),
            ("collversion", Kind::Text),
        ],
        rows: |_| {
            vec![
                row![COLLATION, "default", PG_CATALOG, OWNER, "d", true, -1],
                row![950, "C", PG_CATALOG, OWNER, "c", true, -1, "C", "C"],
            ]
        },
    },
    SystemTable {
        schema: "pg_catalog",
        name: "pg_am",
        kind: "r",
        columns: &[("oid", Kind::Oid), ("amname", Kind::Name), ("amhandler", Kind::Text), ("amtype", Kind::Char)],
        rows: |_| vec![row![HEAP, "heap", "heap_tableam_handler", "t"], row![BTREE, "btree", "bthandler", "i"]],
    },
];

fn type_row(base: &Type) -> Vec<Cell> {
    let element = element_of(base);
    let is_vector = element.is_some() && !base.name().starts_with('_');
    let is_array = element.is_some() && !is_vector;
    let function = |purpose: &str| match is_array {
        true => format!("array_{purpose}"),
        // The older types put an underscore before the purpose only where the name has one or needs one.
        false => format!("{}{}{purpose}", base.name(), if has_underscore(base) { "_" } else { "" }),
    };
    row![
        base.oid(),
        base.name(),
        PG_CATALOG,
        OWNER,
        length(base),
        (1..=8).contains(&length(base)),
        kind(base),
        category(base),
        matches!(*base, Type::BOOL | Type::FLOAT8 | Type::TEXT | Type::OID | Type::TIMESTAMPTZ | Type::INTERVAL),
        true,
        if *base == Type::BOX { ";" } else { "," },
        0,
        if is_array { "array_subscript_handler" } else { "-" },
        element.map_or(0, |element| element.oid()),
        array_of(base).map_or(0, |array| array.oid()),
        function("in"),
        function("out"),
        function("recv"),
        function("send"),
        "-",
        "-",
        "-",
        align(base),
        storage(base),
        false,
        0,
        -1,
        0,
        collation(base),
        Cell::Null,
        Cell::Null,
        Cell::Null,
    ]
}

fn has_underscore(base: &Type) -> bool {
    matches!(
        *base,
        Type::TIMESTAMP
            | Type::TIMESTAMPTZ
            | Type::DATE
            | Type::TIME
            | Type::TIMETZ
            | Type::INTERVAL
            | Type::NUMERIC
            | Type::UUID
            | Type::JSON
            | Type::JSONB
            | Type::BIT
            | Type::VARBIT
            | Type::XML
    ) || matches!(base.kind(), TypeKind::Pseudo | TypeKind::Range(_))
}

/// `typtype`.
fn kind(base: &Type) -> &'static str {
    match base.kind() {
        TypeKind::Pseudo => "p",
        TypeKind::Range(_) => "r",
        TypeKind::Multirange(_) => "m",
        TypeKind::Composite(_) => "c",
        TypeKind::Enum(_) => "e",
        TypeKind::Domain(_) => "d",
        _ => "b",
    }
}

/// `typcategory`.
fn category(base: &Type) -> &'static str {
    match base.kind() {
        TypeKind::Array(_) => return "A",
        TypeKind::Pseudo => return "P",
        TypeKind::Range(_) | TypeKind::Multirange(_) => return "R",
        _ => {}
    }
    match *base {
        Type::BOOL => "B",
        Type::INT2
        | Type::INT4
        | Type::INT8
        | Type::FLOAT4
        | Type::FLOAT8
        | Type::NUMERIC
        | Type::MONEY
        | Type::OID
        | Type::REGCLASS
        | Type::REGTYPE
        | Type::REGPROC
        | Type::REGNAMESPACE
        | Type::REGROLE => "N",
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => "S",
        Type::DATE | Type::TIME | Type::TIMETZ | Type::TIMESTAMP | Type::TIMESTAMPTZ => "D",
        Type::INTERVAL => "T",
        Type::INET | Type::CIDR => "I",
        Type::BIT | Type::VARBIT => "V",
        Type::CHAR | Type::PG_NODE_TREE => "Z",
        Type::UNKNOWN => "X",
        _ => "U",
    }
}

/// `typalign`.
pub(super) fn align(base: &Type) -> &'static str {
    match (length(base), base) {
        (1, _) | (-2, _) | (_, &Type::UUID | &Type::NAME) => "c",
        (2, _) => "s",
        (8, _) | (_, &Type::INTERVAL | &Type::TIMETZ) => "d",
        _ => "i",
    }
}

/// `typstorage`.
pub(super) fn storage(base: &Type) -> &'static str {
    match (length(base), base) {
        (-1, &Type::NUMERIC) => "m",
        (-1, _) => "x",
        _ => "p",
    }
}

/// `typcollation`.
pub(super) fn collation(base: &Type) -> u32 {
    let base = element_of(base).unwrap_or_else(|| base.clone());
    match base {
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => COLLATION,
        Type::NAME => 950,
        _ => 0,
    }
}

fn pg_range(_: &World) -> Vec<Vec<Cell>> {
    let multirange_of = |range: &Type| {
        let name = range.name().replace("range", "multirange");
        all_types().find(|candidate| candidate.name() == name).map_or(0, |multirange| multirange.oid())
    };
    all_types()
        .filter_map(|range| match range.kind() {
            TypeKind::Range(element) => {
                Some(row![range.oid(), element.oid(), multirange_of(&range), collation(element), 0, "-", "-"])
            }
            _ => None,
        })
        .collect()
}
