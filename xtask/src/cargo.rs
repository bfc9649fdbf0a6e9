//! How cargo is called, so that the dependency tree compiles once.
//!
//! Cargo recompiles a dependency whenever its features change, and features follow from the
//! packages that are selected: `cargo test -p operators` alone would give, say, tokio fewer features
//! than the demo does, and compile DataFusion a second time. Two rules keep them the same:
//!
//! - every call selects the whole workspace, or at least [`EVERYTHING`], the package which (with its
//!   dev-dependency `testkit`) depends on all others, and so on all that is in `Cargo.lock`;
//! - every call is one that counts dev-dependencies too. A plain `cargo build` does not; one that
//!   asks for `--examples` does, although there are none.
//!
//! Crates name third-party dependencies and their features in the workspace's `Cargo.toml` only.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// The package that depends on all others.
pub const EVERYTHING: &str = "server";

/// A call of the same cargo that started us, in the workspace's root.
pub fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root()).args(arguments);
    // Set by the cargo that runs us, for us alone.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_PKG_NAME");
    command
}

/// Builds all binaries; returns where they are.
///
/// # Errors
/// If cargo fails, which it has then explained itself.
pub fn build_binaries() -> Result<PathBuf, Error> {
    run(cargo(&["build", "--workspace", "--bins", "--examples"]))?;
    let own = std::env::current_exe().map_err(|error| format!("cannot find the target directory: {error}"))?;
    own.parent().map(Path::to_path_buf).ok_or_else(|| "cannot find the target directory".to_owned())
}

/// Runs a command to its end.
///
/// # Errors
/// If it cannot start, or ends with anything but success.
pub fn run(mut command: Command) -> Result<(), Error> {
    let described = format!("{command:?}");
    let status = command.status().map_err(|error| format!("cannot run {described}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("failed ({status}): {described}")) }
}

/// The workspace's root.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}
