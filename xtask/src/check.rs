//! `cargo xtask check`: what must hold before a change is done.

use crate::cargo::{cargo, run as run_command};
use crate::{Error, expect_none, tools};

/// Formatting, clippy and rustdoc with warnings as errors, all tests: the tests last, so that their summary
/// closes the output. `Cargo.lock` must say what is built.
///
/// # Errors
/// At the first that fails.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    expect_none("check", arguments)?;
    tools::ensure()?;
    run_command(cargo(&["fmt", "--all", "--check"]))?;
    run_command(cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))?;
    // Most of what is explained is private.
    let private = "--document-private-items";
    let mut documentation = cargo(&["doc", "--locked", "--workspace", "--no-deps", private, "--quiet"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    run_command(documentation)?;
    run_command(cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]))
}
