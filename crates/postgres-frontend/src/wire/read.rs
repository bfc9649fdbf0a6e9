//! Cuts a client's bytes into messages.
//!
//! pgwire's own decoder trusts the lengths inside a message and panics where they lie, so that the bodies are
//! read here, with checks, into a type that has no invalid values. Source:
//! <https://www.postgresql.org/docs/15/protocol-message-formats.html>.

use bytes::{Buf, Bytes, BytesMut};

use crate::error::Error;

/// No message may be longer; Postgres allows 1 GB.
const MESSAGE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What a client asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Message {
    /// Run the statements in the text.
    Query(String),
    /// Prepare a statement; types that are 0 are to be inferred.
    Parse { name: String, query: String, types: Vec<u32> },
    /// Make a portal out of a statement and its parameters.
    Bind(Bind),
    /// Tell what a statement or portal takes and gives.
    Describe(Target),
    /// Run a portal for at most so many rows; 0 for all.
    Execute { portal: String, max_rows: usize },
    /// Forget a statement or portal.
    Close(Target),
    /// Send what is in the output.
    Flush,
    /// The end of a group of extended messages.
    Sync,
    /// The client leaves.
    Terminate,
    /// Data of a COPY that is not running (any more): ignored, as Postgres does.
    Copy,
    /// The fast-path call of a function, which nothing uses any more.
    FunctionCall,
    /// A password that nobody asked for.
    Password,
    /// A message with a text that is no UTF-8.
    NotUtf8 { is_query: bool },
}

/// A named statement or portal.
#[derive(Debug, PartialEq)]
pub(crate) enum Target {
    Statement(String),
    Portal(String),
}

/// `Bind`'s fields.
#[derive(Debug, PartialEq)]
pub(crate) struct Bind {
    pub(crate) portal: String,
    pub(crate) statement: String,
    pub(crate) parameter_formats: Vec<u16>,
    pub(crate) parameters: Vec<Option<Bytes>>,
    pub(crate) result_formats: Vec<u16>,
}

/// A whole message, not looked into yet.
pub(crate) struct Frame {
    kind: u8,
    body: Bytes,
}

impl Frame {
    /// Takes the first message off the input, if all of it is there.
    pub(crate) fn take(input: &mut BytesMut) -> Result<Option<Self>, Error> {
        let Some(&kind) = input.first() else { return Ok(None) };
        if !b"QPBDECHSXdcfFp".contains(&kind) {
            return Err(Error::protocol(format!("invalid frontend message type {kind}")));
        }
        let Some(mut length) = input.get(1..5) else { return Ok(None) };
        let length = usize::try_from(length.get_i32())
            .ok()
            .filter(|length| (4..=MESSAGE_BYTES_MAX).contains(length))
            .ok_or_else(|| Error::protocol("invalid message length"))?;
        if input.len() < 1 + length {
            return Ok(None);
        }
        let mut frame = input.split_to(1 + length);
        frame.advance(5);
        Ok(Some(Self { kind, body: frame.freeze() }))
    }

    /// How long the first message of the input says to be, in bytes, as far as it is there.
    pub(crate) fn length(input: &[u8]) -> Option<usize> {
        usize::try_from(input.get(1..5)?.get_i32()).ok()
    }

    /// Reads its fields.
    pub(crate) fn parse(self) -> Result<Message, Error> {
        let is_query = self.kind == b'Q';
        match self.fields() {
            // The message's own frame was sound; only its text is not.
            Err(Error::Request { .. }) => Ok(Message::NotUtf8 { is_query }),
            message => message,
        }
    }

    fn fields(self) -> Result<Message, Error> {
        let mut body = Body(self.body);
        let message = match self.kind {
            b'Q' => Message::Query(body.string()?),
            b'P' => Message::Parse { name: body.string()?, query: body.string()?, types: body.list(Body::u32)? },
            b'B' => Message::Bind(Bind {
                portal: body.string()?,
                statement: body.string()?,
                parameter_formats: body.list(Body::u16)?,
                parameters: body.list(Body::value)?,
                result_formats: body.list(Body::u16)?,
            }),
            b'D' => Message::Describe(body.target()?),
            b'C' => Message::Close(body.target()?),
            b'E' => Message::Execute {
                portal: body.string()?,
                // Postgres takes a negative count for "all", too.
                max_rows: usize::try_from(body.u32()? as i32).unwrap_or(0),
            },
            b'H' => Message::Flush,
            b'S' => Message::Sync,
            b'X' => Message::Terminate,
            b'F' => return Ok(Message::FunctionCall),
            b'p' => return Ok(Message::Password),
            _ => return Ok(Message::Copy),
        };
        if body.0.has_remaining() {
            return Err(Error::protocol("invalid message format"));
        }
        Ok(message)
    }
}

/// Whether a `Sync` comes before any message that runs something.
pub(crate) fn is_sync_next(mut input: &[u8]) -> bool {
    loop {
        match input {
            [b'S', 0, 0, 0, 4, ..] => return true,
            [b'C' | b'D' | b'H', rest @ ..] => {
                let Some(mut length) = rest.get(..4) else { return false };
                let length = usize::try_from(length.get_i32()).unwrap_or(usize::MAX);
                let Some(next) = rest.get(length..) else { return false };
                input = next;
            }
            _ => return false,
        }
    }
}

