//! Types and what belongs to them.

use postgres_types::{Kind as TypeKind, Type};

use super::Rows;
use crate::catalog::cell::{Row, row};
use crate::catalog::world::{BTREE, COLLATION, HEAP, OWNER, PG_CATALOG};
use crate::types::{all_types, array_of, element_of, length};

pub(super) const ROWS: &[(&str, Rows)] = &[
    ("pg_type", |_| all_types().map(|base| type_row(&base)).collect()),
    ("pg_range", |_| all_types().filter_map(|range| range_row(&range)).collect()),
    ("pg_collation", |_| {
        vec![
            row! { oid: COLLATION, collname: "default", collnamespace: PG_CATALOG, collowner: OWNER, collprovider: "d" },
            row! {
                oid: 950,
                collname: "C",
                collnamespace: PG_CATALOG,
                collowner: OWNER,
                collprovider: "c",
                collcollate: "C",
                collctype: "C",
            },
        ]
    }),
    ("pg_am", |_| {
        vec![
            row! { oid: HEAP, amname: "heap", amhandler: "heap_tableam_handler", amtype: "t" },
            row! { oid: BTREE, amname: "btree", amhandler: "bthandler", amtype: "i" },
        ]
    }),
];

fn type_row(base: &Type) -> Row {
    let element = element_of(base);
    let is_vector = element.is_some() && !base.name().starts_with('_');
    let is_array = element.is_some() && !is_vector;
    let function = |purpose: &str| match is_array {
        true => format!("array_{purpose}"),
        // The older types put an underscore before the purpose only where the name has one or needs one.
        false => format!("{}{}{purpose}", base.name(), if has_underscore(base) { "_" } else { "" }),
    };
    row! {
        oid: base.oid(),
        typname: base.name(),
        typnamespace: PG_CATALOG,
        typowner: OWNER,
        typlen: length(base),
        typbyval: (1..=8).contains(&length(base)),
        typtype: kind(base),
        typcategory: category(base),
        typispreferred: is_preferred(base),
        typdelim: if *base == Type::BOX { ";" } else { "," },
        typsubscript: if is_array { "array_subscript_handler" } else { "-" },
        typelem: element.map_or(0, |element| element.oid()),
        typarray: array_of(base).map_or(0, |array| array.oid()),
        typinput: function("in"),
        typoutput: function("out"),
        typreceive: function("recv"),
        typsend: function("send"),
        typalign: align(base),
        typstorage: storage(base),
        typcollation: collation(base),
    }
}

fn is_preferred(base: &Type) -> bool {
    matches!(*base, Type::BOOL | Type::FLOAT8 | Type::TEXT | Type::OID | Type::TIMESTAMPTZ | Type::INTERVAL)
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

fn range_row(range: &Type) -> Option<Row> {
    let TypeKind::Range(element) = range.kind() else { return None };
    let name = range.name().replace("range", "multirange");
    let multirange = all_types().find(|candidate| candidate.name() == name);
    Some(row! {
        rngtypid: range.oid(),
        rngsubtype: element.oid(),
        rngmultitypid: multirange.map_or(0, |multirange| multirange.oid()),
        rngcollation: collation(element),
    })
}
