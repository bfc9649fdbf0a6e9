//! Sessions that write at the same instant, each in a task of its own: what order they come in is
//! up to the machine, and the sums must come out all the same.

use anyhow::{Context, Result, bail, ensure};

use super::super::Options;
use super::super::compare::difference;
use super::super::database::{Client, Database, code};
use super::super::random::Random;

const COUNTERS: i64 = 3;
const SESSIONS: usize = 4;
/// Sessions insert as many different keys as one part in this of their transactions.
const CLAIMS_PART: usize = 3;

/// What one session was told that it has done.
#[derive(Debug, Default)]
struct Acknowledged {
    added: [i64; COUNTERS as usize],
    /// The keys that it was the first to insert.
    claimed: Vec<i64>,
    refused: usize,
}

/// Lets sessions add to the same counters and insert the same keys, and compares what is there with
/// what each was told. Returns how many transactions were refused because of another one, and run
/// again.
///
/// # Errors
/// An addition that is lost or doubled, a key that two have, a snapshot that is of two moments, or a
/// view that is not its query.
pub async fn run_parallel(options: Options) -> Result<usize> {
    let result = add_in_parallel(options).await;
    result.with_context(|| format!("seed {}; repeat: {}", options.seed, options.replay("sessions_in_parallel")))
}

async fn add_in_parallel(options: Options) -> Result<usize> {
    let mut database = Database::start(options.workers, &format!("parallel-{}", options.seed))?;
    // Without a key, it is the rows themselves that sessions meet at.
    let key = if options.seed.is_multiple_of(2) { " PRIMARY KEY" } else { "" };
    for sql in [
        &format!("CREATE TABLE counters (id BIGINT{key}, n BIGINT NOT NULL)"),
        "CREATE TABLE claims (id BIGINT PRIMARY KEY, session BIGINT NOT NULL)",
        "CREATE MATERIALIZED VIEW total AS SELECT count(*) AS rows, sum(n)::bigint AS n FROM counters",
        "CREATE MATERIALIZED VIEW by_session AS SELECT session, count(*) AS rows FROM claims GROUP BY session",
    ] {
        database.run(sql).await?;
    }
    for id in 0..COUNTERS {
        database.run(&format!("INSERT INTO counters VALUES ({id}, 0)")).await?;
    }
    let mut tasks = Vec::new();
    for number in 0..SESSIONS {
        let random = Random::new(options.seed.wrapping_mul(SESSIONS as u64).wrapping_add(number as u64));
        tasks.push(tokio::spawn(write(database.connect()?, number, random, options.steps)));
    }
    while tasks.iter().any(|task| !task.is_finished()) {
        check_snapshot(&mut database).await?;
    }
    let mut sums = [0; COUNTERS as usize];
    let (mut claims, mut refused) = (Vec::new(), 0);
    for (number, task) in tasks.into_iter().enumerate() {
        let acknowledged = task.await?.with_context(|| format!("session {number}"))?;
        sums.iter_mut().zip(acknowledged.added).for_each(|(sum, added)| *sum += added);
        claims.extend(acknowledged.claimed.into_iter().map(|key| format!("{key} | {number}")));
        refused += acknowledged.refused;
    }
    let sums: Vec<String> = sums.iter().enumerate().map(|(id, sum)| format!("{id} | {sum}")).collect();
    claims.sort_unstable();
    for (table, expected) in [("counters", sums), ("claims", claims)] {
        let held = database.rows(&format!("SELECT * FROM {table}")).await?;
        if let Some(difference) = difference(&held, &expected) {
            bail!("{table} (+) against what was acknowledged (-)\n{difference}");
        }
    }
    check_snapshot(&mut database).await?;
    database.stop();
    Ok(refused)
}

/// One session's transactions, each until it is acknowledged.
async fn write(mut client: Client, number: usize, mut random: Random, steps: usize) -> Result<Acknowledged> {
    let mut done = Acknowledged::default();
    for _ in 0..steps {
        let (id, added) = (random.between(0, COUNTERS - 1), random.between(1, 9));
        match random.below(4) {
            0 => {
                let key = random.between(0, i64::try_from(steps / CLAIMS_PART)?);
                if claim(&mut client, key, number, random.chance(70)).await? {
                    done.claimed.push(key);
                }
                continue;
            }
            1 => {
                client.rows(&format!("UPDATE counters SET n = n + {added} WHERE id = {id}")).await?;
            }
            kind => {
                while let Err(error) = add_in_block(&mut client, id, added, kind == 2).await {
                    ensure!(code(&error).as_deref() == Some("40001"), "{error:#}");
                    done.refused += 1;
                }
            }
        }
        done.added[usize::try_from(id)?] += added;
    }
    Ok(done)
}

/// Inserts a key that others insert too, in a transaction of its own or among other statements.
/// Returns whether it was the first.
async fn claim(client: &mut Client, key: i64, number: usize, in_block: bool) -> Result<bool> {
    let insert = format!("INSERT INTO claims VALUES ({key}, {number})");
    let statements = match in_block {
        true => vec!["BEGIN", "SELECT count(*) FROM claims", &insert, "COMMIT"],
        false => vec![insert.as_str()],
    };
    for sql in statements {
        if let Err(error) = client.rows(sql).await {
            ensure!(matches!(code(&error).as_deref(), Some("23505" | "40001")), "{error:#}");
            client.rows("ROLLBACK").await?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Adds to a counter in a transaction of several statements: by the sum that it has read, or within
/// the statement.
async fn add_in_block(client: &mut Client, id: i64, added: i64, by_value: bool) -> Result<()> {
    client.rows("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    let held = client.rows(&format!("SELECT n FROM counters WHERE id = {id}")).await?;
    let held: i64 = held.first().context("a counter is gone")?.parse()?;
    let value = if by_value { (held + added).to_string() } else { format!("n + {added}") };
    let updated = client.rows(&format!("UPDATE counters SET n = {value} WHERE id = {id} RETURNING n")).await;
    let updated = match updated {
        Ok(rows) => rows,
        Err(error) => {
            client.rows("ROLLBACK").await?;
            return Err(error);
        }
    };
    ensure!(updated == [(held + added).to_string()], "{held} and {added} are {updated:?}");
    client.rows("COMMIT").await.map(drop)
}

/// That a transaction which only reads sees tables and views of one moment.
async fn check_snapshot(database: &mut Database) -> Result<()> {
    database.rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    for (view, query) in [
        ("total", "SELECT count(*), sum(n)::bigint FROM counters"),
        ("by_session", "SELECT session, count(*) FROM claims GROUP BY session"),
    ] {
        let held = database.rows(&format!("SELECT * FROM {view}")).await?;
        let expected = database.rows(query).await?;
        if let Some(difference) = difference(&held, &expected) {
            bail!("{view} AS {query}\n{difference}");
        }
    }
    database.rows("COMMIT").await.map(drop)
}
