//! One run: tables, views that come and go, transactions; after each of them all is checked.

use anyhow::{Context, Result, bail};

use super::Options;
use super::changes::{Write, first_rows, many_rows, random_transaction};
use super::database::Database;
use super::model::Model;
use super::query::{Query, of_each_row};
use super::random::Random;
use super::schema::{Relation, Table, random_source};
use super::source::Scene;
use super::view::View;
use super::watch::{Reader, Watch};

/// Views that there are early on.
const VIEWS_MIN: usize = 4;
/// Views at a time.
const VIEWS_MAX: usize = 8;
/// Subscriptions at a time.
const WATCHES_MAX: usize = 2;

/// What a run did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// How many times a view was compared with its query.
    pub view_epochs: usize,
    /// How many views were made.
    pub views: usize,
    /// How many were refused as not supported yet, or too large.
    pub refused: usize,
    /// Rows in the views that were compared.
    pub rows: usize,
    /// Views that keep rows out, each as often as it was compared.
    pub failing: usize,
    /// Epochs at which a subscription was compared.
    pub watched: usize,
}

struct Run {
    options: Options,
    random: Random,
    database: Database,
    tables: Vec<Table>,
    /// What only grows.
    source: Option<Relation>,
    model: Model,
    views: Vec<View>,
    watches: Vec<Watch>,
    reader: Option<Reader>,
    report: Report,
}

/// Runs the oracle.
///
/// # Errors
/// The first difference between a view and its query, or statement that failed, with the command
/// that repeats it.
pub async fn run(options: Options) -> Result<Report> {
    let mut random = Random::new(options.seed);
    let tables: Vec<Table> = (0..2 + random.below(2)).map(|number| Table::random(&mut random, number)).collect();
    let mut run = Run {
        options,
        random,
        database: Database::start(options.workers, &format!("{}-{}", options.seed, options.workers))?,
        model: Model::new(&tables),
        tables,
        source: None,
        views: Vec::new(),
        watches: Vec::new(),
        reader: None,
        report: Report::default(),
    };
    let mut step = 0;
    let result = run.steps(&mut step).await;
    let report = run.report;
    if let Err(error) = result {
        let replay = Options { steps: step + 1, ..options }.replay(if options.is_large {
            "views_of_many"
        } else {
            "views_equal"
        });
        bail!(
            "seed {}, step {step}, {} workers\n{error:#}\nall statements: {}\nrepeat: {replay}",
            options.seed,
            options.workers,
            run.database.script().display()
        );
    }
    run.watches.clear();
    run.database.stop();
    Ok(report)
}

impl Run {
    async fn steps(&mut self, step: &mut usize) -> Result<()> {
        for number in 0..self.tables.len() {
            self.database.run(&self.tables[number].create()).await?;
            if self.random.chance(60) {
                self.fill(number).await?;
            }
        }
        if self.random.chance(25) {
            let (create, source) = random_source(&mut self.random);
            self.database.run(&create).await?;
            self.source = Some(source);
        }
        if self.options.is_large {
            for query in of_each_row(&self.tables[0].relation) {
                self.keep(query).await?;
            }
        }
        for current in 0..self.options.steps {
            *step = current;
            // Most views come early; some come late, or go again.
            if self.views.len() < VIEWS_MIN || self.random.chance(15) {
                self.create_view().await?;
            }
            if self.random.chance(5) {
                self.drop_view().await?;
            }
            self.read(current).await?;
            let writes = if self.options.is_large && self.random.chance(50) {
                vec![many_rows(&mut self.random, &mut self.tables)]
            } else {
                random_transaction(&mut self.random, &mut self.tables)
            };
            let sql = || writes.iter().map(|write| write.sql.as_str()).collect::<Vec<_>>().join(";\n       ");
            self.transact(&writes).await.with_context(|| format!("in: {}", sql()))?;
            if self.random.chance(10) {
                self.restart().await?;
            }
            self.check().await.with_context(|| format!("after: {}", sql()))?;
        }
        self.delete_everything().await.context("after everything was deleted")?;
        if self.random.chance(50) {
            self.restart().await?;
        }
        for number in 0..self.tables.len() {
            self.fill(number).await?;
        }
        self.check().await.context("after everything was deleted, and rows came again")
    }

    async fn fill(&mut self, number: usize) -> Result<()> {
        let write = first_rows(&mut self.random, &mut self.tables, number);
        self.model.apply(&mut self.database, &write).await
    }

    async fn transact(&mut self, writes: &[Write]) -> Result<()> {
        if let [write] = writes {
            return self.model.apply(&mut self.database, write).await;
        }
        let before = self.model.clone();
        self.database.run("BEGIN").await?;
        for write in writes {
            self.model.apply(&mut self.database, write).await?;
        }
        if self.random.chance(8) {
            self.database.run("ROLLBACK").await?;
            self.model = before;
        } else {
            self.database.run("COMMIT").await?;
        }
        self.model.check_all(&mut self.database).await
    }

    async fn create_view(&mut self) -> Result<()> {
        if self.views.len() >= VIEWS_MAX {
            self.drop_view().await?;
        }
        let mut relations: Vec<Relation> = self.tables.iter().map(|table| table.relation.clone()).collect();
        relations.extend(self.views.iter().map(|view| view.relation.clone()).chain(self.source.clone()));
        let name = format!("v{}", self.report.views);
        let scene = Scene { relations: &relations, has_joins: !self.options.is_large };
        match View::create(&mut self.random, &mut self.database, &scene, name).await? {
            Some(view) => {
                self.views.push(view);
                // A source is read from when the first view does.
                if self.source.is_some() {
                    self.database.run("FLUSH").await?;
                }
                self.report.views += 1;
            }
            None => self.report.refused += 1,
        }
        Ok(())
    }

