//! Messages as bytes: what a driver never sends, or hides.

use bytes::BufMut;

use super::Server;
use super::raw::{Raw, framed, startup};

#[tokio::test]
async fn startup_says_who_the_server_is() {
    let server = Server::start().await;
    let mut raw = Raw::open(&server).await;
    // SSLRequest, then GSSENCRequest: both are refused, and the connection goes on.
    raw.send(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]).await;
    assert_eq!(&raw.bytes(1).await[..], b"N");
    raw.send(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30]).await;
    assert_eq!(&raw.bytes(1).await[..], b"N");
    raw.send(&startup(&[
        ("user", "me"),
        ("application_name", "test"),
        ("client_encoding", "utf-8"),
        ("options", "-c TimeZone=UTC"),
    ]))
    .await;
    let messages = raw.until('Z').await;
    assert_eq!(messages[0].0, 'R');
    let has = |text: &str| messages.iter().any(|(kind, body)| *kind == 'S' && body.starts_with(text.as_bytes()));
    for status in
        ["client_encoding\0UTF8\0", "server_version\x0015.", "application_name\0test\0", "integer_datetimes\0on\0"]
    {
        assert!(has(status), "{status:?}");
    }
    server.end().await;
}

#[tokio::test]
async fn refused_at_the_start() {
    let server = Server::start().await;
    let mut major_2 = startup(&[("user", "me")]);
    major_2[5] = 2;
    for (bytes, code) in [
        (startup(&[("user", "me"), ("database", "other")]), "3D000"),
        (startup(&[("database", "dev")]), "28000"),
        (startup(&[("user", "me"), ("replication", "true")]), "0A000"),
        (startup(&[("user", "me"), ("no_such_setting", "1")]), "42704"),
        (major_2, "0A000"),
        (vec![0, 0, 0, 3, 0, 0], "08P01"),
        (vec![0x16, 3, 1, 2, 0, 1], "08P01"),
        (vec![0, 0, 0, 12, 0, 3, 0, 0, b'u', b's', b'e', b'r'], "08P01"),
    ] {
        let mut raw = Raw::open(&server).await;
        raw.send(&bytes).await;
        assert_eq!(raw.error().await, ["FATAL", code], "{bytes:?}");
        assert!(raw.next().await.is_none(), "closed");
    }
    server.end().await;
}

#[tokio::test]
async fn bad_packets_close_their_connection_only() {
    let server = Server::start().await;
    let mut good = Raw::connect(&server).await;
    for bytes in [
        framed('z', b""),
        vec![b'Q', 0, 0, 0, 1],
        vec![b'Q', 0xff, 0xff, 0xff, 0xff],
        framed('Q', b"select 1"),
        framed('P', b"s\0select 1\0\xff\xff"),
        framed('B', b"\0\0\0\0\xff\xff"),
        framed('D', b"X\0"),
        framed('E', b"\0"),
        framed('p', b"secret\0"),
    ] {
        let mut bad = Raw::connect(&server).await;
        bad.send(&bytes).await;
        assert_eq!(bad.error().await[0], "FATAL", "{bytes:?}");
        assert!(bad.next().await.is_none(), "closed after {bytes:?}");
    }
    assert_eq!(good.answers("select 1").await, "TDCZ");
    server.end().await;
}

#[tokio::test]
async fn text_that_is_no_utf8_is_an_error_like_others() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    raw.send(&framed('Q', b"select '\xff'\0")).await;
    assert_eq!(raw.error().await, ["ERROR", "22021"]);
    assert_eq!(raw.next().await.map(|(kind, _)| kind), Some('Z'));
    assert_eq!(raw.answers("select 1").await, "TDCZ");
    server.end().await;
}

#[tokio::test]
async fn an_error_ends_the_rest_of_a_query() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    for (query, kinds) in [
        ("", "IZ"),
        (" ; ", "IZ"),
        ("-- nothing", "IZ"),
        ("select 1; select 2", "TDCTDCZ"),
        ("select 1; select no_column; select 2", "TDCEZ"),
        ("select 1; selec", "EZ"),
        ("begin; select 1", "CTDCZ"),
        ("select no_column", "EZ"),
        ("select 1", "EZ"),
        ("rollback", "CZ"),
        ("savepoint a", "EZ"),
        ("begin", "CZ"),
        ("savepoint a", "CZ"),
        ("release savepoint a", "CZ"),
        ("rollback", "CZ"),
        ("select pg_advisory_unlock_all();\nclose all;\nunlisten *;\nreset all;", "TDCCCCZ"),
        ("close all; selec", "EZ"),
        ("drop table if exists nothing", "NCZ"),
        ("set application_name = 'other'", "SCZ"),
    ] {
        assert_eq!(raw.answers(query).await, kinds, "{query}");
    }
    server.end().await;
}

