//! Where log lines go: to standard error, so that standard output has the ready line alone.

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Format, Log};

/// Without a wish of the user's: what people who run a server want to know.
const DEFAULT_FILTER: &str = "info";

/// Starts logging.
///
/// # Errors
/// If the filter makes no sense.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let filter = log.log.as_deref().filter(|filter| !filter.is_empty()).unwrap_or(DEFAULT_FILTER);
    let filter =
        EnvFilter::try_new(filter).with_context(|| format!("cannot understand the log filter \"{filter}\""))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.log_format {
        Format::Human => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            subscriber.with_ansi(colours).with_target(false).init();
        }
        Format::Json => subscriber.json().flatten_event(true).init(),
    }
    Ok(())
}
