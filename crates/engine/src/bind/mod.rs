//! From a query's syntax tree to a plan over the relations that a reader sees.
//!
//! `sql` binds expressions and gives them Postgres' meaning; here the names of relations find
//! their rows, plain views are put in place of their names, and parameters get types and values.

mod parameters;
mod references;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::TableReference;
use datafusion::datasource::ViewTable;
use datafusion::execution::SessionState;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast;
use sql::{Name, ObjectKind};

pub(crate) use parameters::{ParameterTypes, number_of, with_types, with_values};
pub(crate) use references::fold;
use tables::{Database, StatementTables};

use crate::catalog::Entry;
use crate::pool::Pool;
use crate::read::{Reader, RelationTable};
use crate::{Error, Extension, SessionInfo, SqlState};

/// A table that only the statement at hand sees, by its name.
pub(crate) type Extra = (String, Arc<dyn TableProvider>);

/// Binds the statements of one session.
pub(crate) struct Binder {
    state: SessionState,
    tables: Arc<StatementTables>,
    extensions: Vec<Arc<dyn Extension>>,
    /// Schemas beside `public`.
    schemas: BTreeMap<String, Arc<dyn SchemaProvider>>,
    /// Where the session looks for names without a schema.
    search_path: Vec<String>,
    database: String,
}

/// A bound query.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) plan: LogicalPlan,
    /// The OIDs of the objects that it names.
    pub(crate) reads: BTreeSet<u32>,
}

impl Binder {
    pub(crate) fn new(
        info: &SessionInfo,
        extensions: Vec<Arc<dyn Extension>>,
        environment: Arc<RuntimeEnv>,
        pool: Arc<Pool>,
        partitions: usize,
    ) -> Binder {
        let tables = Arc::new(StatementTables::default());
        let mut schemas: BTreeMap<String, Arc<dyn SchemaProvider>> = BTreeMap::new();
        for extension in &extensions {
            schemas.extend(extension.schemas(info));
        }
        let mut all = schemas.clone();
        all.insert(sql::SCHEMA.to_owned(), Arc::clone(&tables) as Arc<dyn SchemaProvider>);
        let database = Arc::new(Database { schemas: all });
        let mut state = sql::session_state_builder(partitions).with_runtime_env(environment).build();
        // Where `query` finds the threads to run on.
        state.config_mut().set_extension(pool);
        // Errors tell where a name stands.
        state.config_mut().options_mut().sql_parser.collect_spans = true;
        for name in [sql::DATABASE, info.database.as_str()] {
            state.catalog_list().register_catalog(name.to_owned(), Arc::clone(&database) as _);
        }
        for function in extensions.iter().flat_map(|extension| extension.functions(info)) {
            // A function of that name that is there already gives way.
            if let Err(error) = datafusion::execution::FunctionRegistry::register_udf(&mut state, Arc::new(function)) {
                tracing::warn!(%error, "a function of the frontend was refused");
            }
        }
        Binder { state, tables, extensions, schemas, search_path: default_path(), database: info.database.clone() }
    }

    /// DataFusion's state, for planning further.
    pub(crate) fn state(&self) -> &SessionState {
        &self.state
    }

    /// Whether there is such a schema.
    pub(crate) fn has_schema(&self, name: &str) -> bool {
        name == sql::SCHEMA || self.schemas.contains_key(name)
    }

    /// Whether a name without a schema may be one of `public`.
    pub(crate) fn searches_public(&self) -> bool {
        self.search_path.iter().any(|schema| schema == sql::SCHEMA)
    }

    /// A statement begins: `now()` is now, unless a transaction has stopped its clock.
    pub(crate) fn begin_statement(&mut self, time_zone: &str, search_path: Vec<String>, keep_time: bool) {
        self.search_path = search_path;
        let config = self.state.config_mut().options_mut();
        if config.execution.time_zone.as_deref() != Some(time_zone) {
            config.execution.time_zone = Some(time_zone.to_owned());
        }
        let time = self.state.execution_props().query_execution_start_time;
        self.state.mark_start_execution();
        if keep_time && time.is_some() {
            self.state.execution_props_mut().query_execution_start_time = time;
        }
    }

    /// Binds a query over what `reader` sees and `extras`.
    pub(crate) async fn bind(
        &self,
        query: &ast::Query,
        reader: &Arc<Reader>,
        extras: Vec<Extra>,
    ) -> Result<Bound, Error> {
        self.tables.clear();
        for (name, table) in extras {
            self.tables.put(&name, table);
        }
        // A view means the same in every session.
        let path = if reader.is_for_view() { default_path() } else { self.search_path.clone() };
        let bound = self.bind_names(query, reader, &path).await;
        self.tables.clear();
        bound
    }