#[tokio::test]
async fn after_an_error_messages_are_skipped_up_to_sync() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    let parse = |name: &str, query: &str| framed('P', format!("{name}\0{query}\0\0\0").as_bytes());
    let bind = framed('B', b"\0s\0\0\0\0\0\0\0");
    let execute = framed('E', b"\0\0\0\0\0");
    let sync = framed('S', b"");
    raw.send(&[parse("s", "selec"), bind.clone(), execute.clone(), sync.clone()].concat()).await;
    assert_eq!(raw.kinds().await, "EZ");
    raw.send(
        &[
            parse("s", "select 1"),
            framed('D', b"Ss\0"),
            bind.clone(),
            framed('D', b"P\0"),
            execute.clone(),
            sync.clone(),
        ]
        .concat(),
    )
    .await;
    assert_eq!(raw.kinds().await, "1tT2TDCZ");
    // A portal does not outlive its transaction, a statement does; a name is taken once.
    raw.send(&[execute.clone(), sync.clone()].concat()).await;
    assert_eq!(raw.kinds().await, "EZ");
    raw.send(&[parse("s", "select 2"), sync.clone()].concat()).await;
    assert_eq!(raw.kinds().await, "EZ");
    raw.send(
        &[framed('C', b"Ss\0"), framed('C', b"Snothing\0"), parse("s", "select 2"), bind, execute, sync.clone()]
            .concat(),
    )
    .await;
    assert_eq!(raw.kinds().await, "3312DCZ");
    raw.send(&[parse("", "select 1; select 2"), sync.clone()].concat()).await;
    assert_eq!(raw.kinds().await, "EZ");
    raw.send(
        &[parse("", ""), framed('B', b"\0\0\0\0\0\0\0\0"), framed('D', b"P\0"), framed('E', b"\0\0\0\0\0"), sync]
            .concat(),
    )
    .await;
    assert_eq!(raw.kinds().await, "12nIZ");
    server.end().await;
}

#[tokio::test]
async fn a_portal_stops_at_its_limit() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    let messages = [
        framed('P', b"\0select * from generate_series(1, 5)\0\0\0"),
        framed('B', b"p\0\0\0\0\0\0\0\0"),
        framed('E', b"p\0\0\0\0\x02"),
        framed('E', b"p\0\0\0\0\x02"),
        framed('E', b"p\0\0\0\0\x02"),
        framed('S', b""),
    ];
    raw.send(&messages.concat()).await;
    assert_eq!(raw.kinds().await, "12DDsDDsDCZ");
    server.end().await;
}

#[tokio::test]
async fn a_portal_of_a_subscription_does_not_wait_beyond_its_limit() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    assert_eq!(raw.answers("create table t (a int); insert into t values (1)").await, "CCZ");
    assert_eq!(raw.answers("begin").await, "CZ");
    let next = framed('E', b"\0\0\0\0\x01");
    let messages =
        [framed('P', b"\0subscribe t\0\0\0"), framed('B', b"\0\0\0\0\0\0\0\0"), next.clone(), framed('S', b"")];
    raw.send(&messages.concat()).await;
    assert_eq!(raw.kinds().await, "12DsZ");
    let mut writer = Raw::connect(&server).await;
    assert_eq!(writer.answers("insert into t values (2)").await, "CZ");
    raw.send(&[next, framed('S', b"")].concat()).await;
    assert_eq!(raw.kinds().await, "DsZ");
    server.end().await;
}

