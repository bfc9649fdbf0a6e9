//! One thing in the catalog.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use dataflow::Relation;
use datafusion::sql::sqlparser::ast;
use sql::ObjectKind;

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

/// An object, and what only the engine needs of it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) object: Arc<Object>,
    /// Where its rows are: none for a view or a sink.
    pub(crate) relation: Option<Relation>,
    /// What is known of its rows.
    pub(crate) properties: plan::Properties,
    /// A view's query, parsed.
    pub(crate) query: Option<Arc<ast::Query>>,
    /// A table's defaults, parsed, a column each.
    pub(crate) defaults: Vec<Option<ast::Expr>>,
    /// The whole `CREATE` statement.
    pub(crate) create_sql: String,
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
