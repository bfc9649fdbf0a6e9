//! Postgres' own catalogs, as far as clients ask for them: `pg_catalog`, `information_schema`, their functions,
//! and the spellings that only queries about the catalog use.
//!
//! Everything is made from a snapshot of the engine's catalog when it is asked for. Nothing is kept here, and
//! nothing here can change the engine's catalog.

mod cell;
mod identifier;
mod world;

mod functions;
mod rewrite;
mod tables;

use std::sync::{Arc, Weak};

use datafusion::catalog::SchemaProvider;
use datafusion::logical_expr::ScalarUDF;
use datafusion::sql::sqlparser::ast;
use engine::{Engine, Extension, Object, SessionInfo};

use self::tables::SystemSchema;
use self::world::Lookup;

/// Where the objects of the database are read from.
pub(crate) trait Objects: Send + Sync {
    /// What there is now, oldest first.
    fn objects(&self) -> Vec<Arc<Object>>;
}

/// The engine keeps its extensions: one that kept the engine in turn would never be freed.
struct EngineObjects(Weak<Engine>);

impl Objects for EngineObjects {
    fn objects(&self) -> Vec<Arc<Object>> {
        // Without an engine there is nothing, and soon nobody to ask.
        self.0.upgrade().map(|engine| engine.catalog().snapshot().objects.clone()).unwrap_or_default()
    }
}

struct CatalogExtension {
    objects: Arc<dyn Objects>,
}

/// What makes an engine's sessions look like Postgres'; to be given to [`Engine::extend`].
#[must_use]
pub fn extension(engine: &Arc<Engine>) -> Arc<dyn Extension> {
    Arc::new(CatalogExtension { objects: Arc::new(EngineObjects(Arc::downgrade(engine))) })
}

impl CatalogExtension {
    fn lookup(&self, session: &SessionInfo) -> Lookup {
        Lookup { objects: Arc::clone(&self.objects), session: session.clone() }
    }
}

impl Extension for CatalogExtension {
    fn schemas(&self, session: &SessionInfo) -> Vec<(String, Arc<dyn SchemaProvider>)> {
        tables::schemas()
            .map(|name| {
                let provider = SystemSchema::new(name, self.lookup(session));
                (name.to_owned(), Arc::new(provider) as Arc<dyn SchemaProvider>)
            })
            .collect()
    }

    fn functions(&self, session: &SessionInfo) -> Vec<ScalarUDF> {
        functions::all(&self.lookup(session))
    }

    fn rewrite(&self, query: &mut ast::Statement) {
        rewrite::rewrite(query);
    }
}

#[cfg(test)]
mod tests;
