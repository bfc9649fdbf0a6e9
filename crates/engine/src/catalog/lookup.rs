//! Finding things by name, and saying what is wrong when they are not there.

use std::sync::Arc;

use sql::{Name, ObjectKind};

use super::{CatalogSnapshot, Entry, Object, kind_name};
use crate::nearest::nearest;
use crate::{Error, SqlState};

impl CatalogSnapshot {
    /// The thing of this name.
    pub(crate) fn find(&self, name: &Name) -> Option<&Arc<Entry>> {
        match name.schema.as_deref() {
            None | Some("public") => self.by_name.get(&name.name).and_then(|oid| self.entries.get(oid)),
            Some(_) => None,
        }
    }

    /// The thing of this name in `public`.
    pub(crate) fn find_public(&self, name: &str) -> Option<&Arc<Entry>> {
        self.by_name.get(name).and_then(|oid| self.entries.get(oid))
    }

    /// The thing of this name, or 42P01 with the nearest name.
    pub(crate) fn get(&self, name: &Name) -> Result<&Arc<Entry>, Error> {
        self.find(name).ok_or_else(|| self.missing(&qualified(name)))
    }

    /// The thing of this name and kind; 42809 if it is of another kind.
    pub(crate) fn get_kind(&self, name: &Name, kind: ObjectKind) -> Result<&Arc<Entry>, Error> {
        let entry = self.find(name).ok_or_else(|| match kind {
            ObjectKind::Table | ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::Source => {
                missing_kind(kind, &qualified(name)).with_hint_maybe(self.nearest_hint(&name.name))
            }
            ObjectKind::Sink => missing_kind(kind, &qualified(name)),
        })?;
        if entry.object.kind == kind { Ok(entry) } else { Err(wrong_kind(&entry.object, kind)) }
    }

    /// 42P01 for a relation that is not there.
    pub(crate) fn missing(&self, name: &str) -> Error {
        let bare = name.rsplit('.').next().unwrap_or(name);
        Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
            .with_hint_maybe(self.nearest_hint(bare))
    }

    /// That the name is free: 42P07 if it is taken.
    pub(crate) fn check_free(&self, name: &Name) -> Result<(), Error> {
        check_schema(name)?;
        match self.find(name) {
            Some(entry) => {
                Err(Error::new(SqlState::DUPLICATE_TABLE, format!("relation \"{}\" already exists", entry.object.name)))
            }
            None => Ok(()),
        }
    }

    fn nearest_hint(&self, name: &str) -> Option<String> {
        let readable = self.objects.iter().filter(|object| object.kind != ObjectKind::Sink);
        nearest(name, readable.map(|object| object.name.as_str()))
            .map(|near| format!("Perhaps you meant the relation \"{near}\"."))
    }
}

/// That new things are made in `public` only.
pub(crate) fn check_schema(name: &Name) -> Result<(), Error> {
    match name.schema.as_deref() {
        None | Some("public") => Ok(()),
        Some(schema @ ("pg_catalog" | "information_schema")) => Err(Error::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("permission denied to create \"{schema}.{}\"", name.name),
        )
        .with_detail("System catalog modifications are currently disallowed.")),
        Some(schema) => Err(Error::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{schema}\" does not exist"))
            .with_hint("There is one schema to create things in: public.")),
    }
}

/// A name as it was written.
pub(crate) fn qualified(name: &Name) -> String {
    match &name.schema {
        Some(schema) => format!("{schema}.{}", name.name),
        None => name.name.clone(),
    }
}

/// A missing thing of a kind, in Postgres' words.
fn missing_kind(kind: ObjectKind, name: &str) -> Error {
    let code = if kind == ObjectKind::Sink { SqlState::UNDEFINED_OBJECT } else { SqlState::UNDEFINED_TABLE };
    Error::new(code, format!("{} \"{name}\" does not exist", kind_name(kind)))
}

/// A thing of another kind than was asked for.
fn wrong_kind(object: &Object, wanted: ObjectKind) -> Error {
    let kind = kind_name(object.kind);
    Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a {}", object.name, kind_name(wanted)))
        .with_hint(format!("It is a {kind}: say {} instead.", kind.to_uppercase()))
}
