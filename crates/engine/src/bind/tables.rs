//! The tables that the statement at hand reads, where DataFusion's binder looks for them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::Result;
use parking_lot::RwLock;

/// The schema `public`, as far as one statement needs it.
#[derive(Debug, Default)]
pub(super) struct StatementTables {
    tables: RwLock<HashMap<String, Arc<dyn TableProvider>>>,
}

impl StatementTables {
    pub(super) fn put(&self, name: &str, table: Arc<dyn TableProvider>) {
        self.tables.write().insert(name.to_owned(), table);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.tables.read().contains_key(name)
    }

    /// Forgets them: they hold an epoch.
    pub(super) fn clear(&self) {
        self.tables.write().clear();
    }
}

#[async_trait]
impl SchemaProvider for StatementTables {
    fn table_names(&self) -> Vec<String> {
        self.tables.read().keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(self.tables.read().get(name).cloned())
    }

    fn table_exist(&self, name: &str) -> bool {
        self.has(name)
    }
}

/// The database: `public`, and what the frontend adds.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) schemas: BTreeMap<String, Arc<dyn SchemaProvider>>,
}

impl CatalogProvider for Database {
    fn schema_names(&self) -> Vec<String> {
        self.schemas.keys().cloned().collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.schemas.get(name).cloned()
    }
}
