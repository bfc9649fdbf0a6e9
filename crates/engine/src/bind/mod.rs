//! From a query's syntax tree to a plan over the relations that a reader sees.
//!
//! `sql` binds expressions and gives them Postgres' meaning; here the names of relations find
//! their rows, plain views are put in place of their names, and parameters get types and values.

mod parameters;
mod references;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use changes::BATCH_BYTES_MAX;
use datafusion::catalog::{CatalogProviderList, MemoryCatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::TableReference;
use datafusion::datasource::ViewTable;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::sqlparser::ast;
use sql::{Name, ObjectKind};
use state::Budget;

pub(crate) use parameters::{ParameterTypes, number_of, with_types, with_values};
pub(crate) use references::fold;
use tables::{Database, StatementTables};

use crate::catalog::Entry;
use crate::memory::StatementMemory;
use crate::pool::Pool;
use crate::read::{Reader, RelationScan, RelationTable};
use crate::{Error, Extension, SessionInfo, SqlState};

/// A table that only the statement at hand sees, by its name.
pub(crate) type Extra = (String, Arc<dyn TableProvider>);

/// How deeply views may read views. Each level is one of the stack, and of every plan over them.
const VIEWS_MAX: usize = 100;

/// Binds one statement of a session. A clone binds the same one: it goes where the statement is
/// planned, and may stay there when the session has gone on to the next.
#[derive(Clone)]
pub(crate) struct Binder(Arc<Inner>);

struct Inner {
    state: SessionState,
    tables: Arc<StatementTables>,
    memory: Arc<StatementMemory>,
    session: Arc<OfSession>,
    /// Where the session looks for names without a schema.
    search_path: Vec<String>,
}

/// What all statements of a session bind with.
struct OfSession {
    extensions: Vec<Arc<dyn Extension>>,
    /// Schemas beside `public`.
    schemas: BTreeMap<String, Arc<dyn SchemaProvider>>,
    database: String,
    budget: Budget,
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
        budget: Budget,
    ) -> Binder {
        let mut schemas: BTreeMap<String, Arc<dyn SchemaProvider>> = BTreeMap::new();
        for extension in &extensions {
            schemas.extend(extension.schemas(info));
        }
        let mut state = sql::session_state_builder(partitions).with_runtime_env(environment).build();
        // Where `query` finds the threads to run on.
        state.config_mut().set_extension(pool);
        // Errors tell where a name stands.
        state.config_mut().options_mut().sql_parser.collect_spans = true;
        for function in extensions.iter().flat_map(|extension| extension.functions(info)) {
            // A function of that name that is there already gives way.
            if let Err(error) = datafusion::execution::FunctionRegistry::register_udf(&mut state, Arc::new(function)) {
                tracing::warn!(%error, "a function of the frontend was refused");
            }
        }
        let memory = Arc::new(StatementMemory::open(&budget, "a session that starts"));
        let session = OfSession { extensions, schemas, database: info.database.clone(), budget };
        Binder(Arc::new(Inner::new(state, memory, Arc::new(session), default_path())))
    }

    /// DataFusion's state, for planning further.
    pub(crate) fn state(&self) -> &SessionState {
        &self.0.state
    }

    /// The threads to plan it on.
    pub(crate) fn pool(&self) -> Result<Arc<Pool>, Error> {
        self.state().config().get_extension().ok_or_else(|| Error::internal("a session without threads"))
    }

    /// What the statement may take.
    pub(crate) fn memory(&self) -> &Arc<StatementMemory> {
        &self.0.memory
    }

    /// Whether there is such a schema.
    pub(crate) fn has_schema(&self, name: &str) -> bool {
        name == sql::SCHEMA || self.0.session.schemas.contains_key(name)
    }

    /// Whether a name without a schema may be one of `public`.
    pub(crate) fn searches_public(&self) -> bool {
        self.0.search_path.iter().any(|schema| schema == sql::SCHEMA)
    }

    /// What a plan of the statement runs with. Where rows are wide, its batches have fewer of them.
    pub(crate) fn task_context(&self, plan: &Arc<dyn ExecutionPlan>) -> Arc<TaskContext> {
        let environment = RuntimeEnv {
            memory_pool: Arc::clone(&self.0.memory) as Arc<dyn MemoryPool>,
            ..self.0.state.runtime_env().as_ref().clone()
        };
        let context = TaskContext::from(&self.0.state).with_runtime(Arc::new(environment));
        let config = context.session_config().clone();
        let rows = config.batch_size().min(BATCH_BYTES_MAX / row_bytes(plan).max(1)).max(1);
        Arc::new(context.with_session_config(config.with_batch_size(rows)))
    }

    /// A statement begins: `now()` is now, unless a transaction has stopped its clock. `name`: what a
    /// person knows it by. `search_path`: where names without a schema are looked up.
    pub(crate) fn begin_statement(&mut self, name: String, time_zone: &str, search_path: Vec<String>, keep_time: bool) {
        let memory = Arc::new(StatementMemory::open(&self.0.session.budget, name));
        match Arc::get_mut(&mut self.0) {
            Some(own) => (own.memory, own.search_path) = (memory, search_path),
            // The last one is still at it somewhere.
            None => {
                let (state, session) = (self.0.state.clone(), Arc::clone(&self.0.session));
                self.0 = Arc::new(Inner::new(state, memory, session, search_path));
            }
        }
        let state = &mut Arc::get_mut(&mut self.0).expect("nobody else has it yet").state;
        // The options are copied when they are touched.
        if state.config_options().execution.time_zone.as_deref() != Some(time_zone) {
            state.config_mut().options_mut().execution.time_zone = Some(time_zone.to_owned());
        }
        let time = state.execution_props().query_execution_start_time;
        state.mark_start_execution();
        if keep_time && time.is_some() {
            state.execution_props_mut().query_execution_start_time = time;
        }
    }

    /// The statement has ended; what it still runs keeps its own hold on its memory.
    pub(crate) fn end_statement(&mut self) {
        let memory = Arc::new(StatementMemory::open(&self.0.session.budget, "a session that waits"));
        if let Some(own) = Arc::get_mut(&mut self.0) {
            own.memory = memory;
        }
    }

    /// Binds a query over what `reader` sees and `extras`.
    pub(crate) async fn bind(
        &self,
        query: &ast::Query,
        reader: &Arc<Reader>,
        extras: Vec<Extra>,
    ) -> Result<Bound, Error> {
        let tables = &self.0.tables;
        tables.clear();
        for (name, table) in extras {
            tables.put(&name, table);
        }
        // A view means the same in every session.
        let path = if reader.is_for_view() { default_path() } else { self.0.search_path.clone() };
        let bound = self.bind_names(query, reader, &path, 0).await;
        tables.clear();
        bound
    }

    /// `path`: the schemas in which names without one are looked up. `depth`: how many views are around it.
    async fn bind_names(
        &self,
        query: &ast::Query,
        reader: &Arc<Reader>,
        path: &[String],
        depth: usize,
    ) -> Result<Bound, Error> {
        if depth > VIEWS_MAX {
            let message = format!("views are nested more than {VIEWS_MAX} deep");
            return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, message)
                .with_hint("Create one of them as a materialized view."));
        }
        let query = self.rewritten(query)?;
        let mut reads = BTreeSet::new();
        for reference in references::of(&query, self.state())? {
            match self.resolve(&reference, reader, path, depth).await {
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
        let plan = sql::bind(&query, self.state()).await?;
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
        for extension in &self.0.session.extensions {
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
        depth: usize,
    ) -> Result<Option<u32>, Error> {
        let Inner { tables, session, .. } = self.0.as_ref();
        if let Some(database) = reference.catalog()
            && database != sql::DATABASE
            && database != session.database
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
                let known = match session.schemas.get(schema) {
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
                    if !tables.has(name) {
                        let table = Box::pin(self.table(entry, reader, depth)).await?;
                        tables.put(name, table);
                    }
                    return Ok(Some(entry.object.oid));
                }
            } else if let Some(system) = session.schemas.get(schema)
                && let Some(table) = system.table(name).await?
            {
                tables.put(name, table);
                return Ok(None);
            }
        }
        if tables.has(name) || self.state().table_functions().contains_key(name) {
            return Ok(None);
        }
        Err(reader.catalog.missing(&crate::catalog::qualified(&Name {
            schema: reference.schema().map(str::to_owned),
            name: name.to_owned(),
        })))
    }

    /// An object's rows, as a table.
    async fn table(
        &self,
        entry: &Arc<Entry>,
        reader: &Arc<Reader>,
        depth: usize,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let object = &entry.object;
        entry.check_built()?;
        if let Some(relation) = &entry.relation {
            return Ok(Arc::new(RelationTable::new(Arc::clone(entry), relation.clone(), Arc::clone(reader))));
        }
        match (&entry.query, object.kind) {
            (Some(query), ObjectKind::View) => {
                let bound = self.bind_names(query, reader, &default_path(), depth + 1).await?;
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
        Ok(sql::bind_expression(&condition, self.state())?)
    }
}

/// What a row takes that has all columns of all relations of a plan, on average, in bytes.
fn row_bytes(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = plan.downcast_ref::<RelationScan>().map_or(0, RelationScan::row_bytes);
    own + plan.children().into_iter().map(row_bytes).sum::<usize>()
}

impl Inner {
    fn new(
        mut state: SessionState,
        memory: Arc<StatementMemory>,
        session: Arc<OfSession>,
        search_path: Vec<String>,
    ) -> Inner {
        let tables = Arc::new(StatementTables::default());
        let mut schemas = session.schemas.clone();
        schemas.insert(sql::SCHEMA.to_owned(), Arc::clone(&tables) as Arc<dyn SchemaProvider>);
        let database = Arc::new(Database { schemas });
        let catalogs = MemoryCatalogProviderList::new();
        for name in [sql::DATABASE, session.database.as_str()] {
            catalogs.register_catalog(name.to_owned(), Arc::clone(&database) as _);
        }
        state.register_catalog_list(Arc::new(catalogs));
        Inner { state, tables, memory, session, search_path }
    }
}

/// Where names are looked up that no session's setting is meant for.
fn default_path() -> Vec<String> {
    vec![sql::SCHEMA.to_owned()]
}

fn undefined(name: &str) -> Error {
    Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
}
