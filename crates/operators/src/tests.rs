//! Operators without state, and random changes through those with it: whatever comes, in whatever
//! order, saved and restored at any time, they must agree with computing everything anew.

mod random;
mod stateless;
