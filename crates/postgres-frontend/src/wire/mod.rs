//! Messages on a socket: reading, checking and writing them. Knows nothing of sessions or SQL.

mod channel;
mod read;
mod respond;
mod startup;

pub(crate) use channel::Channel;
pub(crate) use read::{Bind, Body, Message, Target};
pub(crate) use respond::{error_response, notice_response};
pub(crate) use startup::{Opening, read_opening};
