//! The views of a run, each with the query that it must equal.

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::compare::difference;
use super::database::Database;
use super::query::{Failure, Query, random_query};
use super::random::Random;
use super::schema::Relation;
use super::source::Scene;

/// A view that starts with more rows than this is not made.
const ROWS_MAX: usize = 1_500;

pub struct View {
    pub relation: Relation,
    pub query: Query,
    pub is_materialized: bool,
}

impl View {
    /// Makes a random view over some relations. None if it is refused as not supported yet, or too
    /// large.
    pub async fn create(
        random: &mut Random,
        database: &mut Database,
        scene: &Scene<'_>,
        name: String,
    ) -> Result<Option<View>> {
        let query = random_query(random, scene);
        // A view that fails on a row would fail all that reads it, unless it is materialized. And
        // DataFusion pushes a condition on a subquery alone below the aggregate of a single row.
        let is_materialized = query.failure.is_some() || query.is_one_row || random.chance(88);
        let kind = if is_materialized { "MATERIALIZED VIEW" } else { "VIEW" };
        let made = match database.rows(&query.batch).await {
            Ok(rows) if rows.len() > ROWS_MAX => return Ok(None),
            Ok(_) => database.run(&format!("CREATE {kind} {name} AS {}", query.sql)).await,
            Err(error) => Err(error),
        };
        match made {
            Ok(()) => {
                let relation = Relation { name, columns: query.columns.clone() };
                Ok(Some(View { relation, query, is_materialized }))
            }
            // Refused by name is no difference.
            Err(error) if format!("{error:#}").contains("0A000") => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub async fn drop(self, database: &mut Database) -> Result<()> {
        let kind = if self.is_materialized { "MATERIALIZED VIEW" } else { "VIEW" };
        database.run(&format!("DROP {kind} {}", self.relation.name)).await
    }

    /// Whether this one reads the other.
    pub fn reads(&self, other: &View) -> bool {
        self.query.sql.contains(&format!(" {} AS ", other.relation.name))
    }

    /// Compares the view with its query, and the number of its errors with that of the rows that
    /// fail. Returns the view's rows.
    pub async fn check(&self, database: &mut Database) -> Result<Vec<String>> {
        let name = &self.relation.name;
        let held = database.rows(&format!("SELECT * FROM {name}")).await?;
        let expected = database.rows(&self.query.batch).await?;
        if let Some(difference) = difference(&held, &expected) {
            bail!("{name} AS {}\nagainst {}\n{difference}", self.query.sql, self.query.batch);
        }
        if let Some(Failure { count: Some(count), .. }) = &self.query.failure {
            let failing = number(&database.rows(count).await?)?;
            let errors = database.errors(name).context("no statistics")?;
            ensure!(errors == failing, "{name} AS {}\nreports {errors} rows, {failing} fail", self.query.sql);
        }
        Ok(held)
    }

    /// Runs the query by itself: if a row fails, with the right error.
    pub async fn check_query(&self, database: &mut Database, held: &[String]) -> Result<()> {
        let Some(Failure { count: Some(count), code: Some(code) }) = &self.query.failure else {
            return Ok(());
        };
        let failing = number(&database.rows(count).await?)?;
        let sql = &self.query.sql;
        match database.rows(sql).await {
            Ok(rows) if failing == 0 => match difference(&rows, held) {
                Some(difference) => bail!("{sql}\nagainst the view of it\n{difference}"),
                None => Ok(()),
            },
            Ok(_) => bail!("{sql}\n{failing} rows fail, but the query does not"),
            Err(error) if failing > 0 && format!("{error:#}").contains(&format!("{code} ")) => Ok(()),
            Err(error) => Err(anyhow!("{failing} rows fail with {code}, but: {error:#}")),
        }
    }
}

/// The number that a query gave.
fn number(rows: &[String]) -> Result<i64> {
    let [row] = rows else { bail!("one row was expected, not {}", rows.len()) };
    Ok(row.parse()?)
}
