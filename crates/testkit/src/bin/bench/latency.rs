//! How soon a row is seen in a view of views, over the wire; and what an idle server takes.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testkit::server::{Server, binary_beside};

use crate::process;

/// How long the idle server is watched.
pub const IDLE: Duration = Duration::from_secs(10);

/// Three views deep: a join, an aggregate over it, a filter over that.
const SETUP: &str = "
CREATE TABLE products (id INT PRIMARY KEY, category TEXT NOT NULL);
CREATE TABLE orders (id INT PRIMARY KEY, product INT NOT NULL, amount INT NOT NULL);
CREATE MATERIALIZED VIEW named AS
    SELECT o.id, p.category, o.amount FROM orders o JOIN products p ON p.id = o.product;
CREATE MATERIALIZED VIEW by_category AS
    SELECT category, count(*) AS orders, sum(amount) AS amount FROM named GROUP BY category;
CREATE MATERIALIZED VIEW busy AS SELECT category, orders FROM by_category WHERE orders > 0;
INSERT INTO products SELECT n, 'category ' || n % 10 FROM generate_series(1, 1000) AS g(n);
";

/// Measures and prints.
pub async fn run(inserts: usize) -> Result<()> {
    let binary = binary_beside("freshet")?;
    {
        let server = Server::start(&binary, &[])?;
        let before = process::cpu(server.process_id()).unwrap_or_default();
        tokio::time::sleep(IDLE).await;
        print_idle("idle, empty", &server, before);
    }
    let server = Server::start(&binary, &[])?;
    let client = server.connect().await?;
    client.batch_execute(SETUP).await?;

    let insert = client.prepare("INSERT INTO orders VALUES ($1, $2, $3)").await?;
    let select = client.prepare("SELECT orders FROM busy WHERE category = $1").await?;
    let (mut committed, mut visible) = (Vec::new(), Vec::new());
    for number in 0..inserts {
        let id = i32::try_from(number)?;
        let product = id % 1000 + 1;
        let start = Instant::now();
        client.execute(&insert, &[&id, &product, &1]).await?;
        committed.push(start.elapsed());
        let row = client.query_one(&select, &[&format!("category {}", product % 10)]).await?;
        visible.push(start.elapsed());
        let expected = (0..=id).filter(|earlier| (earlier % 1000 + 1) % 10 == product % 10).count();
        ensure!(row.get::<_, i64>(0) == i64::try_from(expected)?, "the view does not show the row");
    }
    println!("{inserts} one-row inserts, seen in a view of views (depth 3, one a join), over the wire");
    print_quantiles("INSERT answered (it is then in all views)", &mut committed);
    print_quantiles("INSERT, then read back from the last view", &mut visible);

    let before = process::cpu(server.process_id()).unwrap_or_default();
    tokio::time::sleep(IDLE).await;
    print_idle("idle, with these tables and views", &server, before);
    Ok(())
}

pub fn print_quantiles(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    println!("{what}: median {:.2} ms, p99 {:.2} ms", at(50), at(99));
}

pub fn print_idle(what: &str, server: &Server, before: Duration) {
    let used = process::cpu(server.process_id()).unwrap_or_default().saturating_sub(before);
    let memory = process::resident_bytes(server.process_id()).unwrap_or(0);
    println!("{what}: {:.1}% of a core, {} MB", used.as_secs_f64() * 100.0 / IDLE.as_secs_f64(), memory >> 20);
}
