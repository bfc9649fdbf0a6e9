//! What is known of a plan's rows, and how `EXPLAIN` says it.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, lit};
use datafusion::physical_plan::PhysicalExpr;

use crate::{
    Aggregate, AggregateCall, AggregateFunction, Constant, Distinct, Filter, Get, Join, JoinKey, JoinKind, Node,
    Project, Properties, RelationId, Union, explain,
};

fn schema(names: &[&str]) -> SchemaRef {
    Arc::new(Schema::new(names.iter().map(|name| Field::new(*name, DataType::Int64, true)).collect::<Vec<_>>()))
}

fn get(name: &str, columns: &[&str], unique: Option<Vec<usize>>, append_only: bool) -> Box<Node> {
    Box::new(Node::Get(Get {
        relation: RelationId(1),
        name: name.to_owned(),
        columns: (0..columns.len()).collect(),
        schema: schema(columns),
        properties: Properties { append_only, unique },
    }))
}

fn join(left: Box<Node>, right: Box<Node>, on: &[(usize, usize)], output: &[usize]) -> Node {
    let fields = [left.schema().fields().to_vec(), right.schema().fields().to_vec()].concat();
    let schema = Schema::new(output.iter().map(|&column| Arc::clone(&fields[column])).collect::<Vec<_>>());
    let on = on.iter().map(|&(left, right)| JoinKey::new(left, right)).collect();
    let (kind, residual, output) = (JoinKind::Inner, Vec::new(), output.to_vec());
    Node::Join(Join { kind, left, right, on, residual, output, schema: Arc::new(schema) })
}

fn call(function: AggregateFunction, argument: Option<usize>, distinct: bool, filter: Option<usize>) -> AggregateCall {
    AggregateCall { function, argument, distinct, filter, result: DataType::Int64 }
}

fn orders() -> Box<Node> {
    get("orders", &["id", "customer"], Some(vec![0]), false)
}

fn customers() -> Box<Node> {
    get("customers", &["id", "city"], Some(vec![0]), false)
}

#[test]
fn a_join_on_one_sides_key_keeps_the_other_sides() {
    let on_key = join(orders(), customers(), &[(1, 0)], &[0, 3]);
    assert_eq!(on_key.properties().unique, Some(vec![0]));
    // The other way round, the key stands on the right.
    let on_key = join(customers(), orders(), &[(0, 1)], &[1, 2]);
    assert_eq!(on_key.properties().unique, Some(vec![1]));
    // Part of a key is not enough, and a column that leaves no trace cannot tell rows apart.
    let items = || get("items", &["order", "line"], Some(vec![0, 1]), false);
    let both = join(orders(), items(), &[(0, 0)], &[0, 2, 3]);
    assert_eq!(both.properties().unique, Some(vec![1, 2]), "an order has many lines, a line one order");
    assert_eq!(join(orders(), items(), &[(0, 0)], &[0, 2]).properties().unique, None);
    // Neither side's key is joined on: a pair is known by both.
    let neither = join(orders(), customers(), &[(1, 1)], &[0, 2]);
    assert_eq!(neither.properties().unique, Some(vec![0, 1]));
}

#[test]
fn what_a_projection_leaves_out_is_no_key_any_more() {
    let column = |place: usize| Arc::new(Column::new("id", place)) as Arc<dyn PhysicalExpr>;
    let project = |expressions: Vec<Arc<dyn PhysicalExpr>>| {
        let schema = schema(&vec!["c"; expressions.len()]);
        Node::Project(Project { input: orders(), expressions, schema }).properties().unique
    };
    assert_eq!(project(vec![column(1), column(0)]), Some(vec![1]));
    assert_eq!(project(vec![column(1)]), None);
    let computed = Arc::new(BinaryExpr::new(column(0), Operator::Plus, lit(1_i64)));
    assert_eq!(project(vec![computed]), None, "nobody says that a computed key is unique");
}

#[test]
fn rows_that_only_come() {
    let growing = || get("events", &["id"], None, true);
    let changing = || get("t", &["id"], None, false);
    let union = |inputs: Vec<Node>| Node::Union(Union { inputs, schema: schema(&["id"]) }).properties();
    assert!(union(vec![*growing(), *growing()]).append_only);
    assert!(!union(vec![*growing(), *changing()]).append_only);
    assert!(!join(growing(), changing(), &[(0, 0)], &[0]).properties().append_only);
    let distinct = Node::Distinct(Distinct { input: growing() }).properties();
    assert_eq!(distinct, Properties { append_only: true, unique: Some(vec![0]) });
    // Groups change even if rows only come.
    let calls = vec![call(AggregateFunction::Count, None, false, None)];
    let count = Node::Aggregate(Aggregate { input: growing(), keys: vec![], calls, schema: schema(&["count"]) });
    assert_eq!(count.properties(), Properties { append_only: false, unique: Some(vec![]) });
}

#[test]
fn explain_shows_nodes_and_what_is_known() {
    let condition = BinaryExpr::new(Arc::new(Column::new("city", 1)), Operator::Gt, lit(3_i64));
    let filter = Box::new(Node::Filter(Filter { input: customers(), predicate: Arc::new(condition) }));
    let joined = Box::new(join(orders(), filter, &[(1, 0)], &[1, 0, 3]));
    let calls =
        vec![call(AggregateFunction::Count, None, false, None), call(AggregateFunction::Sum, Some(1), true, Some(2))];
    let schema_of_groups = schema(&["customer", "count", "sum"]);
    let groups = Node::Aggregate(Aggregate { input: joined, keys: vec![0], calls, schema: schema_of_groups });
    let rows = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2])) as _)]).expect("one column");
    let constant = Node::Constant(Constant { schema: rows.schema(), rows });
    let union = Node::Union(Union { inputs: vec![groups, constant], schema: schema(&["n"]) });
    let lines = explain(&union);
    let expected = [
        "UnionAll",
        "  -> Aggregate by customer: count(*), sum(DISTINCT id) FILTER (city)  (unique: customer)",
        "    -> Join: customer = id [customer, id, city]  (unique: id)",
        "      -> Get orders [id, customer]  (unique: id)",
        "      -> Filter: city > 3  (unique: id)",
        "        -> Get customers [id, city]  (unique: id)",
        "  -> Constant: 2 rows  (append-only)",
    ];
    assert_eq!(lines, expected);
}