/// The fields of a message, read one after the other.
pub(crate) struct Body(pub(crate) Bytes);

impl Body {
    pub(crate) fn bytes(&mut self, count: usize) -> Result<Bytes, Error> {
        if self.0.len() < count {
            return Err(Error::protocol("insufficient data left in message"));
        }
        Ok(self.0.split_to(count))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Error> {
        Ok(self.bytes(2)?.get_u16())
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        Ok(self.bytes(4)?.get_u32())
    }

    /// Text up to the next zero byte.
    pub(crate) fn string(&mut self) -> Result<String, Error> {
        let end = self.0.iter().position(|&byte| byte == 0);
        let end = end.ok_or_else(|| Error::protocol("invalid string in message"))?;
        let text = self.bytes(end)?;
        self.0.advance(1);
        String::from_utf8(text.to_vec()).map_err(|_| Error::not_utf8())
    }

    fn value(&mut self) -> Result<Option<Bytes>, Error> {
        match self.u32()? as i32 {
            -1 => Ok(None),
            length => {
                let length =
                    usize::try_from(length).map_err(|_| Error::protocol("invalid argument size in bind message"))?;
                self.bytes(length).map(Some)
            }
        }
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        // No capacity in advance: the count is the client's word only.
        (0..self.u16()?).map(|_| read(self)).collect()
    }

    fn target(&mut self) -> Result<Target, Error> {
        match self.bytes(1)?[0] {
            b'S' => Ok(Target::Statement(self.string()?)),
            b'P' => Ok(Target::Portal(self.string()?)),
            kind => Err(Error::protocol(format!("invalid target {kind} of a describe or close message"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Option<Message>, Error> {
        Frame::take(&mut BytesMut::from(bytes))?.map(Frame::parse).transpose()
    }

    #[test]
    fn reads_whole_messages_only() {
        let mut input = BytesMut::from(&b"Q\0\0\0\x0dselect 1\0S\0\0\0\x04X\0"[..]);
        let first = Frame::take(&mut input).expect("valid").expect("whole").parse().expect("valid");
        assert_eq!(first, Message::Query("select 1".into()));
        assert_eq!(Frame::take(&mut input).expect("valid").expect("whole").parse().expect("valid"), Message::Sync);
        assert!(Frame::take(&mut input).expect("valid").is_none());
        assert_eq!(&input[..], b"X\0");
    }

    #[test]
    fn a_sync_is_seen_before_it_is_taken() {
        for (input, expected) in [
            (&b"S\0\0\0\x04"[..], true),
            (b"C\0\0\0\x06P\0S\0\0\0\x04E", true),
            (b"", false),
            (b"S\0\0", false),
            (b"E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04", false),
            (b"C\0\0\0\x06P\0", false),
            (b"C\0\0\xff\x06P\0S\0\0\0\x04", false),
            (b"C\xff\xff\xff\xffP\0S\0\0\0\x04", false),
        ] {
            assert_eq!(is_sync_next(input), expected, "{input:?}");
        }
    }

    #[test]
    fn lying_lengths_are_refused() {
        let cases: &[&[u8]] = &[
            b"\0\0\0\0\0",
            b"z\0\0\0\x04",
            b"Q\0\0\0\x03",
            b"Q\xff\xff\xff\xff",
            b"Q\x7f\xff\xff\xff",
            b"Q\0\0\0\x06ab",
            b"Q\0\0\0\x07a\0b",
            b"P\0\0\0\x08\0\0\0\x01",
            b"P\0\0\0\x08\0\0\xff\xff",
            b"B\0\0\0\x0e\0\0\0\0\0\x01\xff\xff\xff\xf0",
            b"B\0\0\0\x0e\0\0\0\0\0\x01\0\0\xff\xff",
            b"B\0\0\0\x06\0\0",
            b"D\0\0\0\x06Q\0",
            b"D\0\0\0\x04",
            b"E\0\0\0\x05\0",
        ];
        for case in cases {
            assert!(parse(case).is_err(), "{case:?}");
        }
    }

    #[test]
    fn text_that_is_none_is_a_message() {
        assert_eq!(parse(b"Q\0\0\0\x06\xff\0").expect("valid"), Some(Message::NotUtf8 { is_query: true }));
        assert_eq!(parse(b"P\0\0\0\x09\0\xff\0\0\0").expect("valid"), Some(Message::NotUtf8 { is_query: false }));
    }

    #[test]
    fn bind_has_nulls_and_formats() {
        let bytes = b"B\0\0\0\x1bp\0s\0\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x01x\0\x01\0\0\0";
        // The last byte lies behind the message.
        let Some(Message::Bind(bind)) = parse(bytes).expect("valid") else { panic!("no bind") };
        assert_eq!(bind.parameters, [None, Some(Bytes::from_static(b"x"))]);
        assert_eq!((bind.parameter_formats, bind.result_formats), (vec![1], vec![0]));
    }
}
