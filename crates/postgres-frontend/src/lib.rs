//! Postgres clients: the wire protocol, values on the wire, and the emulation of Postgres' own catalogs.
//!
//! Turns messages into calls of `engine` and its answers into messages. It holds no data and plans nothing;
//! pgwire is imported here and nowhere else.

mod server;

mod control;
mod error;
mod queries;
mod session;
mod wire;

mod decode;
mod encode;
mod types;

mod catalog;

pub use catalog::extension;
pub use error::Error;
pub use server::serve;

/// What clients are told, as `server_version`: the Postgres whose behaviour is followed comes first, since
/// clients choose their catalog queries by it.
pub(crate) const SERVER_VERSION: &str = concat!("15.0 (Freshet ", env!("CARGO_PKG_VERSION"), ")");

#[cfg(test)]
mod tests;
