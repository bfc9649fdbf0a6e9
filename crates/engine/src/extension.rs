//! What a frontend may add to every session: schemas and functions of its own, such as `pg_catalog`.

use std::sync::Arc;

use datafusion::catalog::SchemaProvider;
use datafusion::logical_expr::ScalarUDF;
use datafusion::sql::sqlparser::ast;

use crate::Settings;

/// Schemas and functions that the frontend adds to every session.
pub trait Extension: Send + Sync {
    /// Schemas beside `public`, by name. Names in `pg_catalog` are also found without their schema.
    fn schemas(&self, session: &SessionInfo) -> Vec<(String, Arc<dyn SchemaProvider>)>;

    /// Functions beside those of Postgres that `sql` brings.
    fn functions(&self, session: &SessionInfo) -> Vec<ScalarUDF>;

    /// Rewrites a parsed query in place before it is bound.
    fn rewrite(&self, query: &mut ast::Statement);
}

/// Who a session is.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    /// The user's name.
    pub user: String,
    /// The database as the client named it.
    pub database: String,
    /// Postgres' backend process id: a number of this session's own.
    pub process_id: i32,
    /// The session's settings, as they are now and will become.
    pub settings: Settings,
}
