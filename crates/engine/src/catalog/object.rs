//! One thing in the catalog.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use connectors::Source;
use dataflow::Relation;
use datafusion::sql::sqlparser::ast;
use sql::ObjectKind;

use crate::{Error, SqlState};

/// A table, source, view, materialized view or sink.
#[derive(Clone, Debug)]
pub struct Object {
    /// Kept for the object's life, at least 16384, never used again.
    pub oid: u32,
    /// What kind of thing.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// Its schema's name.
    pub schema_name: &'static str,
    /// Its columns, with nullability, and metadata where `sql::types` needs it.
    pub columns: SchemaRef,
    /// Each column's default as SQL text.
    pub defaults: Vec<Option<String>>,
    /// The columns of the primary key, in its order.
    pub primary_key: Vec<usize>,
    /// The SQL of a view's query, or the whole `CREATE` statement of anything else.
    pub definition: String,
    /// `COMMENT ON`'s text.
    pub comment: Option<String>,
    /// The OIDs of the objects that it reads directly.
    pub depends_on: Vec<u32>,
}

impl Object {
    /// A new thing of `public`, without defaults, key or dependencies. `definition`: as the field.
    pub(crate) fn new(oid: u32, kind: ObjectKind, name: &str, columns: SchemaRef, definition: &str) -> Object {
        Object {
            oid,
            kind,
            name: name.to_owned(),
            schema_name: sql::SCHEMA,
            defaults: vec![None; columns.fields().len()],
            columns,
            primary_key: vec![],
            definition: definition.to_owned(),
            comment: None,
            depends_on: vec![],
        }
    }
}

/// An object, and what only the engine needs of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) object: Arc<Object>,
    /// Where its rows are: none for a view or a sink.
    pub(crate) relation: Option<Relation>,
    /// Where a source's rows come from.
    pub(crate) source: Option<Arc<dyn Source>>,
    /// What is known of its rows.
    pub(crate) properties: plan::Properties,
    /// A view's query, parsed.
    pub(crate) query: Option<Arc<ast::Query>>,
    /// A table's defaults, parsed, a column each.
    pub(crate) defaults: Vec<Option<ast::Expr>>,
    /// The whole `CREATE` statement.
    pub(crate) create_sql: String,
    /// Whether its rows are still being brought together: its name is taken, and it can be dropped.
    pub(crate) is_building: bool,
}

impl Entry {
    /// An entry without rows, of whose rows nothing is known.
    pub(crate) fn new(object: Object, create_sql: &str) -> Entry {
        Entry {
            object: Arc::new(object),
            relation: None,
            source: None,
            properties: plan::Properties::default(),
            query: None,
            defaults: vec![],
            create_sql: create_sql.to_owned(),
            is_building: false,
        }
    }

    /// That its rows can be read: 55000 while they are being brought together.
    pub(crate) fn check_built(&self) -> Result<(), Error> {
        if !self.is_building {
            return Ok(());
        }
        let (kind, name) = (kind_name(self.object.kind), &self.object.name);
        let message = format!("{kind} \"{name}\" is still being created");
        Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
            .with_hint("See freshet_catalog.ddl_progress for how far it is."))
    }
}

/// What people call a kind of thing.
pub(crate) fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Table => "table",
        ObjectKind::Source => "source",
        ObjectKind::View => "view",
        ObjectKind::MaterializedView => "materialized view",
        ObjectKind::Sink => "sink",
    }
}
