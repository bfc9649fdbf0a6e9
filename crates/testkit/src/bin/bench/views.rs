//! How soon an INSERT is through below many views over one table, and what those and subscriptions cost
//! while nothing happens.

use std::time::Instant;

use anyhow::Result;
use testkit::server::{Server, binary_beside};

use crate::latency::{IDLE, print_idle, print_quantiles};
use crate::process;

/// Subscriptions that wait while the server is idle.
const SUBSCRIPTIONS: usize = 100;

/// Kinds of view, with `{n}` for its number: that a row passes by, and that a row changes.
const KINDS: [(&str, &str); 4] = [
    ("SELECT * .. WHERE k = n", "SELECT * FROM t WHERE k = {n}"),
    ("count, sum .. WHERE k = n GROUP BY k", "SELECT k, count(*) AS c, sum(v) AS s FROM t WHERE k = {n} GROUP BY k"),
    ("SELECT id, v + n", "SELECT id, v + {n} AS v FROM t"),
    (
        "count, sum .. GROUP BY k % (n + 1)",
        "SELECT k % ({n} + 1) AS g, count(*) AS c, sum(v) AS s FROM t GROUP BY k % ({n} + 1)",
    ),
];

/// Measures and prints.
pub async fn run(views: usize, workers: usize, inserts: usize) -> Result<()> {
    let binary = binary_beside("freshet")?;
    println!("{inserts} one-row inserts below {views} views over one table, {workers} workers, over the wire");
    for (name, query) in KINDS {
        let server = Server::start(&binary, &["--workers", &workers.to_string()])?;
        let client = server.connect().await?;
        client.batch_execute("CREATE TABLE t (id INT PRIMARY KEY, k INT, v INT)").await?;
        client.batch_execute("INSERT INTO t SELECT -n, n, n FROM generate_series(1, 1000) AS s(n)").await?;
        let start = Instant::now();
        for view in 0..views {
            let query = query.replace("{n}", &view.to_string());
            client.batch_execute(&format!("CREATE MATERIALIZED VIEW v{view} AS {query}")).await?;
        }
        println!("{name}: created in {:.1} s", start.elapsed().as_secs_f64());
        let insert = client.prepare("INSERT INTO t VALUES ($1, $2, $3)").await?;
        let mut times = Vec::new();
        for id in 0..i32::try_from(inserts)? {
            let start = Instant::now();
            client.execute(&insert, &[&id, &(id % 1000), &1]).await?;
            times.push(start.elapsed());
        }
        print_quantiles(name, &mut times);
        let mut subscribers = Vec::new();
        for view in 0..SUBSCRIPTIONS.min(views) {
            let subscriber = server.connect().await?;
            let waiting = subscriber.simple_query_raw(&format!("SUBSCRIBE TO v{view} WITH (SNAPSHOT = false)")).await?;
            subscribers.push((subscriber, waiting));
        }
        let before = process::cpu(server.process_id()).unwrap_or_default();
        tokio::time::sleep(IDLE).await;
        print_idle("idle, with these and 100 subscriptions", &server, before);
    }
    Ok(())
}
