use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::logical_expr::Operator as Symbol;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, col, lit};
use datafusion::physical_plan::PhysicalExpr;
use plan::Properties;

use crate::table::{check, get, schema};
use crate::{Distinct, Filter, Materialize, Operator, Output, Port, Project, Union};

type Expression = Arc<dyn PhysicalExpr>;

fn binary(left: Expression, symbol: Symbol, right: Expression) -> Expression {
    Arc::new(BinaryExpr::new(left, symbol, right).with_fail_on_overflow(true))
}

fn filter(columns: &str, predicate: Expression) -> plan::Filter {
    plan::Filter { input: Box::new(get(columns, Properties::default())), predicate }
}

fn project(columns: &str, expressions: Vec<Expression>) -> plan::Project {
    let input = schema(columns);
    let field = |expression: &Expression| {
        let data_type = expression.data_type(&input).expect("a type");
        arrow::datatypes::Field::new("c", data_type, true)
    };
    let output = Schema::new(expressions.iter().map(field).collect::<Vec<_>>());
    plan::Project { input: Box::new(get(columns, Properties::default())), expressions, schema: output.into() }
}

#[test]
fn a_filter_keeps_what_is_true() {
    let columns = "a:int b:text";
    let predicate = binary(col("a", &schema(columns)).expect("a"), Symbol::Gt, lit(1i64));
    let plan = filter(columns, predicate);
    check(
        || Filter::new(&plan).expect("a filter"),
        &[columns],
        "
        + 1 x
        + 2 y
        - 3 z
        + null w
        ---
        => + 2 y
        => - 3 z
        ",
    );
}

#[test]
fn a_row_on_which_the_condition_fails_is_an_error() {
    let columns = "a:int b:int";
    let a = || col("a", &schema(columns)).expect("a");
    let b = || col("b", &schema(columns)).expect("b");
    let quotient = || binary(binary(a(), Symbol::Divide, b()), Symbol::Gt, lit(1i64));
    let plan = filter(columns, quotient());
    check(
        || Filter::new(&plan).expect("a filter"),
        &[columns],
        "
        + 4 2
        + 1 0
        + 4 3
        + 2 0
        + 9 1
        ---
        => + 4 2
        => + 9 1
        => !+ division by zero (1,0)
        => !+ division by zero (2,0)
        - 1 0
        ---
        => !- division by zero (1,0)
        ",
    );
    let guarded = filter(columns, binary(binary(b(), Symbol::NotEq, lit(0i64)), Symbol::And, quotient()));
    check(
        || Filter::new(&guarded).expect("a filter"),
        &[columns],
        "
        + 4 2
        + 1 0
        + 4 3
        ---
        => + 4 2
        ",
    );
}

#[test]
fn a_projection_reports_in_postgres_words() {
    let columns = "a:int t:text s:int32";
    let schema = schema(columns);
    let cast = |name: &str, to: DataType| -> Expression {
        Arc::new(CastExpr::new(col(name, &schema).expect("a column"), to, None))
    };
    let plan = project(
        columns,
        vec![
            col("a", &schema).expect("a"),
            cast("t", DataType::Int16),
            cast("a", DataType::Int32),
            binary(col("s", &schema).expect("s"), Symbol::Multiply, col("s", &schema).expect("s")),
        ],
    );
    check(
        || Project::new(&plan).expect("a projection"),
        &[columns],
        "
        + 1 7 2
        + 2 x 2
        + 3 99999 2
        + 5000000000 1 2
        + 5 1 99999
        + 6 null null
        ---
        => + 1 7 1 4
        => !+ invalid input syntax for type smallint: \"x\" (2,x,2)
        => !+ value \"99999\" is out of range for type smallint (3,99999,2)
        => !+ integer out of range (5000000000,1,2)
        => !+ integer out of range (5,1,99999)
        => + 6 null 6 null
        - 2 x 2
        ---
        => !- invalid input syntax for type smallint: \"x\" (2,x,2)
        ",
    );
}

#[test]
fn a_union_passes_all_on() {
    let input = || get("a:int", Properties::default());
    let plan = plan::Union { inputs: vec![input(), input()], schema: schema("b:int") };
    let script = "
        + 1
        r+ 1
        r- 2
        ---
        => + 1
        => + 1
        => - 2
    ";
    check(|| Union::new(&plan), &["a:int", "a:int"], script);
}

#[test]
fn a_distinct_row_is_there_once() {
    let columns = "a:int b:text";
    let plan = plan::Distinct { input: Box::new(get(columns, Properties::default())) };
    check(
        || Distinct::new(&plan).expect("a distinct"),
        &[columns],
        "
        ---
        + 1 x
        + 1 x
        + 1 null
        ---
        => + 1 x
        => + 1 null
        - 1 x
        + 1 y
        ---
        => + 1 y
        - 1 x
        ---
        => - 1 x
        ",
    );
}

#[test]
fn materialized_rows_appear_an_epoch_at_a_time() {
    let schema = schema("a:int b:text");
    let rows = state::Rows::new(schema.clone(), state::Identity::Key(vec![0]), None).expect("rows");
    let shared = state::SharedRows::new(rows);
    let mut materialize = Materialize::new(shared.clone());
    let mut output = Output::default();
    let mut change = |rows: &[(i64, &str)]| {
        materialize.on_changes(Port(0), crate::table::batch(&schema, rows), &mut output).expect("takes changes");
    };
    change(&[(1, "1 x"), (1, "2 y")]);
    change(&[(-1, "2 y"), (1, "2 z")]);
    assert_eq!(shared.read().len(), 0);
    materialize.on_epoch_complete(changes::Epoch(1), &mut output).expect("completes");
    assert_eq!(shared.read().len(), 2);
    materialize.on_changes(Port(0), crate::table::batch(&schema, &[(-1, "1 w")]), &mut output).expect("waits");
    let fault = materialize.on_epoch_complete(changes::Epoch(2), &mut output).expect_err("never came");
    assert_eq!(fault.to_string(), "materialize: 1 retractions of rows that are not there, such as (1,w)");
    assert!(output.take_changes().is_empty());
}
