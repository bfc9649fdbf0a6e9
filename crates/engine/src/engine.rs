//! The engine as a whole: what all sessions share.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use dataflow::{Checkpoint, Runtime};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use parking_lot::{Mutex, RwLock};
use state::Budget;

use crate::checkpoint::Known;
use crate::freshet_catalog::FreshetCatalog;
use crate::pool::Pool;
use crate::{Catalog, Error, Extension, Session, SessionInfo, Settings, SqlState};

/// Threads for queries, at least: one long query shall not be alone with a single thread.
const QUERY_THREADS_MIN: usize = 2;

/// What an engine is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many timely workers.
    pub workers: usize,
    /// How much memory all state and queries together may take.
    pub memory_bytes: u64,
    /// Where to keep files; nothing is kept yet.
    pub data_dir: Option<PathBuf>,
}

/// What all sessions share.
pub struct Engine {
    catalog: Catalog,
    runtime: Runtime,
    budget: Budget,
    environment: Arc<RuntimeEnv>,
    pool: Arc<Pool>,
    extensions: RwLock<Vec<Arc<dyn Extension>>>,
    query_partitions: usize,
    next_process_id: AtomicI32,
    checkpointed: Mutex<Known>,
}

impl Engine {
    /// Starts the workers.
    ///
    /// # Errors
    /// If the workers cannot be started.
    pub fn start(config: Config) -> Result<Arc<Engine>, Error> {
        Engine::launch(config, None)
    }

    /// As [`Engine::start`], in the epoch of a checkpoint if there is one.
    pub(crate) fn launch(config: Config, checkpoint: Option<&Checkpoint>) -> Result<Arc<Engine>, Error> {
        let budget = Budget::new(usize::try_from(config.memory_bytes).unwrap_or(usize::MAX));
        // What bounds its memory is each statement's own.
        let environment = RuntimeEnvBuilder::new().build_arc()?;
        let runtime_config = dataflow::Config {
            workers: config.workers,
            budget: budget.clone(),
            portion_rows: dataflow::PORTION_ROWS,
            time_of_day: Arc::new(dataflow::SystemTimeOfDay),
        };
        let runtime = match checkpoint {
            Some(checkpoint) => Runtime::start_from(&runtime_config, checkpoint)?,
            None => Runtime::start(&runtime_config)?,
        };
        let engine = Arc::new(Engine {
            catalog: Catalog::default(),
            runtime,
            budget,
            environment,
            pool: Arc::new(Pool::start(config.workers.max(QUERY_THREADS_MIN))?),
            extensions: RwLock::default(),
            query_partitions: config.workers.max(1),
            next_process_id: AtomicI32::new(1),
            checkpointed: Mutex::default(),
        });
        engine.extend(Arc::new(FreshetCatalog::new(&engine)));
        Ok(engine)
    }

    /// A new session.
    ///
    /// # Errors
    /// 3D000 for a database that is neither `dev` nor the user's own name.
    pub fn connect(self: &Arc<Self>, user: &str, database: &str) -> Result<Session, Error> {
        if database != sql::DATABASE && database != user {
            return Err(Error::new(SqlState::INVALID_CATALOG_NAME, format!("database \"{database}\" does not exist"))
                .with_hint(format!("There is one database: {}.", sql::DATABASE)));
        }
        let settings = Settings::default();
        settings.set_fact("session_authorization", user);
        let info = SessionInfo {
            user: user.to_owned(),
            database: database.to_owned(),
            process_id: self.next_process_id.fetch_add(1, Ordering::Relaxed),
            settings,
        };
        Ok(Session::new(Arc::clone(self), info))
    }

    /// What there is.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Adds schemas and functions to all later sessions.
    pub fn extend(&self, extension: Arc<dyn Extension>) {
        self.extensions.write().push(extension);
    }

    /// The running dataflows.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The memory of the process, and who holds it.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Ends the workers. What sessions ask for afterwards is refused.
    pub fn shutdown(&self) {
        self.runtime.shutdown();
    }

    /// What the last checkpoint has of the catalog.
    pub(crate) fn checkpointed(&self) -> &Mutex<Known> {
        &self.checkpointed
    }

    pub(crate) fn extensions(&self) -> Vec<Arc<dyn Extension>> {
        self.extensions.read().clone()
    }

    /// What DataFusion may use: memory, and files to spill to.
    pub(crate) fn environment(&self) -> Arc<RuntimeEnv> {
        Arc::clone(&self.environment)
    }

    /// The threads that run queries.
    pub(crate) fn pool(&self) -> Arc<Pool> {
        Arc::clone(&self.pool)
    }

    /// How many streams a query is split into at most.
    pub(crate) fn query_partitions(&self) -> usize {
        self.query_partitions
    }
}