#[tokio::test]
async fn savepoints_can_be_prepared() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    let run = |text: &str| {
        let parse = framed('P', format!("\0{text}\0\0\0").as_bytes());
        let describe = framed('D', b"P\0");
        [parse, framed('B', b"\0\0\0\0\0\0\0\0"), describe, framed('E', b"\0\0\0\0\0"), framed('S', b"")].concat()
    };
    for (text, kinds) in
        [("savepoint a", "12nEZ"), ("begin", "12nCZ"), ("savepoint a", "12nCZ"), ("release a", "12nCZ")]
    {
        raw.send(&run(text)).await;
        assert_eq!(raw.kinds().await, kinds, "{text}");
    }
    server.end().await;
}

/// Parse, Bind and Execute of each text, and a Sync.
fn pipeline(texts: &[&str]) -> Vec<u8> {
    let mut bytes = vec![];
    for text in texts {
        bytes.extend(framed('P', format!("\0{text}\0\0\0").as_bytes()));
        bytes.extend(framed('B', b"\0\0\0\0\0\0\0\0"));
        bytes.extend(framed('E', b"\0\0\0\0\0"));
    }
    bytes.extend(framed('S', b""));
    bytes
}

#[tokio::test]
async fn what_stands_between_two_syncs_is_one_transaction() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    assert_eq!(raw.answers("create table t (id int primary key)").await, "CZ");
    for (texts, kinds, rows) in [
        (
            &["insert into t values (7), (8)", "insert into t values (9)", "select id / (id - 9) from t"][..],
            "12C12C12EZ",
            "",
        ),
        (&["insert into t values (1)", "insert into t values (1)"], "12C12EZ", ""),
        (&["insert into t values (1)", "selec", "insert into t values (2)"], "12CEZ", ""),
        (
            &["insert into t values (1)", "insert into t values (2)", "select id from t", "update t set id = id + 10"],
            "12C12C12DDC12CZ",
            "11,12",
        ),
        (&["begin", "insert into t values (20)", "rollback", "insert into t values (21)"], "12C12C12C12CZ", "11,12,21"),
        (&["insert into t values (30)", "begin", "insert into t values (31)"], "12C12C12CZ", "30,31 open"),
        (&["rollback"], "12CZ", "11,12,21"),
        // What creates things takes effect at once, with what came before it.
        (&["delete from t", "create table u (a int)", "insert into t values (1)", "select 1 / 0"], "12C12C12C12EZ", ""),
        (&["insert into t values (1)", "savepoint a"], "12C12EZ", ""),
    ] {
        raw.send(&pipeline(texts)).await;
        assert_eq!(raw.kinds().await, kinds, "{texts:?}");
        if let Some(_open) = rows.strip_suffix(" open") {
            continue;
        }
        let mut other = Raw::connect(&server).await;
        other.query("select coalesce(string_agg(id::text, ',' order by id), '') from t").await;
        let row = other.until('Z').await.into_iter().find(|(kind, _)| *kind == 'D').expect("a row").1;
        assert_eq!(&row[6..], rows.as_bytes(), "{texts:?}");
    }
    server.end().await;
}

#[tokio::test]
async fn two_that_insert_one_key_in_pipelines() {
    let server = Server::start().await;
    let (mut one, mut other) = (Raw::connect(&server).await, Raw::connect(&server).await);
    assert_eq!(one.answers("create table t (id int primary key)").await, "CZ");
    let texts = pipeline(&["insert into t values (1)", "select 1"]);
    let sync = texts.len() - 5;
    // Up to the Sync nothing is there for others, and what fails there is told there.
    one.send(&[&texts[..sync], &framed('H', b"")].concat()).await;
    let answered: String = one.until('C').await.into_iter().chain(one.until('C').await).map(|(kind, _)| kind).collect();
    assert_eq!(answered, "12C12DC");
    assert_eq!(other.answers("insert into t values (1)").await, "CZ");
    one.send(&texts[sync..]).await;
    assert_eq!(one.error().await, ["ERROR", "23505"]);
    assert_eq!(one.kinds().await, "Z");
    server.end().await;
}

