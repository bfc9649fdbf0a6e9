//! The engine's catalog seen as Postgres would: relations with OIDs, and the indexes behind primary keys.

use std::sync::Arc;

use engine::{Object, SessionInfo};
use postgres_types::Type;
use sql::ObjectKind;

use super::Objects;
use super::identifier::{fold, quote_ident};
use super::tables::{self, SystemTable};
use crate::types::{WireType, by_name, sql_name};

/// OIDs that Postgres itself fixes, and clients know.
pub(crate) const PG_CATALOG: u32 = 11;
pub(crate) const PUBLIC: u32 = 2200;
pub(crate) const INFORMATION_SCHEMA: u32 = 13_000;
/// The one role: whoever is connected.
pub(crate) const OWNER: u32 = 10;
/// The one database.
pub(crate) const DATABASE: u32 = 5;
/// `heap` and `btree`, the access methods that clients expect of tables and primary keys.
pub(crate) const HEAP: u32 = 2;
pub(crate) const BTREE: u32 = 403;
/// A foreign server for all sources.
pub(crate) const SERVER: u32 = 15_000;
/// The default collation.
pub(crate) const COLLATION: u32 = 100;

/// A primary key's index and constraint have its table's OID with one bit more: kept as long, never used twice,
/// since the engine counts up from 16384.
const INDEX_BIT: u32 = 1 << 30;
const CONSTRAINT_BIT: u32 = 1 << 29;

/// Where to find what there is; one for each session.
#[derive(Clone)]
pub(crate) struct Lookup {
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) session: SessionInfo,
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Lookup").finish_non_exhaustive()
    }
}

impl Lookup {
    /// What there is now.
    pub(crate) fn world(&self) -> World {
        World { objects: self.objects.objects(), session: self.session.clone() }
    }
}

/// What there was at one moment, for one session.
pub(crate) struct World {
    objects: Vec<Arc<Object>>,
    pub(crate) session: SessionInfo,
}

/// A row of `pg_class`.
#[derive(Clone, Copy)]
pub(crate) enum Relation<'a> {
    /// A table, source, view or materialized view.
    Object(&'a Object),
    /// The index of a table's primary key.
    Index(&'a Object),
    /// A catalog itself.
    System(&'static SystemTable),
}

impl World {
    /// The database's relations; sinks are none.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().map(Arc::as_ref).filter(|object| object.kind != ObjectKind::Sink)
    }

    /// Those of one kind.
    pub(crate) fn of_kind(&self, kind: ObjectKind) -> impl Iterator<Item = &Object> {
        self.objects().filter(move |object| object.kind == kind)
    }

    /// The tables that have a primary key.
    pub(crate) fn keyed(&self) -> impl Iterator<Item = &Object> {
        self.objects().filter(|object| !object.primary_key.is_empty())
    }

    /// All relations, those of the catalogs included.
    pub(crate) fn relations(&self) -> impl Iterator<Item = Relation<'_>> {
        let own = self.objects().map(Relation::Object).chain(self.keyed().map(Relation::Index));
        own.chain(tables::all().map(Relation::System))
    }

    pub(crate) fn relation(&self, oid: u32) -> Option<Relation<'_>> {
        self.relations().find(|relation| relation.oid() == oid)
    }

    /// The relation that a name such as `public.t`, `"T"` or `pg_class` means; an OID as text is one, too.
    pub(crate) fn relation_named(&self, name: &str) -> Option<Relation<'_>> {
        if let Ok(oid) = name.parse() {
            return self.relation(oid);
        }
        let parts = fold(name);
        let (schema, name) = match parts.as_slice() {
            [name] => (None, name),
            [schema, name] => (Some(schema), name),
            [_database, schema, name] => (Some(schema), name),
            _ => return None,
        };
        let mut found = self.relations().filter(|relation| relation.name() == *name);
        match schema {
            Some(schema) => found.find(|relation| relation.schema() == schema),
            // As in Postgres' search path, the catalog comes first; information_schema is not in it.
            None => {
                let found: Vec<_> = found.collect();
                let of = |schema: &str| found.iter().find(|relation| relation.schema() == schema).copied();
                of("pg_catalog").or_else(|| of("public"))
            }
        }
    }

    /// The table whose primary key has this index.
    pub(crate) fn table_of_index(&self, oid: u32) -> Option<&Object> {
        self.keyed().find(|object| index_oid(object) == oid)
    }

    pub(crate) fn object(&self, oid: u32) -> Option<&Object> {
        self.objects().find(|object| object.oid == oid)
    }
}

