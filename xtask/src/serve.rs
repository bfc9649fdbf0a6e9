//! `cargo xtask serve`: the server from this checkout.

use std::process::Command;

use crate::{Error, cargo, tools};

/// Builds and runs `freshet serve` with the arguments given.
///
/// # Errors
/// If the build fails, or the server does.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    tools::ensure()?;
    let binaries = cargo::build_binaries()?;
    let mut command = Command::new(binaries.join("freshet"));
    command.arg("serve").args(arguments);
    cargo::run(command)
}
