//! What a driver does: binary values, prepared statements, transactions.

use std::time::{Duration, SystemTime};

use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls};

use super::Server;

async fn connect(server: &Server) -> Client {
    let config = format!("host=127.0.0.1 port={} user=me dbname=dev", server.address.port());
    let (client, connection) = tokio_postgres::connect(&config, NoTls).await.expect("connected");
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn values_go_both_ways_in_binary() {
    let server = Server::start().await;
    let client = connect(&server).await;
    let row = client
        .query_one(
            "select $1::smallint, $2::int, $3::bigint, $4::real, $5::double precision, $6::boolean, $7::text, $8::bytea",
            &[&-2_i16, &3_i32, &i64::MAX, &1.5_f32, &0.1_f64, &true, &"é", &&b"\x00\xff"[..]],
        )
        .await
        .expect("a row");
    assert_eq!((row.get::<_, i16>(0), row.get::<_, i32>(1), row.get::<_, i64>(2)), (-2, 3, i64::MAX));
    assert_eq!((row.get::<_, f32>(3), row.get::<_, f64>(4), row.get::<_, bool>(5)), (1.5, 0.1, true));
    assert_eq!((row.get::<_, &str>(6), row.get::<_, &[u8]>(7)), ("é", &b"\x00\xff"[..]));
    let instant = SystemTime::UNIX_EPOCH + Duration::from_micros(1_767_225_600_000_001);
    let row = client
        .query_one(
            "select $1::timestamptz, $2::timestamp, $3::int[], $4::text[]",
            &[&instant, &instant, &vec![Some(1_i32), None], &vec!["a b", ""]],
        )
        .await
        .expect("a row");
    assert_eq!((row.get::<_, SystemTime>(0), row.get::<_, SystemTime>(1)), (instant, instant));
    assert_eq!(row.get::<_, Vec<Option<i32>>>(2), [Some(1), None]);
    assert_eq!(row.get::<_, Vec<String>>(3), ["a b", ""]);
    let row = client.query_one("select $1::int, $2::text", &[&None::<i32>, &None::<&str>]).await.expect("a row");
    assert_eq!((row.get::<_, Option<i32>>(0), row.get::<_, Option<&str>>(1)), (None, None));
    server.end().await;
}

#[tokio::test]
async fn prepared_statements_have_types() {
    let server = Server::start().await;
    let client = connect(&server).await;
    client
        .batch_execute("create table t (a int primary key, b text not null, n numeric(10,2))")
        .await
        .expect("created");
    let insert = client.prepare("insert into t (a, b) values ($1, $2)").await.expect("prepared");
    assert_eq!(insert.params(), [Type::INT4, Type::TEXT]);
    assert!(insert.columns().is_empty());
    for number in 0..3_i32 {
        assert_eq!(client.execute(&insert, &[&number, &"x"]).await.expect("inserted"), 1);
    }
    let select = client.prepare("select b, a, n from t where a = $1").await.expect("prepared");
    assert_eq!(select.params(), [Type::INT4]);
    let columns: Vec<_> = select.columns().iter().map(|column| (column.name(), column.type_().clone())).collect();
    assert_eq!(columns, [("b", Type::TEXT), ("a", Type::INT4), ("n", Type::NUMERIC)]);
    let row = client.query_one(&select, &[&2_i32]).await.expect("a row");
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i32>(1)), ("x", 2));
    assert_eq!(client.execute("update t set b = $1 where a < $2", &[&"y", &2_i32]).await.expect("updated"), 2);
    assert_eq!(client.execute("delete from t where b = $1", &[&"y"]).await.expect("deleted"), 2);
    let given = client.prepare_typed("select $1", &[Type::INT8]).await.expect("prepared");
    assert_eq!(given.params(), [Type::INT8]);
    assert_eq!(client.query_one(&given, &[&5_i64]).await.expect("a row").get::<_, i64>(0), 5);
    server.end().await;
}

#[tokio::test]
async fn errors_have_codes_and_places() {
    let server = Server::start().await;
    let client = connect(&server).await;
    client.batch_execute("create table t (a int primary key)").await.expect("created");
    for (query, code) in [
        ("selec", SqlState::SYNTAX_ERROR),
        ("select * from nothing", SqlState::UNDEFINED_TABLE),
        ("select nothing from t", SqlState::UNDEFINED_COLUMN),
        ("select 1/0", SqlState::DIVISION_BY_ZERO),
        ("insert into t values (1), (1)", SqlState::UNIQUE_VIOLATION),
        ("insert into t values (null)", SqlState::NOT_NULL_VIOLATION),
        ("listen x", SqlState::FEATURE_NOT_SUPPORTED),
    ] {
        let error = client.query(query, &[]).await.err().unwrap_or_else(|| panic!("{query} fails"));
        assert_eq!(error.code(), Some(&code), "{query}: {error}");
    }
    let error = client.query("select nothing from t", &[]).await.expect_err("an error");
    let position = error.as_db_error().and_then(|error| error.position().cloned());
    assert_eq!(position, Some(tokio_postgres::error::ErrorPosition::Original(8)));
    client.query_one("select 1", &[]).await.expect("the session goes on");
    server.end().await;
}

#[tokio::test]
async fn portals_and_transactions() {
    let server = Server::start().await;
    let mut client = connect(&server).await;
    client.batch_execute("create table t (a int); insert into t values (1), (2), (3)").await.expect("created");
    let transaction = client.transaction().await.expect("begun");
    let portal = transaction.bind("select a from t order by a", &[]).await.expect("bound");
    let first = transaction.query_portal(&portal, 2).await.expect("rows");
    let rest = transaction.query_portal(&portal, 0).await.expect("rows");
    let numbers: Vec<i32> = first.iter().chain(&rest).map(|row| row.get(0)).collect();
    assert_eq!((first.len(), numbers), (2, vec![1, 2, 3]));
    transaction.execute("insert into t values (4)", &[]).await.expect("inserted");
    transaction.rollback().await.expect("rolled back");
    let count: i64 = client.query_one("select count(*) from t", &[]).await.expect("a row").get(0);
    assert_eq!(count, 3);
    server.end().await;
}