    /// `path`: the schemas in which names without one are looked up.
    async fn bind_names(&self, query: &ast::Query, reader: &Arc<Reader>, path: &[String]) -> Result<Bound, Error> {
        let query = self.rewritten(query)?;
        let mut reads = BTreeSet::new();
        for reference in references::of(&query, &self.state)? {
            match self.resolve(&reference, reader, path).await {
                Ok(oid) => reads.extend(oid),
                Err(error) => {
                    let error = match references::is_called(&query, reference.table()) {
                        true => Error::new(
                            SqlState::UNDEFINED_FUNCTION,
                            format!("function {} does not exist", reference.table()),
                        ),
                        false => error,
                    };
                    let place = references::place_of(&query, &reference);
                    return Err(place.map_or(error.clone(), |place| error.at_line(place.line, place.column)));
                }
            }
        }
        let plan = sql::bind(&query, &self.state).await?;
        Ok(Bound { plan, reads })
    }

    /// The query as the frontend's extensions want it.
    fn rewritten(&self, query: &ast::Query) -> Result<ast::Query, Error> {
        match self.extended(ast::Statement::Query(Box::new(query.clone()))) {
            ast::Statement::Query(query) => Ok(*query),
            _ => Err(Error::internal("an extension made something else of a query")),
        }
    }

    fn extended(&self, mut statement: ast::Statement) -> ast::Statement {
        for extension in &self.extensions {
            extension.rewrite(&mut statement);
        }
        statement
    }

    /// Makes the relation that `reference` names known to DataFusion. Gives its OID, if it is one
    /// of ours.
    async fn resolve(
        &self,
        reference: &TableReference,
        reader: &Arc<Reader>,
        path: &[String],
    ) -> Result<Option<u32>, Error> {
        if let Some(database) = reference.catalog()
            && database != sql::DATABASE
            && database != self.database
        {
            return Err(Error::unsupported(format!(
                "cross-database references are not implemented: \"{database}.{}.{}\"",
                reference.schema().unwrap_or_default(),
                reference.table()
            )));
        }
        let name = reference.table();
        match reference.schema() {
            None | Some(sql::SCHEMA) => {}
            Some(schema) => {
                let known = match self.schemas.get(schema) {
                    Some(schema) => schema.table(name).await?.is_some(),
                    None => false,
                };
                return if known { Ok(None) } else { Err(undefined(&format!("{schema}.{name}"))) };
            }
        }
        // Postgres looks into pg_catalog without being asked.
        let named = reference.schema().map(str::to_owned);
        let implicit = named.is_none().then_some("pg_catalog");
        let path = if named.is_some() { named.as_slice() } else { path };
        for schema in path.iter().map(String::as_str).chain(implicit) {
            if schema == sql::SCHEMA {
                if let Some(entry) = reader.catalog.find_public(name) {
                    if !self.tables.has(name) {
                        let table = Box::pin(self.table(entry, reader)).await?;
                        self.tables.put(name, table);
                    }
                    return Ok(Some(entry.object.oid));
                }
            } else if let Some(system) = self.schemas.get(schema)
                && let Some(table) = system.table(name).await?
            {
                self.tables.put(name, table);
                return Ok(None);
            }
        }
        if self.tables.has(name) || self.state.table_functions().contains_key(name) {
            return Ok(None);
        }
        Err(reader.catalog.missing(&crate::catalog::qualified(&Name {
            schema: reference.schema().map(str::to_owned),
            name: name.to_owned(),
        })))
    }

    /// An object's rows, as a table.
    async fn table(&self, entry: &Arc<Entry>, reader: &Arc<Reader>) -> Result<Arc<dyn TableProvider>, Error> {
        let object = &entry.object;
        entry.check_built()?;
        if let Some(relation) = &entry.relation {
            return Ok(Arc::new(RelationTable::new(Arc::clone(entry), relation.clone(), Arc::clone(reader))));
        }
        match (&entry.query, object.kind) {
            (Some(query), ObjectKind::View) => {
                let bound = self.bind_names(query, reader, &default_path()).await?;
                let names: Vec<String> = object.columns.fields().iter().map(|field| field.name().clone()).collect();
                let plan = sql::name_columns(bound.plan, &names)?;
                Ok(Arc::new(ViewTable::new(plan, Some(object.definition.clone()))))
            }
            _ => Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot open relation \"{}\"", object.name))
                .with_detail(format!(
                    "This operation is not supported for {}s.",
                    crate::catalog::kind_name(object.kind)
                ))),
        }
    }

    /// Binds an expression that reads no relation.
    pub(crate) fn bind_expression(&self, expression: &ast::Expr) -> Result<Expr, Error> {
        // The least statement that has an expression.
        let statement = ast::Statement::Assert { condition: expression.clone(), message: None };
        let ast::Statement::Assert { condition, .. } = self.extended(statement) else {
            return Err(Error::internal("an extension made something else of an expression"));
        };
        Ok(sql::bind_expression(&condition, &self.state)?)
    }
}

/// Where names are looked up that no session's setting is meant for.
fn default_path() -> Vec<String> {
    vec![sql::SCHEMA.to_owned()]
}

fn undefined(name: &str) -> Error {
    Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
}
