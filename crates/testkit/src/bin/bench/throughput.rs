//! Nexmark queries over events made beforehand, replayed as fast as the workers take them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use clap::ValueEnum;
use connectors::{Pace, Source, SourceOptions};
use engine::{Config, Engine};
use testkit::nexmark::{QUERIES, Query, TABLES, create_source};

use crate::process;

/// What is to be measured.
pub struct Plan {
    pub events: u64,
    pub epoch_events: u64,
    pub workers: usize,
    /// Names; none means all.
    pub queries: Vec<String>,
    pub only: Option<Output>,
}

/// Where a query's changes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// They are counted and dropped.
    Blackhole,
    /// They are kept.
    View,
}

/// One run of one query.
struct Measured {
    cpu: Duration,
    /// Of all threads: also of those that hand the events out, close epochs and collect garbage.
    cpu_of_all: Duration,
    wall: Duration,
    /// The most memory that was used on top of the events themselves.
    peak_bytes: u64,
}

/// Runs the queries and prints the table.
pub async fn run(plan: &Plan) -> Result<()> {
    if let Some(unknown) = plan.queries.iter().find(|name| QUERIES.iter().all(|query| query.name != name.as_str())) {
        let names: Vec<&str> = QUERIES.iter().map(|query| query.name).collect();
        bail!("there is no query {unknown}; there are {}", names.join(", "));
    }
    println!(
        "{} million events, {} an epoch, {} worker(s); million events per CPU-second of the workers",
        plan.events as f64 / 1e6,
        plan.epoch_events,
        plan.workers
    );
    println!("making the events ...");
    let _kept = keep_events(plan)?;
    println!();
    println!(
        "| query | blackhole | view | DBSP | Flink | blackhole / better | all threads | seconds | memory of view |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for query in QUERIES {
        if plan.queries.is_empty() || plan.queries.iter().any(|name| name == query.name) {
            println!("{}", line(plan, query).await?);
        }
    }
    Ok(())
}

async fn line(plan: &Plan, query: &Query) -> Result<String> {
    let mut results = Vec::new();
    for output in [Output::Blackhole, Output::View] {
        let wanted = plan.only.is_none_or(|only| only == output);
        results.push(if wanted { Some(measure(plan, query, output).await?) } else { None });
    }
    let per_second = |cpu: Duration| plan.events as f64 / 1e6 / cpu.as_secs_f64();
    let rate = |measured: &Measured| per_second(measured.cpu);
    let shown = |result: &Option<Measured>, show: &dyn Fn(&Measured) -> String| {
        result.as_ref().map_or_else(|| "-".to_owned(), show)
    };
    let (dbsp, flink, ratio) = match (query.reference, &results[0]) {
        (Some((dbsp, flink)), Some(measured)) => {
            (format!("{dbsp}"), format!("{flink}"), format!("{:.1}", rate(measured) / dbsp.max(flink)))
        }
        (Some((dbsp, flink)), None) => (format!("{dbsp}"), format!("{flink}"), "-".to_owned()),
        (None, _) => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
    };
    Ok(format!(
        "| {} | {} | {} | {dbsp} | {flink} | {ratio} | {} | {} | {} |",
        query.name,
        shown(&results[0], &|measured| format!("{:.2}", rate(measured))),
        shown(&results[1], &|measured| format!("{:.2}", rate(measured))),
        shown(&results[0], &|measured| format!("{:.2}", per_second(measured.cpu_of_all))),
        shown(&results[0], &|measured| format!("{:.1}", measured.wall.as_secs_f64())),
        shown(&results[1], &|measured| format!("{} MB", measured.peak_bytes >> 20)),
    ))
}

async fn measure(plan: &Plan, query: &Query, output: Output) -> Result<Measured> {
    let config = Config { workers: plan.workers, memory_bytes: 16 << 30, data_dir: None };
    let engine = Engine::start(config).map_err(|error| anyhow!("{error}"))?;
    let mut session = engine.connect("dev", "dev").map_err(|error| anyhow!("{error}"))?;
    let mut statements: Vec<String> =
        TABLES.iter().map(|table| create_source(table, plan.events, plan.epoch_events)).collect();
    statements.push(match output {
        Output::Blackhole => format!("CREATE SINK k AS {} WITH (connector = 'blackhole')", query.sql),
        Output::View => format!("CREATE MATERIALIZED VIEW v AS {}", query.sql),
    });
    statements.push("FLUSH".to_owned());

    process::forget_peak();
    let before = process::own_resident_bytes().unwrap_or(0);
    let cpu = engine.runtime().statistics().worker_cpu;
    let cpu_of_all = process::cpu(std::process::id()).unwrap_or_default();
    let start = Instant::now();
    for statement in &statements {
        for parsed in session.parse(statement).map_err(|error| anyhow!("{error}: {statement}"))? {
            session.execute(&parsed, &[]).await.map_err(|error| anyhow!("{error}: {statement}"))?;
        }
    }
    let measured = Measured {
        cpu: engine.runtime().statistics().worker_cpu.saturating_sub(cpu),
        cpu_of_all: process::cpu(std::process::id()).unwrap_or_default().saturating_sub(cpu_of_all),
        wall: start.elapsed(),
        peak_bytes: process::peak_bytes().unwrap_or(0).saturating_sub(before),
    };
    let errors: i64 = engine.runtime().statistics().relations.iter().map(|relation| relation.errors).sum();
    if errors != 0 {
        bail!("{}: {errors} rows failed", query.name);
    }
    drop(session);
    engine.shutdown();
    Ok(measured)
}

/// Makes all events, which stay as long as one source of the same recipe does.
fn keep_events(plan: &Plan) -> Result<Vec<Arc<dyn Source>>> {
    let mut kept = Vec::new();
    for table in TABLES {
        let with = BTreeMap::from([
            ("connector".to_owned(), "nexmark".to_owned()),
            ("table".to_owned(), table.to_owned()),
            ("total".to_owned(), plan.events.to_string()),
            ("pregenerate".to_owned(), "true".to_owned()),
            ("epoch_events".to_owned(), plan.epoch_events.to_string()),
        ]);
        let source = connectors::create(&SourceOptions { columns: None, with, encode: None })?;
        // Opening is what makes them.
        source.open(None, None, Pace::Replay)?;
        kept.push(source);
    }
    Ok(kept)
}
