//! The same writes in other epochs: the answers must be the same.

use anyhow::{Context, Result, bail};

use super::Options;
use super::changes::{first_rows, random_transaction};
use super::compare::difference;
use super::database::{Database, code};
use super::query::random_query;
use super::random::Random;
use super::schema::{Relation, Table};
use super::source::Scene;

const VIEWS: usize = 6;

/// Runs the same statements one by one, in random groups, and all in one transaction, and compares
/// the views' last rows. Returns how many views were compared.
///
/// # Errors
/// A view that depends on the split, with the command that repeats it.
pub async fn run_splits(options: Options) -> Result<usize> {
    let compared = compare_splits(options).await;
    compared.with_context(|| format!("seed {}; repeat: {}", options.seed, options.replay("splits")))
}

async fn compare_splits(options: Options) -> Result<usize> {
    let mut random = Random::new(options.seed);
    let mut tables: Vec<Table> = (0..2).map(|number| Table::random(&mut random, number)).collect();
    let setup: Vec<String> = tables.iter().map(Table::create).collect();
    let mut relations: Vec<Relation> = tables.iter().map(|table| table.relation.clone()).collect();
    let mut queries = Vec::new();
    for number in 0..VIEWS {
        let query = random_query(&mut random, &Scene { relations: &relations, has_joins: true });
        let name = format!("v{number}");
        // Views over views, but only over the first ones: their sizes multiply.
        if number < 2 {
            relations.push(Relation { name, columns: query.columns.clone() });
        }
        queries.push(query.sql);
    }
    let mut writes: Vec<String> = Vec::new();
    for number in 0..tables.len() {
        writes.push(first_rows(&mut random, &mut tables, number).sql);
    }
    for _ in 0..options.steps {
        writes.extend(random_transaction(&mut random, &mut tables).into_iter().map(|write| write.sql));
    }

    let mut expected: Option<Vec<Option<Vec<String>>>> = None;
    let mut compared = 0;
    for sizes in [Sizes::One, Sizes::Random, Sizes::All] {
        let mut database = Database::start(options.workers, &format!("split-{}", options.seed))?;
        for statement in &setup {
            database.run(statement).await?;
        }
        let mut is_there = Vec::new();
        for (number, query) in queries.iter().enumerate() {
            let made = database.run(&format!("CREATE MATERIALIZED VIEW v{number} AS {query}")).await;
            is_there.push(made.is_ok());
            match made {
                // Refused as not supported yet, or over one that was.
                Err(error) if !matches!(code(&error).as_deref(), Some("0A000" | "42P01")) => return Err(error),
                _ => {}
            }
        }
        let mut rest = writes.as_slice();
        while !rest.is_empty() {
            let (group, left) = rest.split_at(sizes.next(&mut random, rest.len()));
            database.run("BEGIN").await?;
            for statement in group {
                database.run(statement).await?;
            }
            database.run("COMMIT").await?;
            rest = left;
        }
        let mut answers = Vec::new();
        for (number, is_there) in is_there.into_iter().enumerate() {
            answers.push(match is_there {
                true => Some(database.rows(&format!("SELECT * FROM v{number}")).await?),
                false => None,
            });
        }
        database.stop();
        let expected = expected.get_or_insert_with(|| answers.clone());
        for ((answer, expected), query) in answers.iter().zip(expected.iter()).zip(&queries) {
            match (answer, expected) {
                (Some(answer), Some(expected)) => {
                    if let Some(difference) = difference(answer, expected) {
                        bail!("split {sizes:?} against one by one: {query}\n{difference}");
                    }
                    compared += 1;
                }
                (None, None) => {}
                _ => bail!("refused with one split, and not with another: {query}"),
            }
        }
    }
    Ok(compared)
}

/// How many statements go into a transaction.
#[derive(Clone, Copy, Debug)]
enum Sizes {
    One,
    Random,
    All,
}

impl Sizes {
    fn next(self, random: &mut Random, left: usize) -> usize {
        match self {
            Sizes::One => 1,
            Sizes::Random => left.min(1 + random.below(8)),
            Sizes::All => left,
        }
    }
}