impl Relation<'_> {
    pub(crate) fn oid(&self) -> u32 {
        match self {
            Self::Object(object) => object.oid,
            Self::Index(object) => index_oid(object),
            Self::System(table) => table.oid,
        }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Object(object) => object.name.clone(),
            Self::Index(object) => index_name(object),
            Self::System(table) => table.name.to_owned(),
        }
    }

    pub(crate) fn schema(&self) -> &'static str {
        match self {
            Self::Object(object) | Self::Index(object) => object.schema_name,
            Self::System(table) => table.schema,
        }
    }

    /// As `regclass` shows it: with its schema only where that is not searched, quoted where it must be.
    pub(crate) fn shown(&self) -> String {
        match self.schema() {
            "public" | "pg_catalog" => quote_ident(&self.name()),
            schema => format!("{}.{}", quote_ident(schema), quote_ident(&self.name())),
        }
    }

    /// `pg_class.relkind`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Object(object) => match object.kind {
                ObjectKind::Table => "r",
                // Its rows come from outside, and no statement can write them.
                ObjectKind::Source => "f",
                ObjectKind::View => "v",
                ObjectKind::MaterializedView => "m",
                ObjectKind::Sink => "x",
            },
            Self::Index(_) => "i",
            Self::System(table) => table.kind,
        }
    }
}

/// The OID of the index behind a primary key.
pub(crate) fn index_oid(table: &Object) -> u32 {
    table.oid | INDEX_BIT
}

/// The OID of a primary key as a constraint.
pub(crate) fn constraint_oid(table: &Object) -> u32 {
    table.oid | CONSTRAINT_BIT
}

/// The name that Postgres gives a primary key that was not named.
pub(crate) fn index_name(table: &Object) -> String {
    format!("{}_pkey", table.name)
}

/// A namespace's OID.
pub(crate) fn schema_oid(name: &str) -> u32 {
    match name {
        "pg_catalog" => PG_CATALOG,
        "information_schema" => INFORMATION_SCHEMA,
        _ => PUBLIC,
    }
}

/// A column's type; text for what has none.
pub(crate) fn column_type(field: &arrow::datatypes::Field) -> WireType {
    WireType::of(field).unwrap_or(WireType { base: Type::TEXT, modifier: -1 })
}

/// The type that a name such as `integer`, `pg_catalog.int4`, `_text` or `varchar(3)[]` means.
pub(crate) fn type_named(name: &str) -> Option<Type> {
    let name = name.trim();
    if let Ok(oid) = name.parse() {
        return Type::from_oid(oid);
    }
    if let Some(element) = name.strip_suffix("[]") {
        return crate::types::array_of(&type_named(element)?);
    }
    let name = name.strip_prefix("pg_catalog.").unwrap_or(name);
    let bare = match name.split_once('(') {
        Some((bare, _)) => bare.trim(),
        None => name,
    };
    by_name(&bare.to_lowercase()).or_else(|| by_name(bare.trim_matches('"')))
}

/// As `regtype` shows a type.
pub(crate) fn type_shown(oid: u32) -> String {
    match Type::from_oid(oid) {
        Some(base) => sql_name(&base),
        None if oid == 0 => "-".to_owned(),
        None => oid.to_string(),
    }
}
