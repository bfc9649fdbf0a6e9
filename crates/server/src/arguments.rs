//! The command line, which is also where each option is explained to the user.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Freshet keeps the answers to SQL queries fresh.
///
/// Write CREATE MATERIALIZED VIEW, and from then on every insert, update and delete changes the view's rows at
/// once. Any Postgres client can be used:
///
///     freshet serve
///     psql -h 127.0.0.1 -p 4566
#[derive(Debug, Parser)]
#[command(name = "freshet", version, verbatim_doc_comment, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) log: Log,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server until it gets SIGTERM or SIGINT (Ctrl-C).
    #[command(verbatim_doc_comment)]
    Serve(Serve),
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Directory for what the server keeps.
    ///
    /// Tables and views live in memory only in this version: all of them are gone when the server stops, with
    /// or without this directory. It is created if it is not there.
    #[arg(long, value_name = "DIR", env = "FRESHET_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Address and port for Postgres clients; port 0 takes a free one.
    ///
    /// There are no passwords yet, so that only clients on this machine are let in, whatever the address.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566", env = "FRESHET_LISTEN")]
    pub(crate) listen: SocketAddr,

    /// Address and port for the web console. There is no console in this version: nothing listens here.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4567", env = "FRESHET_CONSOLE")]
    pub(crate) console: SocketAddr,

    /// Threads that keep the views fresh [default: one for each CPU]
    #[arg(long, value_name = "N", env = "FRESHET_WORKERS", value_parser = parse_workers)]
    pub(crate) workers: Option<usize>,

    /// Memory to use, such as 512MiB or 4GiB.
    ///
    /// In this version a quarter of it bounds what running queries use together for sorts, joins and groups: one
    /// that needs more fails with "out of memory". Tables and views are not bounded by it yet: they take what they
    /// need.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", env = "FRESHET_MEMORY", value_parser = parse_size)]
    pub(crate) memory: u64,
}

#[derive(Args, Debug)]
pub(crate) struct Log {
    /// What to log to standard error: a level (error, warn, info, debug, trace), or levels for parts of the
    /// server, such as `info,postgres_frontend=debug` [default: info]
    #[arg(long, global = true, value_name = "FILTER", env = "RUST_LOG")]
    pub(crate) log: Option<String>,

    /// How to write the log.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human, env = "FRESHET_LOG_FORMAT")]
    pub(crate) log_format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

const WORKERS_MAX: usize = 1024;

fn parse_workers(text: &str) -> Result<usize, String> {
    let workers = text.parse().map_err(|_| "not a number")?;
    match workers {
        1..=WORKERS_MAX => Ok(workers),
        _ => Err(format!("there must be 1 to {WORKERS_MAX}")),
    }
}

/// Bytes: a number with a unit of 1000s (KB, MB, GB, TB) or 1024s (KiB, MiB, GiB, TiB; also K, M, G, T).
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.chars().take_while(|character| character.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "write a number and a unit, such as 4GiB")?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "ki" | "kib" => 1 << 10,
        "m" | "mi" | "mib" => 1 << 20,
        "g" | "gi" | "gib" => 1 << 30,
        "t" | "ti" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        unit => return Err(format!("unknown unit {unit}: use KiB, MiB, GiB, TiB, KB, MB, GB or TB")),
    };
    number.checked_mul(factor).filter(|bytes| *bytes >= 1 << 20).ok_or_else(|| "it must be at least 1MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("4GiB"), Ok(4 << 30));
        assert_eq!(parse_size("512 mb"), Ok(512_000_000));
        assert_eq!(parse_size("1048576"), Ok(1 << 20));
        for wrong in ["", "GiB", "4XB", "-1GiB", "1.5GiB", "10", "99999999999TiB"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
        assert!(Arguments::try_parse_from(["freshet", "serve", "--workers", "0"]).is_err());
        let parsed = Arguments::try_parse_from(["freshet", "serve", "--listen", "127.0.0.1:0", "--log", "debug"]);
        assert!(parsed.is_ok());
    }
}