#[tokio::test]
async fn sessions_that_wait_for_too_long_are_ended() {
    let server = Server::start().await;
    for (texts, code) in [
        (&["set idle_session_timeout = '10ms'"][..], "57P05"),
        (&["set idle_in_transaction_session_timeout = '10ms'", "begin"], "25P03"),
        (&["set idle_in_transaction_session_timeout = '10ms'", "begin; select 1 / 0"], "25P03"),
        (&["set transaction_timeout = '10ms'", "begin"], "25P04"),
        (&["create table t (a int)", "set transaction_timeout = '50ms'", "begin; subscribe t"], "25P04"),
    ] {
        let mut raw = Raw::connect(&server).await;
        let (last, first) = texts.split_last().expect("there are some");
        for text in first {
            assert!(raw.answers(text).await.ends_with("CZ"), "{text}");
        }
        raw.query(last).await;
        let mut left = raw.until('\0').await;
        let (kind, body) = left.pop().expect("an answer");
        assert_eq!(kind, 'E', "{texts:?}");
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(text.contains("SFATAL\0") && text.contains(&format!("C{code}\0")), "{texts:?}: {text:?}");
    }
    server.end().await;
}

#[tokio::test]
async fn what_a_session_prepares_is_bounded() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    let text = format!("select '{}'", "x".repeat(8 << 20));
    let mut kinds = String::new();
    for number in 0..8 {
        raw.send(&[framed('P', format!("s{number}\0{text}\0\0\0").as_bytes()), framed('S', b"")].concat()).await;
        kinds += &raw.kinds().await;
    }
    assert!(kinds.starts_with("1Z1Z") && kinds.ends_with("EZEZ"), "{kinds}");
    raw.send(&[framed('C', b"Ss0\0"), framed('P', format!("s9\0{text}\0\0\0").as_bytes()), framed('S', b"")].concat())
        .await;
    assert_eq!(raw.kinds().await, "31Z");
    assert_eq!(raw.answers("deallocate all").await, "CZ");
    server.end().await;
}

#[tokio::test]
async fn a_cancel_request_needs_the_right_key() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    assert_eq!(raw.answers("create table t (a int)").await, "CZ");
    let cancel = |process_id: u32, key: u32| {
        let mut bytes = vec![];
        for number in [16, 80_877_102, process_id, key] {
            bytes.put_u32(number);
        }
        bytes
    };
    let right = cancel(raw.process_id, raw.secret_key);
    let wrong = cancel(raw.process_id, raw.secret_key ^ 1);
    // Nothing runs yet: without effect.
    for bytes in [&right, &wrong] {
        let mut other = Raw::open(&server).await;
        other.send(bytes).await;
        assert!(other.next().await.is_none());
    }
    raw.query("subscribe t").await;
    assert_eq!(raw.next().await.expect("columns").0, 'T');
    let mut other = Raw::open(&server).await;
    other.send(&wrong).await;
    assert!(other.next().await.is_none());
    // Still running: a change comes through, at once.
    let mut writer = Raw::connect(&server).await;
    assert_eq!(writer.answers("insert into t values (7)").await, "CZ");
    assert_eq!(raw.next().await.expect("the change").0, 'D');
    let mut other = Raw::open(&server).await;
    other.send(&right).await;
    assert_eq!(raw.error().await, ["ERROR", "57014"]);
    assert_eq!(raw.kinds().await, "Z");
    assert_eq!(raw.answers("select 1").await, "TDCZ");
    server.end().await;
}

#[tokio::test]
async fn copy_shows_a_subscription_as_it_goes() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    raw.query("create table t (a text); insert into t values ('x')").await;
    assert_eq!(raw.kinds().await, "CCZ");
    assert_eq!(raw.answers("copy t to stdout").await, "HdcCZ");
    raw.query("COPY (SUBSCRIBE t) TO STDOUT;").await;
    assert_eq!(raw.next().await.expect("the start").0, 'H');
    let (kind, row) = raw.next().await.expect("what is there");
    assert_eq!(kind, 'd');
    assert!(row.ends_with(b"\tx\n"), "{row:?}");
    server.end().await;
}

#[tokio::test]
async fn the_end_of_the_server_is_told() {
    let server = Server::start().await;
    let mut idle = Raw::connect(&server).await;
    let mut busy = Raw::connect(&server).await;
    assert_eq!(busy.answers("create table t (a int)").await, "CZ");
    busy.query("subscribe t").await;
    assert_eq!(busy.next().await.expect("columns").0, 'T');
    server.end().await;
    for raw in [&mut idle, &mut busy] {
        assert_eq!(raw.error().await, ["FATAL", "57P01"]);
        assert!(raw.next().await.is_none());
    }
}
