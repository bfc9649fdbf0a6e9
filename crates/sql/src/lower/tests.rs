//! Queries and the plans that they become, as tables of text.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::datasource::empty::EmptyTable;
use datafusion::prelude::SessionContext;
use plan::{Node, Properties, RelationId};

use super::{RelationInfo, Relations, check_deterministic, lower, optimise_for_view};
use crate::golden;
use crate::{Error, Statement, analyse, bind, name_columns, parse, session_state_builder, types};

struct Declared(HashMap<String, RelationInfo>);

impl Relations for Declared {
    fn get(&self, table: &TableReference) -> Option<RelationInfo> {
        self.0.get(table.table()).cloned()
    }
}

/// Tables as their `CREATE TABLE` says; those without a primary key are append-only.
const TABLES: &str = "
    CREATE TABLE bid (auction bigint, bidder bigint, price bigint, channel text, url text, date_time timestamp, extra text);
    CREATE TABLE auction (id bigint, item_name text, description text, initial_bid bigint, reserve bigint,
        date_time timestamp, expires timestamp, seller bigint, category bigint, extra text);
    CREATE TABLE person (id bigint, name text, city text, state text);
    CREATE TABLE t (id integer PRIMARY KEY, a integer, b bigint, n numeric(10,2), d double precision, s text,
        v varchar(10), u uuid, j jsonb, ts timestamp, tz timestamptz, dt date);
    CREATE TABLE u (id integer PRIMARY KEY, a integer, s text);
";

fn declared() -> (SessionContext, Declared) {
    let context = SessionContext::new_with_state(session_state_builder(1).build());
    let mut relations = HashMap::new();
    for (number, parsed) in parse(TABLES).expect("the tables are valid").into_iter().enumerate() {
        let Statement::CreateTable(table) = parsed.statement else { panic!("only tables") };
        let fields = table.columns.iter().map(|column| {
            types::type_from_sql(&column.data_type).expect("a type").field(&column.name, !column.not_null)
        });
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        context
            .register_table(table.name.name.as_str(), Arc::new(EmptyTable::new(Arc::clone(&schema))))
            .expect("a new name");
        let key = table.primary_key.iter().map(|name| schema.index_of(name).expect("a column"));
        let unique = if table.primary_key.is_empty() { None } else { Some(key.collect()) };
        let properties = Properties { append_only: unique.is_none(), unique };
        let id = RelationId(u32::try_from(number).expect("few"));
        relations.insert(table.name.name, RelationInfo { id, schema, properties });
    }
    (context, Declared(relations))
}

async fn node_of(sql: &str, context: &SessionContext, relations: &Declared) -> Result<Node, Error> {
    let parsed = parse(sql)?.remove(0);
    let Statement::Query(query) = parsed.statement else { panic!("only queries") };
    let state = context.state();
    let plan = analyse(bind(&query, &state).await?, &state)?;
    check_deterministic(&plan)?;
    let plan = name_columns(plan, &[])?;
    let plan = optimise_for_view(plan, &state)?;
    lower(&plan, &state, relations)
}

async fn plan_of(sql: &str, context: &SessionContext, relations: &Declared) -> Result<String, Error> {
    let node = node_of(sql, context, relations).await?;
    let mut text = plan::explain(&node).join("\n");
    let columns = node.schema().fields().iter().map(|field| {
        let pg_type = types::PgType::from_field(field).map_or("?".to_owned(), |pg_type| pg_type.name());
        format!("{} {pg_type}", field.name())
    });
    let _ = write!(text, "\n= {}", columns.collect::<Vec<_>>().join(", "));
    Ok(text)
}

#[test]
fn plans() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (context, relations) = declared();
    for file in ["nexmark", "plans", "types", "refused"] {
        golden::check(&format!("src/lower/tests/{file}.txt"), |sql| {
            match runtime.block_on(plan_of(sql, &context, &relations)) {
                Ok(text) => text,
                Err(error) => format!("error: {error}"),
            }
        });
    }
}

/// A function that is wrong about its own nulls must not contradict the columns that it fills.
#[test]
fn only_columns_and_literals_are_believed_to_have_no_nulls() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (context, relations) = declared();
    for sql in [
        "SELECT id, 7 AS seven, id + 1 AS next FROM t",
        "SELECT id, seven, next FROM (SELECT id, 7 AS seven, id + 1 AS next FROM t) AS s GROUP BY id, seven, next",
    ] {
        let node = runtime.block_on(node_of(sql, &context, &relations)).expect("a plan");
        let nullable = node.schema().fields().iter().map(|field| field.is_nullable()).collect::<Vec<_>>();
        assert_eq!(nullable, [false, false, true], "{sql}");
    }
}
