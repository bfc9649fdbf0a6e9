//! A database to ask about, and a client that asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionState;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast;
use engine::{Extension, Object, SessionInfo, Settings};
use sql::{ObjectKind, PgType, Statement};

use crate::catalog::world::World;
use crate::catalog::{CatalogExtension, Objects};

struct Fixed(Vec<Arc<Object>>);

impl Objects for Fixed {
    fn objects(&self) -> Vec<Arc<Object>> {
        self.0.clone()
    }
}

fn object(oid: u32, kind: ObjectKind, name: &str, columns: Vec<(&str, PgType, bool)>) -> Object {
    let fields: Vec<_> = columns.into_iter().map(|(name, pg_type, nullable)| pg_type.field(name, nullable)).collect();
    Object {
        oid,
        kind,
        name: name.to_owned(),
        schema_name: "public",
        defaults: vec![None; fields.len()],
        columns: Arc::new(Schema::new(fields)),
        primary_key: Vec::new(),
        definition: "SELECT a FROM t".to_owned(),
        comment: None,
        depends_on: Vec::new(),
    }
}

/// The database on which the log was recorded, and a source.
fn objects() -> Vec<Arc<Object>> {
    let mut table = object(
        16_384,
        ObjectKind::Table,
        "t",
        vec![("a", PgType::Integer, false), ("b", PgType::Text, true), ("ts", PgType::TimestampTz, true)],
    );
    table.primary_key = vec![0];
    table.defaults[1] = Some("'x'::text".to_owned());
    table.comment = Some("hi".to_owned());
    let view = object(16_392, ObjectKind::View, "v", vec![("a", PgType::Integer, true)]);
    let columns = vec![("b", PgType::Text, true), ("c", PgType::Numeric(Some((10, 2))), true)];
    let materialized = object(16_396, ObjectKind::MaterializedView, "mv", columns);
    let mut source =
        object(16_400, ObjectKind::Source, "s", vec![("x", PgType::Array(Box::new(PgType::Integer)), true)]);
    source.definition = "CREATE SOURCE s (x int[]) WITH (connector = 'datagen', \"rows\" = '5')".to_owned();
    let sink = object(16_401, ObjectKind::Sink, "k", vec![]);
    [table, view, materialized, source, sink].map(Arc::new).into()
}

fn extension() -> CatalogExtension {
    CatalogExtension { objects: Arc::new(Fixed(objects())) }
}

fn session() -> SessionInfo {
    SessionInfo { user: "me".to_owned(), database: "dev".to_owned(), process_id: 7, settings: Settings::default() }
}

/// What the functions that make rows see.
pub(in crate::catalog) fn world() -> World {
    extension().lookup(&session()).world()
}

/// As the engine does it: a catalog of schemas, where what is not in `public` may be in `pg_catalog`.
#[derive(Debug)]
struct Database(BTreeMap<String, Arc<dyn SchemaProvider>>);

impl CatalogProvider for Database {
    fn schema_names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.0.get(name).cloned()
    }
}

#[derive(Debug)]
struct Public(Arc<dyn SchemaProvider>);

#[async_trait]
impl SchemaProvider for Public {
    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }

    async fn table(&self, name: &str) -> datafusion::error::Result<Option<Arc<dyn TableProvider>>> {
        match objects().iter().find(|object| object.name == name) {
            Some(object) => Ok(Some(Arc::new(EmptyTable::new(Arc::clone(&object.columns))))),
            None => self.0.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        name == "t" || self.0.table_exist(name)
    }
}

/// One session with the catalog, on DataFusion alone.
pub(super) struct Client {
    extension: CatalogExtension,
    state: SessionState,
}

impl Client {
    pub(super) fn new() -> Self {
        let extension = extension();
        let info = session();
        let mut state = sql::session_state_builder(1).build();
        let mut schemas: BTreeMap<_, _> = extension.schemas(&info).into_iter().collect();
        let public: Arc<dyn SchemaProvider> = Arc::new(Public(Arc::clone(&schemas["pg_catalog"])));
        schemas.insert("public".to_owned(), public);
        state.catalog_list().register_catalog("dev".to_owned(), Arc::new(Database(schemas)));
        for function in extension.functions(&info) {
            state.register_udf(Arc::new(function)).expect("registered");
        }
        Self { extension, state }
    }

    pub(super) async fn run(&self, text: &str) -> Result<Vec<RecordBatch>, String> {
        let mut batches = Vec::new();
        for parsed in sql::parse(text).map_err(|error| error.to_string())? {
            // Everything else is not the catalog's business.
            let Statement::Query(query) = parsed.statement else { continue };
            let mut statement = ast::Statement::Query(query);
            self.extension.rewrite(&mut statement);
            let ast::Statement::Query(query) = statement else { return Err("no query any more".to_owned()) };
            let plan = sql::bind(&query, &self.state).await.map_err(|error| error.to_string())?;
            let plan = sql::analyse(plan, &self.state).map_err(|error| error.to_string())?;
            let context = SessionContext::new_with_state(self.state.clone());
            let frame = context.execute_logical_plan(plan).await.map_err(|error| error.to_string())?;
            batches.extend(frame.collect().await.map_err(|error| error.to_string())?);
        }
        Ok(batches)
    }

    /// The rows as text, with bars between columns.
    pub(super) async fn rows(&self, text: &str) -> Vec<String> {
        let batches = self.run(text).await.unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut rows = Vec::new();
        for batch in &batches {
            let columns: Vec<_> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &FormatOptions::default()).expect("printable"))
                .collect();
            for row in 0..batch.num_rows() {
                let values: Vec<_> = columns.iter().map(|column| column.value(row).to_string()).collect();
                rows.push(values.join("|"));
            }
        }
        rows
    }
}
