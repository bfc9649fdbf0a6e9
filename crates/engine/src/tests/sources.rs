//! Queries of sources that no view reads.

use super::check;

#[tokio::test(flavor = "multi_thread")]
async fn a_source_with_an_end_is_read_for_the_query() {
    check(
        "
        > CREATE SOURCE s (n bigint) WITH (connector = 'datagen', total = '4', rate = '1', fields.n.kind = 'sequence', fields.n.start = '1', fields.n.end = '4')
        CREATE SOURCE
        > SELECT count(*), sum(n)::bigint FROM s
        4|10
        SELECT 1
        > SELECT n FROM s WHERE n > 2 ORDER BY n
        3
        4
        SELECT 2
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_without_an_end_says_why_it_shows_nothing() {
    check(
        "
        > CREATE SOURCE s (n bigint) WITH (connector = 'datagen', fields.n.kind = 'sequence')
        CREATE SOURCE
        > CREATE VIEW v AS SELECT n + 1 AS n FROM s
        CREATE VIEW
        > SELECT * FROM v
        NOTICE: source \"s\" shows no new rows: no materialized view reads it
        HINT: It has no end that a query could read it to. Create a materialized view over it, or SUBSCRIBE to it.
        SELECT 0
        > CREATE SINK k FROM v WITH (connector = 'blackhole')
        CREATE SINK
        > SELECT count(*) >= 0 FROM s
        true
        SELECT 1
        ",
    )
    .await;
}
