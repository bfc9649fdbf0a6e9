//! `cargo xtask bench`: how fast, how soon, how much.
//!
//! Throughput is measured in this process, on the engine without the wire; latency and the idle
//! server on a real one.

mod latency;
mod process;
mod throughput;
mod views;

use anyhow::Result;
use clap::Parser;
use mimalloc::MiMalloc;

// As the server has.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Nexmark throughput in million events per CPU-second of the workers; with --latency instead how
/// soon an INSERT is seen in a view of views, and what an idle server takes.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// How many events, of all three tables together.
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// Events of each epoch.
    #[arg(long, default_value_t = 40_000)]
    epoch_events: u64,
    /// Timely workers.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Which queries, such as q1,q17.
    #[arg(long, value_delimiter = ',')]
    queries: Vec<String>,
    /// Only into a sink that drops everything, or only into a materialized view.
    #[arg(long)]
    only: Option<throughput::Output>,
    /// Measure latency and the idle server instead.
    #[arg(long)]
    latency: bool,
    /// Measure one-row inserts below so many views over one table instead, and what they cost idle.
    #[arg(long)]
    views: Option<usize>,
    /// How many rows are inserted for the latency.
    #[arg(long, default_value_t = 1_000)]
    inserts: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(8 << 20)
        .enable_all()
        .build()?;
    if arguments.latency {
        return runtime.block_on(latency::run(arguments.inserts));
    }
    if let Some(views) = arguments.views {
        return runtime.block_on(views::run(views, arguments.workers, arguments.inserts));
    }
    runtime.block_on(throughput::run(&throughput::Plan {
        events: arguments.events,
        epoch_events: arguments.epoch_events,
        workers: arguments.workers,
        queries: arguments.queries,
        only: arguments.only,
    }))
}
