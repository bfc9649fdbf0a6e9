//! The oracle, as CI runs it: fixed seeds, 1 and 2 workers. One that failed is repeated with
//! `FRESHET_SEED`, `FRESHET_STEPS` and `FRESHET_WORKERS`; `FRESHET_SEED=random` looks for new ones.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use testkit::oracle::{Isolation, Options, run, run_parallel, run_sessions, run_splits};

/// View-epochs that a full run must reach with each number of workers.
const VIEW_EPOCHS_MIN: usize = 2_000;

#[test]
fn views_equal_their_queries_on_one_worker() {
    views_equal_their_queries(1, 1..=16, false);
}

#[test]
fn views_equal_their_queries_on_two_workers() {
    views_equal_their_queries(2, 101..=116, false);
}

#[test]
fn views_of_many_rows_equal_their_queries() {
    let workers = Chosen::from_environment().workers.unwrap_or(2);
    views_equal_their_queries(workers, 301..=303, true);
}

#[test]
fn splits_into_epochs_give_the_same_answers() {
    let chosen = Chosen::from_environment();
    for seed in chosen.seeds(201..=205) {
        let options = chosen.options(seed, 25, 2);
        announce(options);
        match block_on(run_splits(options)) {
            Ok(compared) => println!("seed {seed}: {compared} views compared"),
            Err(error) => panic!("{error:#}"),
        }
    }
}

#[test]
fn sessions_that_write_at_once_lose_no_update() {
    let chosen = Chosen::from_environment();
    for seed in chosen.seeds(401..=412) {
        let options = chosen.options(seed, 200, 2);
        announce(options);
        match block_on(run_sessions(options, &[Isolation::RepeatableRead, Isolation::ReadCommitted])) {
            Ok(report) => println!("seed {seed}: {report:?}"),
            Err(error) => panic!("{error:#}"),
        }
    }
}

#[test]
fn sessions_in_parallel_lose_no_update() {
    let chosen = Chosen::from_environment();
    for seed in chosen.seeds(501..=502) {
        let options = chosen.options(seed, 60, 2);
        announce(options);
        match block_on(run_parallel(options)) {
            Ok(refused) => println!("seed {seed}: {refused} transactions were refused and run again"),
            Err(error) => panic!("{error:#}"),
        }
    }
}

fn views_equal_their_queries(workers: usize, seeds: std::ops::RangeInclusive<u64>, is_large: bool) {
    let chosen = Chosen::from_environment();
    if chosen.workers.is_some_and(|chosen| chosen != workers) {
        return;
    }
    let mut view_epochs = 0;
    for seed in chosen.seeds(seeds) {
        let options = Options { is_large, ..chosen.options(seed, 40, workers) };
        announce(options);
        match block_on(run(options)) {
            Ok(report) => {
                println!("seed {seed}, {workers} workers: {report:?}");
                view_epochs += report.view_epochs;
            }
            Err(error) => panic!("{error:#}"),
        }
    }
    if !chosen.is_narrowed() && !is_large {
        assert!(view_epochs >= VIEW_EPOCHS_MIN, "only {view_epochs} view-epochs were checked");
    }
}

/// Says what comes where the test runner does not catch it: an operator that fails ends the process.
fn announce(Options { seed, steps, workers, .. }: Options) {
    let _ = writeln!(std::io::stderr(), "oracle: seed {seed}, {steps} steps, {workers} workers");
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::ERROR).with_writer(std::io::stderr);
    let _ = log.try_init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be built").block_on(future)
}

/// What the environment asks for.
struct Chosen {
    seed: Option<u64>,
    steps: Option<usize>,
    workers: Option<usize>,
}

impl Chosen {
    fn from_environment() -> Chosen {
        let variable = |name: &str| std::env::var(name).ok();
        let seed = variable("FRESHET_SEED").map(|text| match text.as_str() {
            "random" => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64),
            number => number.parse().expect("FRESHET_SEED is a number or \"random\""),
        });
        let number = |name: &str| variable(name).map(|text| text.parse().expect("a number of the environment"));
        Chosen { seed, steps: number("FRESHET_STEPS"), workers: number("FRESHET_WORKERS") }
    }

    /// What was asked for, or else as many steps and workers as usual.
    fn options(&self, seed: u64, steps: usize, workers: usize) -> Options {
        let (steps, workers) = (self.steps.unwrap_or(steps), self.workers.unwrap_or(workers));
        Options { seed, steps, workers, is_large: false }
    }

    fn is_narrowed(&self) -> bool {
        self.seed.is_some() || self.steps.is_some() || self.workers.is_some()
    }

    fn seeds(&self, usual: std::ops::RangeInclusive<u64>) -> Vec<u64> {
        self.seed.map_or_else(|| usual.collect(), |seed| vec![seed])
    }
}
