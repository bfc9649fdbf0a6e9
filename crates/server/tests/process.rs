//! The server as a process: how it starts, what it survives, how it ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use testkit::server::Server;
use tokio_postgres::error::SqlState;

const BINARY: &str = env!("CARGO_BIN_EXE_freshet");

fn server() -> Result<Server> {
    Server::start(Path::new(BINARY), &[])
}

#[test]
fn it_says_its_version_and_how_to_use_it() -> Result<()> {
    let version = Command::new(BINARY).arg("--version").output()?;
    assert!(version.status.success());
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("freshet "));
    let help = Command::new(BINARY).args(["serve", "--help"]).output()?;
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    for option in ["--data-dir", "--listen", "--console", "--workers", "--memory"] {
        assert!(text.contains(option), "{option} is not explained:\n{text}");
    }
    assert!(!Command::new(BINARY).args(["serve", "--memory", "lots"]).output()?.status.success());
    Ok(())
}

#[tokio::test]
async fn sigterm_ends_it_cleanly_with_clients_connected() -> Result<()> {
    let server = server()?;
    let client = server.connect().await?;
    client.batch_execute("CREATE TABLE t (a INT); CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM t").await?;
    let status = server.stop()?;
    assert!(status.success(), "{status}");
    assert!(client.batch_execute("SELECT 1").await.is_err());
    Ok(())
}

#[tokio::test]
async fn nonsense_on_the_port_harms_nobody_else() -> Result<()> {
    let server = server()?;
    let client = server.connect().await?;
    let packets: [&[u8]; 6] = [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        // A startup packet that claims two gigabytes; one that is shorter than its own length field.
        &[0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0],
        &[0, 0, 0, 3, 0],
        // A startup without an end to its strings.
        &[0, 0, 0, 13, 0, 3, 0, 0, b'u', b's', b'e', b'r', b'x'],
        // A TLS request, and rubbish instead of a handshake.
        &[0, 0, 0, 8, 4, 210, 22, 47, 1, 2, 3],
    ];
    for packet in packets {
        let mut socket = TcpStream::connect(server.address())?;
        // It may hang up on us before we are through.
        let _ = socket.write_all(packet);
        let _ = socket.shutdown(std::net::Shutdown::Write);
        let _ = socket.read_to_end(&mut Vec::new());
        client.batch_execute("SELECT 1").await?;
    }
    Ok(())
}

#[tokio::test]
async fn nonsense_after_the_startup_harms_nobody_else() -> Result<()> {
    let server = server()?;
    let client = server.connect().await?;
    let startup: &[u8] = b"\0\0\0\x21\0\x03\0\0user\0dev\0database\0dev\0\0";
    let mut startup = startup.to_vec();
    let length = u32::try_from(startup.len())?.to_be_bytes();
    startup[..4].copy_from_slice(&length);
    let messages: [&[u8]; 7] = [
        // An unknown message, a query without an end, one that is not UTF-8.
        &[b'~', 0, 0, 0, 4],
        &[b'Q', 0, 0, 0, 6, b'x', b'y'],
        &[b'Q', 0, 0, 0, 7, 0xff, 0xfe, 0],
        // Execute of a portal that is not there; Bind of a statement that is not, cut short.
        &[b'E', 0, 0, 0, 9, 0, 0, 0, 0, 0],
        &[b'B', 0, 0, 0, 6, 0, 0],
        // Describe of neither; copy data out of nowhere.
        &[b'D', 0, 0, 0, 6, b'?', 0],
        &[b'd', 0, 0, 0, 5, 1],
    ];
    for message in messages {
        let mut socket = TcpStream::connect(server.address())?;
        socket.write_all(&startup)?;
        let _ = socket.write_all(message);
        let _ = socket.write_all(&[b'S', 0, 0, 0, 4, b'X', 0, 0, 0, 4]);
        let _ = socket.shutdown(std::net::Shutdown::Write);
        let _ = socket.read_to_end(&mut Vec::new());
        client.batch_execute("SELECT 1").await?;
    }
    Ok(())
}

#[tokio::test]
async fn who_may_connect_to_what() -> Result<()> {
    let server = server()?;
    let mut config = server.config();
    config.user("somebody").dbname("somebody");
    let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute("CREATE TABLE shared (a INT)").await?;

    // A database by one's own name is `dev`.
    server.connect().await?.batch_execute("INSERT INTO shared VALUES (1)").await?;

    config.dbname("another");
    let refused = config.connect(tokio_postgres::NoTls).await.err().expect("there is no such database");
    assert_eq!(refused.code(), Some(&SqlState::INVALID_CATALOG_NAME));
    Ok(())
}

#[tokio::test]
async fn a_running_query_can_be_cancelled() -> Result<()> {
    let server = server()?;
    let client = server.connect().await?;
    let cancel = client.cancel_token();
    let endless =
        "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b, generate_series(1, 100) c";
    let query = client.simple_query(endless);
    tokio::pin!(query);
    // Until it is under way there is nothing to cancel, so it is asked for again.
    let answer = loop {
        tokio::select! {
            answer = &mut query => break answer,
            asked = cancel.cancel_query(tokio_postgres::NoTls) => asked?,
        }
    };
    let error = answer.expect_err("nobody waits for that");
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
    // A request that was still on its way cancels what runs when it arrives, in Postgres too.
    loop {
        match client.batch_execute("SELECT 1").await {
            Err(late) if late.code() == Some(&SqlState::QUERY_CANCELED) => {}
            answer => return Ok(answer?),
        }
    }
}

#[tokio::test]
async fn deep_and_long_statements_are_answered() -> Result<()> {
    let server = server()?;
    let client = server.connect().await?;
    let deep = format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000));
    // Whether it is answered or refused is not the point: the server is.
    let _ = client.simple_query(&deep).await;
    let long = format!("SELECT {}", vec!["1"; 3_000].join(" + "));
    let _ = client.simple_query(&long).await;
    let wide = format!("SELECT '{}'", "x".repeat(5_000_000));
    client.simple_query(&wide).await?;
    server.connect().await?.batch_execute("SELECT 1").await?;
    Ok(())
}
