//! What the tests, the demo and the bench stand on. Nothing of it is in the product.
//!
//! - [`server`]: a real `freshet` process for a test, gone when the test is;
//! - [`slt`]: the SQL tests of `sql-tests/`, over the wire;
//! - [`oracle`]: random tables, views and changes, where every view must equal its own query run
//!   by the batch engine over the same snapshot;
//! - [`nexmark`]: the Nexmark queries, for the bench.

pub mod nexmark;
pub mod oracle;
pub mod server;
pub mod slt;
