//! `cargo xtask bench`: Nexmark throughput, latency and the idle server.

use std::process::Command;

use crate::{Error, cargo, tools};

/// Builds and runs the bench, which is a binary of `testkit`.
///
/// # Errors
/// If the build fails, or the bench does.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    tools::ensure()?;
    let binaries = cargo::build_binaries()?;
    let mut command = Command::new(binaries.join("bench"));
    command.current_dir(cargo::root()).args(arguments);
    cargo::run(command)
}
