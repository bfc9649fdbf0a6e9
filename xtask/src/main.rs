//! `cargo xtask`: every command of a developer's day.
//!
//! Only runs other programs. It has no dependencies, so that it starts within seconds on a fresh
//! clone, and it knows nothing of Freshet's crates but their names.

mod bench;
mod cargo;
mod check;
mod demo;
mod oracle;
mod serve;
mod slt;
mod test;
mod tools;

use std::process::ExitCode;

/// What went wrong, in words for the person at the terminal.
type Error = String;

const HELP: &str = "\
cargo xtask COMMAND

  demo [--seconds N]      build, start a server with the demo's views and show them changing, until Ctrl-C
  serve [ARGS]            build, and run `freshet serve ARGS`
  test [CRATE | TEST]     all tests; or one crate's own (`test operators`); or one suite (`test oracle`)
  check                   formatting, clippy and rustdoc with warnings as errors, and all tests
  slt [PATH] [--update]   the SQL tests under sql-tests/PATH; --update writes the results that came out;
                          `--postgres \"host=... user=...\"` runs them against PostgreSQL instead
  oracle [--minutes N] [--seed S] [--workers W]
                          the oracle with random seeds until the time is over, or until one fails
  bench [ARGS]            Nexmark throughput; `bench --help` lists its options
  help                    this text

CARGO_TARGET_DIR is respected. Missing native tools are installed with apt-get, or named.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", arguments.as_slice()),
    };
    let result = match command {
        "demo" => demo::run(rest),
        "serve" => serve::run(rest),
        "test" => test::run(rest),
        "check" => check::run(rest),
        "slt" => slt::run(rest),
        "oracle" => oracle::run(rest),
        "bench" => bench::run(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("there is no command \"{other}\"\n\n{HELP}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Refuses arguments where a command takes none.
fn expect_none(command: &str, arguments: &[String]) -> Result<(), Error> {
    match arguments.first() {
        None => Ok(()),
        Some(argument) => Err(format!("`cargo xtask {command}` takes no argument, but got \"{argument}\"")),
    }
}
