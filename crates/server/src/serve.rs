//! `freshet serve`: starts the engine, then the frontend, and ends both on a signal.

use std::io::Write;
use std::num::NonZero;
use std::time::Duration;

use anyhow::Context;
use engine::{Config, Engine};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::arguments::Serve;

/// Sessions wait for workers most of the time; the CPUs are the workers'.
const SESSION_THREADS: usize = 2;
/// Planning deeply nested expressions recurses.
const SESSION_STACK_BYTES: usize = 8 * 1024 * 1024;

/// How long the workers may take to end what they are at.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves until a signal ends it.
///
/// # Errors
/// If the server cannot start.
pub(crate) fn run(options: &Serve) -> anyhow::Result<()> {
    if let Some(directory) = &options.data_dir {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot create the data directory {}", directory.display()))?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(SESSION_THREADS)
        .thread_stack_size(SESSION_STACK_BYTES)
        .thread_name("session")
        .enable_all()
        .build()
        .context("cannot start the session threads")?;
    runtime.block_on(serve(options))?;
    // Whatever still waits for something outside has no one left to tell.
    runtime.shutdown_background();
    Ok(())
}

async fn serve(options: &Serve) -> anyhow::Result<()> {
    // Before anything is told to the outside, so that no signal finds the process unprepared.
    let shutdown = shutdown_on_signal().context("cannot listen for signals")?;
    let listener =
        TcpListener::bind(options.listen).await.with_context(|| format!("cannot listen on {}", options.listen))?;
    let address = listener.local_addr().context("cannot tell the address that was bound")?;
    let workers = options.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get));
    let config = Config { workers, memory_bytes: options.memory, data_dir: options.data_dir.clone() };
    let engine = Engine::start(config).context("cannot start the engine")?;
    crate::memory::watch(engine.budget().clone()).context("cannot start the thread that watches memory")?;
    engine.extend(postgres_frontend::extension(&engine));
    tracing::info!(%address, workers, memory_bytes = options.memory, "server started");
    println!("freshet is ready: psql -h {} -p {}", address.ip(), address.port());
    std::io::stdout().flush().context("cannot write to standard output")?;
    postgres_frontend::serve(listener, std::sync::Arc::clone(&engine), shutdown).await;
    let workers_end = tokio::task::spawn_blocking(move || engine.shutdown());
    match tokio::time::timeout(SHUTDOWN_TIMEOUT, workers_end).await {
        Ok(ended) => ended.context("the workers did not end well")?,
        // Nothing outlives the process yet, so there is nothing to wait for.
        Err(_) => tracing::warn!("workers are busy, and are not waited for"),
    }
    tracing::info!("server stopped");
    Ok(())
}

/// Becomes true on SIGTERM or SIGINT. A second signal ends the process at once.
fn shutdown_on_signal() -> std::io::Result<watch::Receiver<bool>> {
    let (stop, shutdown) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("server stopping");
        stop.send_replace(true);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("server stopped by a second signal");
        std::process::exit(1);
    });
    Ok(shutdown)
}
