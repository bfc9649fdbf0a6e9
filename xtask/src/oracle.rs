//! `cargo xtask oracle`: the oracle with seeds that nobody has tried, until the time is over.
//!
//! Each seed runs in a process of its own, so that one in which an operator ends the process has a
//! name, too.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use crate::cargo::{EVERYTHING, cargo, run as run_command};
use crate::{Error, tools};

/// The suites of `crates/server/tests/oracle.rs`, by the beginnings of their names.
const SUITES: &[&str] = &["views_equal", "splits", "sessions_that", "sessions_in_parallel", "views_of_many"];

const MINUTES: u64 = 10;

/// What was asked for.
struct Options {
    minutes: u64,
    /// The first seed; the others follow it.
    seed: Option<u64>,
    workers: Option<String>,
}

/// Runs one suite after the other, each with a seed of its own, until `--minutes` are over. `--seed`
/// gives the first one, after which they count up; `--workers` how many workers each has.
///
/// # Errors
/// At the first seed that fails, with the command that repeats it.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    let options = parse(arguments)?;
    tools::ensure()?;
    run_command(cargo(&["test", "--locked", "--package", EVERYTHING, "--test", "oracle", "--no-run"]))?;
    let end = Instant::now() + Duration::from_secs(options.minutes * 60);
    let first = options.seed.unwrap_or_else(random);
    println!("oracle: seeds from {first} for {} minutes", options.minutes);
    let mut runs = 0;
    while Instant::now() < end {
        let suite = SUITES[usize::try_from(runs).unwrap_or(0) % SUITES.len()];
        try_seed(suite, first.wrapping_add(runs), options.workers.as_deref())?;
        runs += 1;
    }
    println!("oracle: {runs} seeds, none failed");
    Ok(())
}

fn try_seed(suite: &str, seed: u64, workers: Option<&str>) -> Result<(), Error> {
    // Before it runs: one that never ends has a name, too.
    println!("{suite}: seed {seed}");
    let seed = seed.to_string();
    let mut command = cargo(&["test", "--quiet", "--locked", "--package", EVERYTHING, "--test", "oracle", "--", suite]);
    command.arg("--nocapture").env("FRESHET_SEED", &seed);
    if let Some(workers) = workers {
        command.env("FRESHET_WORKERS", workers);
    }
    let output = command.output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let workers = workers.map(|workers| format!("FRESHET_WORKERS={workers} ")).unwrap_or_default();
    Err(format!(
        "{}{}\n{suite}: seed {seed} failed ({}); repeat: FRESHET_SEED={seed} {workers}cargo xtask test oracle {suite} --nocapture",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        output.status,
    ))
}

fn parse(arguments: &[String]) -> Result<Options, Error> {
    let mut options = Options { minutes: MINUTES, seed: None, workers: None };
    let mut arguments = arguments.iter();
    while let Some(option) = arguments.next() {
        let mut number = || -> Result<u64, Error> {
            let value = arguments.next().ok_or_else(|| format!("`{option}` needs a number"))?;
            value.parse().map_err(|_| format!("`{option}` needs a number, not \"{value}\""))
        };
        match option.as_str() {
            "--minutes" => options.minutes = number()?,
            "--seed" => options.seed = Some(number()?),
            "--workers" => options.workers = Some(number()?.to_string()),
            other => return Err(format!("`cargo xtask oracle` has no option {other}")),
        }
    }
    Ok(options)
}

/// Small enough to be read out to somebody.
fn random() -> u64 {
    RandomState::new().build_hasher().finish() % 1_000_000_000
}
