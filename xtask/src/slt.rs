//! `cargo xtask slt`: the SQL tests, all or some, checked or rewritten.

use crate::cargo::{EVERYTHING, cargo, run as run_command};
use crate::{Error, tools};

/// Runs the files whose path under `sql-tests/` contains the argument; with `--update` writes what
/// came out into them instead of comparing (read the difference before you commit it); with
/// `--postgres CONNECTION` runs them against PostgreSQL.
///
/// # Errors
/// If a file fails.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    tools::ensure()?;
    let mut command = cargo(&["test", "--package", EVERYTHING, "--test", "slt", "--"]);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--update" => {
                command.env("FRESHET_SLT_UPDATE", "1");
            }
            "--postgres" => {
                let connection = arguments.next().ok_or("`--postgres` needs a connection string")?;
                command.env("FRESHET_SLT_POSTGRES", connection);
            }
            option if option.starts_with('-') => return Err(format!("`cargo xtask slt` has no option {option}")),
            path => {
                command.arg(path.trim_start_matches("./").trim_start_matches("sql-tests/"));
            }
        }
    }
    run_command(command)
}