    /// Makes a view of this query.
    async fn keep(&mut self, query: Query) -> Result<()> {
        let name = format!("v{}", self.report.views);
        self.database.run(&format!("CREATE MATERIALIZED VIEW {name} AS {}", query.sql)).await?;
        let relation = Relation { name, columns: query.columns.clone() };
        self.views.push(View { relation, query, is_materialized: true });
        self.report.views += 1;
        Ok(())
    }

    /// Drops a view that no other reads.
    async fn drop_view(&mut self) -> Result<()> {
        let is_read = |view: &View| self.views.iter().any(|other| other.reads(view));
        let free: Vec<usize> = (0..self.views.len()).filter(|index| !is_read(&self.views[*index])).collect();
        if free.is_empty() {
            return Ok(());
        }
        let view = self.views.remove(*self.random.pick(&free));
        self.watches.retain(|watch| watch.view != view.relation.name);
        if let Some(reader) = &mut self.reader {
            reader.forget(&view.relation.name);
        }
        view.drop(&mut self.database).await
    }

    /// Begins and ends what reads for longer than a statement.
    async fn read(&mut self, step: usize) -> Result<()> {
        if self.reader.as_ref().is_some_and(|reader| reader.until <= step) {
            self.finish_reader().await?;
        }
        let views: Vec<String> =
            self.views.iter().filter(|view| view.is_materialized).map(|view| view.relation.name.clone()).collect();
        if self.reader.is_none() && self.random.chance(15) {
            let until = step + 1 + self.random.below(6);
            let queries = self.queries(&views);
            self.reader = Some(Reader::start(&self.database, queries, until).await?);
        }
        if self.watches.len() < WATCHES_MAX && !views.is_empty() && self.random.chance(25) {
            let view = self.random.pick(&views);
            self.watches.push(Watch::start(&self.database, view).await?);
        } else if !self.watches.is_empty() && self.random.chance(10) {
            self.catch_up().await?;
            self.watches.remove(0);
        }
        Ok(())
    }

    /// All of each table and view, and single rows of tables by their keys.
    fn queries(&mut self, views: &[String]) -> Vec<(String, String)> {
        let tables = self.tables.iter().map(|table| table.relation.name.clone());
        let all = |name: String| (name.clone(), format!("SELECT * FROM {name}"));
        let mut queries: Vec<(String, String)> = tables.chain(views.iter().cloned()).map(all).collect();
        for table in self.tables.iter().filter(|table| table.key == 1) {
            let name = &table.relation.name;
            for _ in 0..4 {
                let key = table.next_key - self.random.between(1, 20);
                queries.push((name.clone(), format!("SELECT * FROM {name} WHERE id = {key}")));
            }
        }
        queries
    }

    async fn finish_reader(&mut self) -> Result<()> {
        match self.reader.take() {
            Some(reader) => reader.finish().await,
            None => Ok(()),
        }
    }

    async fn catch_up(&mut self) -> Result<()> {
        let epoch = self.database.epoch();
        for watch in &mut self.watches {
            watch.catch_up(epoch).await.with_context(|| watch.view.clone())?;
        }
        Ok(())
    }

    /// Starts everything again from a checkpoint, often with another number of workers. Nobody reads across it.
    async fn restart(&mut self) -> Result<()> {
        self.finish_reader().await?;
        self.catch_up().await?;
        self.watches.clear();
        let workers = if self.random.chance(50) { self.database.workers() } else { 1 + self.random.below(3) };
        self.database.restart(workers).await.with_context(|| format!("restarting with {workers} workers"))
    }

    /// Compares each view with its query, both in one transaction and so in one epoch.
    async fn check(&mut self) -> Result<()> {
        let epoch = self.database.epoch();
        let mut held = Vec::new();
        self.database.rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        for view in self.views.iter().filter(|view| view.is_materialized) {
            let rows = view.check(&mut self.database).await?;
            self.report.view_epochs += 1;
            self.report.rows += rows.len();
            self.report.failing += usize::from(view.query.failure.is_some());
            for watch in self.watches.iter_mut().filter(|watch| watch.view == view.relation.name) {
                watch.note(epoch, &rows);
                self.report.watched += 1;
            }
            held.push(rows);
        }
        self.database.rows("COMMIT").await?;
        for (view, held) in self.views.iter().filter(|view| view.is_materialized).zip(&held) {
            if self.random.chance(15) {
                view.check_query(&mut self.database, held).await?;
            }
        }
        if self.random.chance(60) { self.catch_up().await } else { Ok(()) }
    }

    /// Empty tables leave empty views (but for global aggregates), and those leave no state.
    async fn delete_everything(&mut self) -> Result<()> {
        self.finish_reader().await?;
        for table in &self.tables {
            self.database.run(&format!("DELETE FROM {}", table.relation.name)).await?;
        }
        self.model = Model::new(&self.tables);
        self.model.check_all(&mut self.database).await?;
        self.check().await?;
        self.catch_up().await?;
        let mut rows = 0;
        for view in self.views.iter().filter(|view| view.is_materialized) {
            let name = &view.relation.name;
            rows += self.database.rows(&format!("SELECT * FROM {name}")).await?.len();
            if let Some(errors) = self.database.errors(name).filter(|errors| *errors < 0) {
                bail!("{name} reports {errors} rows that fail");
            }
        }
        // What is left in views are global aggregates' single rows and what was made of them, each of
        // which its operators may hold a few times.
        let held_max = rows * 4 + self.views.len() * 4;
        let held = self.database.state_rows();
        if held > held_max && self.source.is_none() {
            bail!("the views hold {rows} rows, but their operators remember {held}");
        }
        Ok(())
    }
}
