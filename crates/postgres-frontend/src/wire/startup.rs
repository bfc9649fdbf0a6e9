//! The messages before a session: encryption requests, cancel requests, and the startup message itself.

use std::collections::BTreeMap;

use bytes::Buf;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::SslResponse;
use pgwire::messages::startup::NegotiateProtocolVersion;

use super::Channel;
use super::read::Body;
use crate::error::Error;

/// Longest startup packet, as in Postgres.
const STARTUP_BYTES_MAX: usize = 10_000;
const CANCEL_REQUEST: u32 = (1234 << 16) | 5678;
const SSL_REQUEST: u32 = (1234 << 16) | 5679;
const GSS_REQUEST: u32 = (1234 << 16) | 5680;

/// What a connection is opened for.
#[derive(Debug)]
pub(crate) enum Opening {
    /// A session, with the client's parameters (`user`, `database`, settings).
    Session(BTreeMap<String, String>),
    /// Stop what another connection runs.
    Cancel { process_id: i32, secret_key: Vec<u8> },
}

/// Reads what a connection is for; refuses encryption, after which the client may go on in plain text.
pub(crate) async fn read_opening(channel: &mut Channel) -> Result<Opening, Error> {
    // A client asks for each kind of encryption once at most.
    for _ in 0..3 {
        let length = channel.take(4).await?.get_u32() as usize;
        if !(8..=STARTUP_BYTES_MAX).contains(&length) {
            return Err(Error::protocol("invalid length of startup packet"));
        }
        let mut body = Body(channel.take(length - 4).await?.freeze());
        match body.u32()? {
            SSL_REQUEST | GSS_REQUEST => {
                channel.put(PgWireBackendMessage::SslResponse(SslResponse::Refuse))?;
                channel.flush().await?;
            }
            CANCEL_REQUEST => {
                let process_id = body.u32()? as i32;
                return Ok(Opening::Cancel { process_id, secret_key: body.0.to_vec() });
            }
            version => return read_parameters(channel, version, body),
        }
    }
    Err(Error::protocol("too many encryption requests"))
}

fn read_parameters(channel: &mut Channel, version: u32, mut body: Body) -> Result<Opening, Error> {
    let (major, minor) = (version >> 16, version & 0xffff);
    if major != 3 {
        let message = format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0");
        return Err(Error::Fatal { code: "0A000", message });
    }
    let mut parameters = BTreeMap::new();
    let mut unknown_options = Vec::new();
    loop {
        let name = body.string()?;
        if name.is_empty() {
            break;
        }
        let value = body.string()?;
        if name.starts_with("_pq_.") {
            unknown_options.push(name);
        } else {
            parameters.insert(name, value);
        }
    }
    if body.0.has_remaining() {
        return Err(Error::protocol("invalid startup packet layout: expected terminator as last byte"));
    }
    if minor > 0 || !unknown_options.is_empty() {
        // The full version: libpq reads it so, and older clients compare only for "less than asked".
        let answer = NegotiateProtocolVersion::new(3 << 16, unknown_options);
        channel.put(PgWireBackendMessage::NegotiateProtocolVersion(answer))?;
    }
    Ok(Opening::Session(parameters))
}
