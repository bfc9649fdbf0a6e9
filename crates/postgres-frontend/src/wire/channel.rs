//! One client's socket with its buffers.
//!
//! Nothing is sent until [`Channel::flush`]; writers call [`Channel::flush_if_full`] between rows, so that a
//! large result holds only one buffer. While a statement runs, [`Channel::closed`] notices a client that left.

use bytes::BytesMut;
use engine::Account;
use pgwire::messages::PgWireBackendMessage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::read::{Frame, Message, is_sync_next};
use crate::error::Error;

/// How much output is collected before it is sent.
const OUTPUT_BYTES: usize = 64 * 1024;
/// How much a client may send ahead while its statement runs.
const AHEAD_BYTES: usize = 1024 * 1024;

/// A socket and what has been read from it and is to be written to it.
pub(crate) struct Channel {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    input: BytesMut,
    output: BytesMut,
    /// What a long message holds, until the next one is asked for; none before the session starts,
    /// when there are no long ones.
    memory: Option<Account>,
}

impl Channel {
    /// Takes over a socket.
    pub(crate) fn new(socket: TcpStream) -> Result<Self, Error> {
        socket.set_nodelay(true)?;
        let (reader, writer) = socket.into_split();
        Ok(Self {
            reader,
            writer,
            input: BytesMut::with_capacity(8 * 1024),
            output: BytesMut::with_capacity(8 * 1024),
            memory: None,
        })
    }

    /// Counts long messages with `memory`.
    pub(crate) fn count_with(&mut self, memory: Account) {
        self.memory = Some(memory);
    }

    /// The next message; none when the client has closed the connection between messages.
    ///
    /// May be dropped before it is done without losing input.
    pub(crate) async fn next(&mut self) -> Result<Option<Message>, Error> {
        if let Some(memory) = &self.memory
            && Frame::length(&self.input).is_none_or(|length| length <= AHEAD_BYTES)
        {
            memory.set(0);
        }
        loop {
            if let Some(frame) = Frame::take(&mut self.input)? {
                return frame.parse().map(Some);
            }
            if let (Some(memory), Some(length)) = (&self.memory, Frame::length(&self.input))
                && length > AHEAD_BYTES
                && length > memory.bytes()
            {
                let granted = memory.try_grow(length - memory.bytes());
                granted.map_err(|refused| Error::out_of_memory(&engine::Error::from(refused)))?;
            }
            if !self.fill().await? {
                return if self.input.is_empty() { Ok(None) } else { Err(Error::gone()) };
            }
        }
    }

    /// Whether the client has sent the end of its group of messages, and nothing to run before it.
    pub(crate) fn is_sync_next(&self) -> bool {
        is_sync_next(&self.input)
    }

    /// Reads exactly `count` bytes, for the messages before the first framed one.
    pub(crate) async fn take(&mut self, count: usize) -> Result<BytesMut, Error> {
        while self.input.len() < count {
            if !self.fill().await? {
                return Err(Error::gone());
            }
        }
        Ok(self.input.split_to(count))
    }

    /// Returns when the client has gone; what it sends ahead is kept.
    pub(crate) async fn closed(&mut self) {
        while self.input.len() < AHEAD_BYTES {
            match self.fill().await {
                Ok(true) => {}
                Ok(false) | Err(_) => return,
            }
        }
        std::future::pending().await
    }

    async fn fill(&mut self) -> Result<bool, Error> {
        Ok(self.reader.read_buf(&mut self.input).await? > 0)
    }

    /// Puts a message into the output.
    pub(crate) fn put(&mut self, message: PgWireBackendMessage) -> Result<(), Error> {
        message.encode(&mut self.output).map_err(|error| Error::protocol(error.to_string()))
    }

    /// Where rows are written to.
    pub(crate) fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Sends the output if there is much of it.
    pub(crate) async fn flush_if_full(&mut self) -> Result<(), Error> {
        if self.output.len() >= OUTPUT_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Sends what was put.
    ///
    /// Dropped before it is done, what the socket took is no longer in the output.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        while !self.output.is_empty() {
            if self.writer.write_buf(&mut self.output).await? == 0 {
                return Err(Error::gone());
            }
        }
        Ok(())
    }

    /// Says goodbye: sends what is left and closes.
    pub(crate) async fn close(mut self) {
        if self.flush().await.is_ok() {
            // The peer may already be gone, which is what is wanted.
            let _ = self.writer.shutdown().await;
        }
    }
}
