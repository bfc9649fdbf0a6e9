//! A client that sends whatever bytes it is told to.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Server;

pub(super) struct Raw {
    socket: TcpStream,
    input: BytesMut,
    pub(super) process_id: u32,
    pub(super) secret_key: u32,
}

/// A message from the server: its kind and body.
pub(super) type Message = (char, Bytes);

impl Raw {
    /// A connection that has said nothing yet.
    pub(super) async fn open(server: &Server) -> Self {
        let socket = TcpStream::connect(server.address).await.expect("accepted");
        Self { socket, input: BytesMut::new(), process_id: 0, secret_key: 0 }
    }

    /// A session, ready for queries.
    pub(super) async fn connect(server: &Server) -> Self {
        let mut raw = Self::open(server).await;
        raw.send(&startup(&[("user", "me"), ("database", "dev")])).await;
        for (kind, mut body) in raw.until('Z').await {
            if kind == 'K' {
                raw.process_id = body.get_u32();
                raw.secret_key = body.get_u32();
            }
        }
        raw
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.expect("sent");
    }

    /// Sends one framed message.
    pub(super) async fn message(&mut self, kind: char, body: &[u8]) {
        self.send(&framed(kind, body)).await;
    }

    pub(super) async fn query(&mut self, text: &str) {
        self.message('Q', &[text.as_bytes(), b"\0"].concat()).await;
    }

    /// The kinds of the messages that answer a query.
    pub(super) async fn answers(&mut self, text: &str) -> String {
        self.query(text).await;
        self.kinds().await
    }

    /// Severity and SQLSTATE of the error that comes next.
    pub(super) async fn error(&mut self) -> [String; 2] {
        let (kind, body) = self.next().await.expect("an answer");
        assert_eq!(kind, 'E', "{body:?}");
        ['S', 'C'].map(|field| error_field(&body, field).expect("an error has it"))
    }

    /// So many bytes; fewer at the end.
    pub(super) async fn bytes(&mut self, count: usize) -> Bytes {
        while self.input.len() < count && self.socket.read_buf(&mut self.input).await.expect("read") > 0 {}
        let count = count.min(self.input.len());
        self.input.split_to(count).freeze()
    }

    /// The next message; none when the server has closed.
    pub(super) async fn next(&mut self) -> Option<Message> {
        let mut head = self.bytes(5).await;
        if head.len() < 5 {
            return None;
        }
        let kind = char::from(head.get_u8());
        let length = head.get_u32() as usize - 4;
        Some((kind, self.bytes(length).await))
    }

    /// All messages up to and with the first of a kind, or to the end.
    pub(super) async fn until(&mut self, last: char) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(message) = self.next().await {
            let kind = message.0;
            messages.push(message);
            if kind == last {
                break;
            }
        }
        messages
    }

    /// The kinds of the messages up to `ReadyForQuery`, as a word.
    pub(super) async fn kinds(&mut self) -> String {
        self.until('Z').await.into_iter().map(|(kind, _)| kind).collect()
    }
}

pub(super) fn framed(kind: char, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind as u8];
    bytes.put_u32(body.len() as u32 + 4);
    bytes.extend_from_slice(body);
    bytes
}

pub(super) fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = vec![];
    body.put_u32(3 << 16);
    for (name, value) in parameters {
        body.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
    }
    body.push(0);
    let mut bytes = vec![];
    bytes.put_u32(body.len() as u32 + 4);
    bytes.extend(body);
    bytes
}

/// A field of an `ErrorResponse`.
fn error_field(body: &Bytes, code: char) -> Option<String> {
    body.split(|byte| *byte == 0)
        .find_map(|field| field.strip_prefix(&[code as u8]))
        .map(|text| String::from_utf8_lossy(text).into_owned())
}
