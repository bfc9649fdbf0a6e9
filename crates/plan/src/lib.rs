//! The incremental plan of a view: a tree of plain data that says which operator runs on what.
//!
//! This crate decides nothing and runs nothing. `sql` makes plans, `dataflow` builds them.
//! A node is a file in `node/`; what is known about its rows is derived in `properties`.

pub mod decimal;
pub mod node;

mod explain;
mod properties;
mod relation;

pub use explain::explain;
pub use node::Node;
pub use node::aggregate::{Aggregate, AggregateCall, AggregateFunction};
pub use node::constant::Constant;
pub use node::distinct::Distinct;
pub use node::filter::Filter;
pub use node::get::Get;
pub use node::join::{Join, JoinKey, JoinKind};
pub use node::project::Project;
pub use node::union::Union;
pub use properties::Properties;
pub use relation::RelationId;

#[cfg(test)]
mod tests;
