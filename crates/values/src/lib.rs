//! Values as text, for everybody who takes some in or gives some out: statements, clients, connectors.
//!
//! Knows no type system and no Arrow, so that every other crate may use it.

pub mod json_text;
