//! One run: tables, views that come and go, transactions; after each of them all views are checked.

use anyhow::{Context, Result, anyhow, bail};

use super::Options;
use super::changes::{first_rows, random_transaction};
use super::compare::difference;
use super::database::Database;
use super::query::{Query, random_query};
use super::random::Random;
use super::schema::{Relation, Table};

/// Views at a time.
const VIEWS_MAX: usize = 8;
/// A view that starts with more rows than this is not made.
const VIEW_ROWS_MAX: usize = 1_500;

/// What a run did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// How many times a view was compared with its query.
    pub view_epochs: usize,
    /// How many views were made.
    pub views: usize,
    /// How many were refused as not supported yet.
    pub refused: usize,
    /// Rows in the views that were compared.
    pub rows: usize,
}

struct View {
    relation: Relation,
    query: Query,
    is_materialized: bool,
}

struct Run {
    options: Options,
    random: Random,
    database: Database,
    tables: Vec<Table>,
    views: Vec<View>,
    report: Report,
}

/// Runs the oracle.
///
/// # Errors
/// The first difference between a view and its query, or statement that failed, with the command
/// that repeats it.
pub async fn run(options: Options) -> Result<Report> {
    let mut random = Random::new(options.seed);
    let tables = (0..2 + random.below(2)).map(|number| Table::random(&mut random, number)).collect();
    let database = Database::start(options.workers)?;
    let mut run = Run { options, random, database, tables, views: Vec::new(), report: Report::default() };
    let mut step = 0;
    let result = run.steps(&mut step).await;
    let report = run.report;
    if let Err(error) = result {
        let script = std::env::temp_dir().join(format!("freshet-oracle-{}.sql", options.seed));
        let written = match std::fs::write(&script, run.database.script()) {
            Ok(()) => format!("all statements: {}", script.display()),
            Err(error) => format!("the statements could not be written: {error}"),
        };
        let replay = Options { steps: step + 1, ..options }.replay("views");
        bail!(
            "seed {}, step {step}, {} workers\n{error:#}\n{written}\nrepeat: {replay}",
            options.seed,
            options.workers
        );
    }
    run.database.stop();
    Ok(report)
}

impl Run {
    async fn steps(&mut self, step: &mut usize) -> Result<()> {
        for table in &mut self.tables {
            self.database.run(&table.create()).await?;
            if self.random.chance(60) {
                self.database.run(&first_rows(&mut self.random, table)).await?;
            }
        }
        for current in 0..self.options.steps {
            *step = current;
            // Most views come early; some come late, or go again.
            if self.views.len() < 4 || self.random.chance(15) {
                self.create_view().await?;
            }
            if self.random.chance(5) {
                self.drop_view().await?;
            }
            let statements = random_transaction(&mut self.random, &mut self.tables);
            self.transact(&statements).await?;
            if self.random.chance(10) {
                self.database.checkpoint_and_rebuild().await.context("rebuilding from a checkpoint")?;
            }
            self.check().await.with_context(|| format!("after: {}", statements.join(";\n       ")))?;
        }
        self.delete_everything().await
    }

    async fn transact(&mut self, statements: &[String]) -> Result<()> {
        if let [statement] = statements {
            return self.database.run(statement).await;
        }
        self.database.run("BEGIN").await?;
        for statement in statements {
            self.database.run(statement).await?;
        }
        let end = if self.random.chance(8) { "ROLLBACK" } else { "COMMIT" };
        self.database.run(end).await
    }

    async fn create_view(&mut self) -> Result<()> {
        if self.views.len() >= VIEWS_MAX {
            self.drop_view().await?;
        }
        let mut relations: Vec<Relation> = self.tables.iter().map(|table| table.relation.clone()).collect();
        relations.extend(self.views.iter().map(|view| view.relation.clone()));
        let query = random_query(&mut self.random, &relations);
        let is_materialized = self.random.chance(88);
        if self.database.rows(&query.sql).await?.len() > VIEW_ROWS_MAX {
            return Ok(());
        }
        let name = format!("v{}", self.report.views);
        let kind = if is_materialized { "MATERIALIZED VIEW" } else { "VIEW" };
        if let Err(error) = self.database.run(&format!("CREATE {kind} {name} AS {}", query.sql)).await {
            // Refused by name is no difference.
            if format!("{error:#}").contains("0A000") {
                self.report.refused += 1;
                return Ok(());
            }
            return Err(error);
        }
        let relation = Relation { name, columns: query.columns.clone() };
        self.views.push(View { relation, query, is_materialized });
        self.report.views += 1;
        Ok(())
    }

    /// Drops a view that no other reads.
    async fn drop_view(&mut self) -> Result<()> {
        let is_read = |view: &View| {
            let name = format!(" {} AS ", view.relation.name);
            self.views.iter().any(|other| other.query.sql.contains(&name))
        };
        let free: Vec<usize> = (0..self.views.len()).filter(|index| !is_read(&self.views[*index])).collect();
        if free.is_empty() {
            return Ok(());
        }
        let view = self.views.remove(*self.random.pick(&free));
        let kind = if view.is_materialized { "MATERIALIZED VIEW" } else { "VIEW" };
        self.database.run(&format!("DROP {kind} {}", view.relation.name)).await
    }

    /// Compares each view with its query, both in one transaction and so in one epoch.
    async fn check(&mut self) -> Result<()> {
        self.database.rows("BEGIN READ ONLY").await?;
        for view in self.views.iter().filter(|view| view.is_materialized) {
            let name = &view.relation.name;
            let held = self.database.rows(&format!("SELECT * FROM {name}")).await?;
            let expected = self.database.rows(&view.query.sql).await?;
            if let Some(difference) = difference(&held, &expected) {
                return Err(anyhow!("{name} AS {}\n{difference}", view.query.sql));
            }
            self.report.view_epochs += 1;
            self.report.rows += held.len();
        }
        self.database.rows("COMMIT").await.map(drop)
    }

    /// Empty tables leave empty views (but for global aggregates), and those leave no state.
    async fn delete_everything(&mut self) -> Result<()> {
        for table in &self.tables {
            self.database.run(&format!("DELETE FROM {}", table.relation.name)).await?;
        }
        self.check().await.context("after everything was deleted")?;
        let mut rows = 0;
        for view in self.views.iter().filter(|view| view.is_materialized) {
            rows += self.database.rows(&format!("SELECT * FROM {}", view.relation.name)).await?.len();
        }
        // What is left in views are global aggregates' single rows and what was made of them, each of
        // which its operators may hold a few times.
        let held_max = rows * 4 + self.views.len() * 4;
        let held = self.database.state_rows();
        if held > held_max {
            bail!("everything was deleted, and the views hold {rows} rows, but their operators remember {held}");
        }
        Ok(())
    }
}
