//! The SQL tests: each file of `sql-tests/` against a fresh server, by both protocols, and once more
//! by the extended one with literals as parameters (`lifted`).
//!
//! A file is sqllogictest text. Records can be kept to one protocol with `onlyif simple` or
//! `onlyif extended`, and from the parameters with `skipif parameters`. With
//! `control substitution on`, `${DATA}` is the `sql-tests` directory and `${__TEST_DIR__}` one that
//! is empty at the start.
//!
//! The same files can be run against a real PostgreSQL, where materialized views become views: that
//! is how we know that what they expect is what Postgres does. `skipif postgres` marks what it does
//! not have, or does otherwise for a reason that a comment gives.

mod binary;
mod connection;
mod lifted;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, anyhow};
use sqllogictest::harness::{Failed, Trial};
use sqllogictest::{DefaultColumnType, Normalizer, Runner, default_normalizer, default_validator};
use tokio_postgres::{Config, NoTls};

pub use connection::{Connection, Dialect, Protocol};

use crate::server::Server;

/// Folders whose statements PostgreSQL does not have at all.
const OURS: &[&str] = &["explain", "nexmark", "show", "sinks", "sources"];

/// What the files run against.
#[derive(Clone, Debug)]
pub enum Target {
    /// A fresh server from this binary, for each file.
    Freshet(PathBuf),
    /// A fresh database of this PostgreSQL server, for each file.
    Postgres(Box<Config>),
}

/// What to do with the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Compare them with the file's.
    Check,
    /// Write them into the file.
    Update,
}

/// One trial for each file under `directory` and each protocol.
///
/// # Errors
/// If the directory cannot be read, or has no tests.
pub fn trials(directory: &Path, target: &Target, mode: Mode) -> Result<Vec<Trial>> {
    let mut files = Vec::new();
    collect(directory, &mut files)?;
    if files.is_empty() {
        return Err(anyhow!("no .slt file under {}", directory.display()));
    }
    if matches!(target, Target::Postgres(_)) {
        files.retain(|file| !OURS.iter().any(|folder| file.starts_with(directory.join(folder))));
    }
    files.sort();
    // An update is made once; the others then show whether they agree.
    let protocols: &[Protocol] = match mode {
        Mode::Check => &[Protocol::Simple, Protocol::Extended, Protocol::Parameters],
        Mode::Update => &[Protocol::Simple],
    };
    let mut trials = Vec::new();
    for file in files {
        for protocol in protocols.iter().copied() {
            let name = format!("{}::{protocol}", file.strip_prefix(directory).unwrap_or(&file).display());
            let run = Run { data: directory.to_path_buf(), file: file.clone(), protocol, mode };
            let target = target.clone();
            trials.push(Trial::test(name, move || run.against(&target).map_err(failed)));
        }
    }
    Ok(trials)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "slt") {
            files.push(path);
        }
    }
    Ok(())
}

/// One file, one protocol.
struct Run {
    data: PathBuf,
    file: PathBuf,
    protocol: Protocol,
    mode: Mode,
}

impl Run {
    fn against(&self, target: &Target) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        match target {
            Target::Freshet(binary) => {
                let server = Server::start(binary, &[])?;
                let result = runtime.block_on(self.run(server.config(), Dialect::Freshet));
                result.map_err(|error| match tail(&server.log()) {
                    log if log.is_empty() => error,
                    log => anyhow!("{error}\nthe server's last words:\n{log}"),
                })
            }
            Target::Postgres(config) => runtime.block_on(async {
                let config = fresh_database(config).await?;
                self.run(config, Dialect::Postgres).await
            }),
        }
    }

    async fn run(&self, config: Config, dialect: Dialect) -> Result<()> {
        let mut runner = Runner::new(|| Connection::open(config.clone(), self.protocol, dialect));
        runner.add_label(self.protocol.name());
        if self.protocol == Protocol::Parameters {
            runner.add_label(Protocol::Extended.name());
        }
        runner.set_var("DATA".to_owned(), self.data.to_string_lossy().into_owned());
        runner.with_column_validator(same_columns);
        match self.mode {
            Mode::Check => runner.run_file_async(&self.file).await.map_err(|error| anyhow!("{}", error.display(false))),
            Mode::Update => {
                let normalizer: Normalizer = default_normalizer;
                let updated = runner.update_test_file(&self.file, " ", default_validator, normalizer, same_columns);
                updated.await.map_err(|error| anyhow!("{error}"))
            }
        }
    }
}

/// Makes a database that nothing is in.
async fn fresh_database(config: &Config) -> Result<Config> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("slt_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let (client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE {name}")).await?;
    client.batch_execute(&format!("ALTER DATABASE {name} SET timezone = 'UTC'")).await?;
    drop(client);
    driver.await??;
    let mut config = config.clone();
    config.dbname(name);
    Ok(config)
}

/// As many columns, and of the same kinds where the protocol says which.
#[expect(clippy::ptr_arg, reason = "sqllogictest fixes the signature")]
fn same_columns(actual: &Vec<DefaultColumnType>, expected: &Vec<DefaultColumnType>) -> bool {
    let same = |(actual, expected): (&DefaultColumnType, &DefaultColumnType)| {
        actual == expected || *actual == DefaultColumnType::Any || *expected == DefaultColumnType::Any
    };
    actual.len() == expected.len() && actual.iter().zip(expected).all(same)
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

fn failed(error: anyhow::Error) -> Failed {
    Failed::from(format!("{error:#}"))
}
