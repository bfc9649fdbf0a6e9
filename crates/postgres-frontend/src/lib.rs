//! Postgres clients: the wire protocol, values on the wire, and the emulation of Postgres' own catalogs.
//!
//! Turns messages into calls of `engine` and its answers into messages. It holds no data and plans nothing;
//! pgwire is imported here and nowhere else.

mod server;

mod control;
mod error;
mod session;
mod wire;

mod decode;
mod encode;
mod types;

mod catalog;

pub use catalog::extension;
pub use server::serve;

#[cfg(test)]
mod tests;
