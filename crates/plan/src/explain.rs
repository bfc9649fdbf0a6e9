//! The plan as `EXPLAIN` shows it: a node a line, inputs indented below.

use std::fmt::Write;

use arrow::datatypes::SchemaRef;
use datafusion::physical_expr_common::physical_expr::fmt_sql;

use crate::{AggregateCall, JoinKind, Node};

/// The lines of a plan, the last operator first.
#[must_use]
pub fn explain(node: &Node) -> Vec<String> {
    let mut lines = Vec::new();
    write_node(node, 0, &mut lines);
    lines
}

fn write_node(node: &Node, depth: usize, lines: &mut Vec<String>) {
    let mut line = "  ".repeat(depth);
    if depth > 0 {
        line.push_str("-> ");
    }
    line.push_str(&describe(node));
    let properties = node.properties();
    if properties.append_only {
        line.push_str("  (append-only)");
    }
    if let Some(key) = &properties.unique {
        let names = if key.is_empty() { "one row".to_owned() } else { names(node.schema(), key) };
        let _ = write!(line, "  (unique: {names})");
    }
    lines.push(line);
    for input in node.inputs() {
        write_node(input, depth + 1, lines);
    }
}

fn describe(node: &Node) -> String {
    match node {
        Node::Get(get) => format!("Get {} [{}]", get.name, all_names(&get.schema)),
        Node::Constant(constant) => format!("Constant: {} rows", constant.rows.num_rows()),
        Node::Filter(filter) => format!("Filter: {}", fmt_sql(filter.predicate.as_ref())),
        Node::Project(project) => {
            let columns = project.expressions.iter().zip(project.schema.fields());
            let columns = columns.map(|(expression, field)| {
                let expression = fmt_sql(expression.as_ref()).to_string();
                if expression == *field.name() { expression } else { format!("{expression} AS {}", field.name()) }
            });
            format!("Project: {}", columns.collect::<Vec<_>>().join(", "))
        }
        Node::Union(_) => "UnionAll".to_owned(),
        Node::Join(join) => {
            let JoinKind::Inner = join.kind;
            let columns = all_names(&join.schema);
            let name = |node: &Node, column: usize| node.schema().field(column).name().clone();
            let on = join.on.iter().map(|key| {
                let equals = if key.null_equal { "IS NOT DISTINCT FROM" } else { "=" };
                format!("{} {equals} {}", name(&join.left, key.left), name(&join.right, key.right))
            });
            let residual = join.residual.iter().map(|condition| fmt_sql(condition.as_ref()).to_string());
            match on.chain(residual).collect::<Vec<_>>().join(" AND ").as_str() {
                "" => format!("CrossJoin [{columns}]"),
                conditions => format!("Join: {conditions} [{columns}]"),
            }
        }
        Node::Aggregate(aggregate) => {
            let input = aggregate.input.schema();
            let calls = aggregate.calls.iter().map(|call| describe_call(call, input)).collect::<Vec<_>>().join(", ");
            match aggregate.keys.as_slice() {
                [] => format!("Aggregate: {calls}"),
                keys => format!("Aggregate by {}: {calls}", names(input, keys)),
            }
        }
        Node::Distinct(_) => "Distinct".to_owned(),
    }
}

fn describe_call(call: &AggregateCall, input: &SchemaRef) -> String {
    let argument = call.argument.map_or("*".to_owned(), |column| input.field(column).name().clone());
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    let filter = call.filter.map(|column| format!(" FILTER ({})", input.field(column).name())).unwrap_or_default();
    format!("{}({distinct}{argument}){filter}", call.function)
}

fn names(schema: &SchemaRef, columns: &[usize]) -> String {
    columns.iter().map(|&column| schema.field(column).name().as_str()).collect::<Vec<_>>().join(", ")
}

fn all_names(schema: &SchemaRef) -> String {
    schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ")
}
