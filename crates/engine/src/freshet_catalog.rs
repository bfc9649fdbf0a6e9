//! The schema `freshet_catalog`: what the server says of itself, made when it is asked for.

use std::sync::{Arc, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, Session, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ScalarUDF, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::sqlparser::ast;

use crate::{Engine, Extension, SessionInfo};

const SCHEMA: &str = "freshet_catalog";
const TABLES: [Table; 2] = [Table::Memory, Table::DdlProgress];

/// Adds the schema to every session. It keeps the engine no longer alive than others do.
pub(crate) struct FreshetCatalog(Weak<Engine>);

/// One of the tables.
#[derive(Clone, Copy, Debug)]
enum Table {
    /// Who holds how much memory, the oldest first, and what nobody accounts for.
    Memory,
    /// What is being created.
    DdlProgress,
}

impl FreshetCatalog {
    pub(crate) fn new(engine: &Arc<Engine>) -> FreshetCatalog {
        FreshetCatalog(Arc::downgrade(engine))
    }
}

impl Extension for FreshetCatalog {
    fn schemas(&self, _session: &SessionInfo) -> Vec<(String, Arc<dyn SchemaProvider>)> {
        vec![(SCHEMA.to_owned(), Arc::new(Tables(Weak::clone(&self.0))))]
    }

    fn functions(&self, _session: &SessionInfo) -> Vec<ScalarUDF> {
        vec![]
    }

    fn rewrite(&self, _query: &mut ast::Statement) {}
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Table::Memory => "memory",
            Table::DdlProgress => "ddl_progress",
        }
    }

    fn columns(self) -> SchemaRef {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let columns: Vec<(&str, DataType)> = match self {
            Table::Memory => {
                vec![("owner", DataType::Utf8), ("name", DataType::Utf8), ("bytes", DataType::Int64)]
            }
            Table::DdlProgress => vec![
                ("id", DataType::Int64),
                ("name", DataType::Utf8),
                ("statement", DataType::Utf8),
                ("rows_done", DataType::Int64),
                ("rows_known", DataType::Int64),
                ("rows_per_second", DataType::Float64),
                ("started_at", time),
            ],
        };
        Arc::new(Schema::new(columns.into_iter().map(|(name, kind)| Field::new(name, kind, true)).collect::<Vec<_>>()))
    }

    fn rows(self, engine: &Engine) -> Vec<ArrayRef> {
        match self {
            Table::Memory => memory(engine),
            Table::DdlProgress => ddl_progress(engine),
        }
    }
}

fn memory(engine: &Engine) -> Vec<ArrayRef> {
    let budget = engine.budget();
    let mut rows: Vec<(String, String, usize)> =
        budget.holdings().into_iter().map(|holding| (holding.owner.to_string(), holding.name, holding.bytes)).collect();
    rows.push(("beyond".to_owned(), "memory that nobody accounts for".to_owned(), budget.beyond()));
    vec![
        Arc::new(rows.iter().map(|(owner, ..)| Some(owner)).collect::<StringArray>()),
        Arc::new(rows.iter().map(|(_, name, _)| Some(name)).collect::<StringArray>()),
        Arc::new(rows.iter().map(|(.., bytes)| number(*bytes as u64)).collect::<Int64Array>()),
    ]
}

fn ddl_progress(engine: &Engine) -> Vec<ArrayRef> {
    let catalog = engine.catalog().snapshot();
    let builds = engine.runtime().builds();
    let now = SystemTime::now();
    let name = |oid| catalog.object(oid).map(|object| object.name.as_str());
    let rate = |rows: u64, since: SystemTime| {
        let seconds = now.duration_since(since).map_or(0.0, |time| time.as_secs_f64());
        (seconds > 0.0).then(|| rows as f64 / seconds)
    };
    let started = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_micros()).ok()
    };
    let times = builds.iter().map(|build| started(build.started_at)).collect::<TimestampMicrosecondArray>();
    vec![
        Arc::new(builds.iter().map(|build| Some(i64::from(build.id.0))).collect::<Int64Array>()),
        // A subscription's view has no name, and no statement that made it.
        Arc::new(builds.iter().map(|build| name(build.id.0).or(Some("subscription"))).collect::<StringArray>()),
        Arc::new(builds.iter().map(|build| catalog.create_sql(build.id.0)).collect::<StringArray>()),
        Arc::new(builds.iter().map(|build| number(build.rows_done)).collect::<Int64Array>()),
        Arc::new(builds.iter().map(|build| build.rows_known.and_then(number)).collect::<Int64Array>()),
        Arc::new(builds.iter().map(|build| rate(build.rows_done, build.started_at)).collect::<Float64Array>()),
        Arc::new(times.with_timezone("UTC")),
    ]
}

fn number(count: u64) -> Option<i64> {
    i64::try_from(count).ok()
}

#[derive(Debug)]
struct Tables(Weak<Engine>);

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        TABLES.iter().map(|table| table.name().to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let table = TABLES.into_iter().find(|table| table.name() == name);
        let provider = |table| Provider { table, engine: Weak::clone(&self.0) };
        Ok(table.map(|table| Arc::new(provider(table)) as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        TABLES.iter().any(|table| table.name() == name)
    }
}

#[derive(Debug)]
struct Provider {
    table: Table,
    engine: Weak<Engine>,
}

#[async_trait]
impl TableProvider for Provider {
    fn schema(&self) -> SchemaRef {
        self.table.columns()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // Without an engine there is nothing to say, and soon nobody to ask.
        let batches = match self.engine.upgrade() {
            Some(engine) => vec![RecordBatch::try_new(self.schema(), self.table.rows(&engine))?],
            None => vec![],
        };
        Ok(MemorySourceConfig::try_new_exec(&[batches], self.schema(), projection.cloned())?)
    }
}
