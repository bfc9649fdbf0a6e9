//! The SQL tests of `sql-tests/`, each file against a fresh server, by both protocols, with and without parameters.
//!
//! `FRESHET_SLT_UPDATE=1` writes the results into the files; `FRESHET_SLT_POSTGRES=<connection
//! string>` runs them against a PostgreSQL server instead of ours.

use std::path::Path;

use sqllogictest::harness::{Arguments, run};
use testkit::slt::{Mode, Target, trials};

fn main() -> anyhow::Result<()> {
    let mut arguments = Arguments::from_args();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sql-tests").canonicalize()?;
    let target = match std::env::var("FRESHET_SLT_POSTGRES") {
        Ok(config) => Target::Postgres(Box::new(config.parse()?)),
        Err(_) => Target::Freshet(env!("CARGO_BIN_EXE_freshet").into()),
    };
    let mode = if std::env::var_os("FRESHET_SLT_UPDATE").is_some() {
        arguments.test_threads = Some(1);
        Mode::Update
    } else {
        Mode::Check
    };
    run(&arguments, trials(&directory, &target, mode)?).exit()
}
