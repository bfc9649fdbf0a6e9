//! `cargo xtask demo`: a server with live views, in one command.

use std::process::Command;

use crate::{Error, cargo, tools};

/// Builds everything and runs the demo, which is a binary of `testkit`.
///
/// # Errors
/// If the build fails, or the demo does.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    tools::ensure()?;
    let binaries = cargo::build_binaries()?;
    let mut command = Command::new(binaries.join("demo"));
    command.current_dir(cargo::root()).args(arguments);
    if tools::has_program("psql") {
        command.arg("--psql");
    }
    cargo::run(command)
}
