//! `cargo xtask test`: all tests, one crate's, or one suite.

use std::path::Path;

use crate::cargo::{EVERYTHING, cargo, root, run as run_command};
use crate::{Error, tools};

/// Without an argument all tests; with a crate's name its unit and integration tests; with the name
/// of a suite in `crates/server/tests` that suite. Further arguments go to the tests.
///
/// # Errors
/// If there is no such crate or suite, or a test fails.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    tools::ensure()?;
    let Some((name, rest)) = arguments.split_first() else {
        return run_command(cargo(&["test", "--workspace", "--no-fail-fast"]));
    };
    let root = root();
    let directory = root.join("crates").join(name);
    let mut command = if directory.is_dir() {
        one_crate(name, &directory)
    } else if root.join("crates").join(EVERYTHING).join("tests").join(format!("{name}.rs")).is_file() {
        cargo(&["test", "--package", EVERYTHING, "--test", name])
    } else {
        return Err(format!("there is neither a crate nor a suite named \"{name}\""));
    };
    if !rest.is_empty() {
        command.arg("--").args(rest);
    }
    run_command(command)
}

/// The crate is selected together with the package that fixes the features. Asking for libraries
/// and for named test files keeps that package's own targets, and all that is between, out of the
/// build.
fn one_crate(name: &str, directory: &Path) -> std::process::Command {
    if name == EVERYTHING {
        return cargo(&["test", "--package", name]);
    }
    let mut command = cargo(&["test", "--package", name, "--package", EVERYTHING, "--lib"]);
    for entry in std::fs::read_dir(directory.join("tests")).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(stem) = path.file_stem()
        {
            command.arg("--test").arg(stem);
        }
    }
    command
}
