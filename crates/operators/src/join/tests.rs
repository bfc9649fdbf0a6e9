use changes::BATCH_BYTES_MAX;
use datafusion::logical_expr::Operator as Symbol;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::expressions::{BinaryExpr, lit};
use datafusion::physical_plan::PhysicalExpr;
use plan::Properties;

use super::*;
use crate::table::{Collected, check, complete, feed, get, schema};

pub(crate) fn plan(inputs: [(&str, Properties); 2], on: &[(usize, usize)], output: &[usize]) -> plan::Join {
    let fields = inputs.iter().flat_map(|(columns, _)| schema(columns).fields().to_vec()).collect::<Vec<_>>();
    let output_fields = output.iter().map(|&column| fields[column].clone()).collect::<Vec<_>>();
    let [(left, left_properties), (right, right_properties)] = inputs;
    plan::Join {
        left: Box::new(get(left, left_properties)),
        right: Box::new(get(right, right_properties)),
        kind: JoinKind::Inner,
        on: on.iter().map(|&(left, right)| JoinKey::new(left, right)).collect(),
        residual: Vec::new(),
        output: output.to_vec(),
        schema: Arc::new(arrow::datatypes::Schema::new(output_fields)),
    }
}

fn all(append_only: bool) -> [Properties; 2] {
    [Properties { append_only, unique: None }, Properties { append_only, unique: None }]
}

fn check_join(inputs: [&str; 2], properties: [Properties; 2], on: &[(usize, usize)], output: &[usize], script: &str) {
    let [left, right] = properties;
    let plan = plan([(inputs[0], left), (inputs[1], right)], on, output);
    check(|| Join::new(&plan).expect("a join"), &inputs, script);
}

#[test]
fn changes_of_either_side_meet_the_other() {
    check_join(
        ["k:int a:text", "k:int b:text"],
        all(false),
        &[(0, 0)],
        &[3, 1, 0],
        "
        + 1 x
        + 2 y
        + null z
        r+ 1 p
        r+ null q
        ---
        => + p x 1
        r+ 1 p
        r+ 2 q
        + 1 x
        ---
        => + p x 1
        => + p x 1
        => + p x 1
        => + q y 2
        - 1 x
        r- 2 q
        - null z
        ---
        => - p x 1
        => - p x 1
        => - q y 2
        ",
    );
}

#[test]
fn a_deletion_may_come_before_its_insertion() {
    check_join(
        ["k:int a:text", "k:int b:text"],
        all(false),
        &[(0, 0)],
        &[0, 1, 3],
        "
        r+ 1 p
        ---
        - 1 x
        ;
        r- 1 q
        ;
        + 1 x
        + 1 y
        ;
        r+ 1 q
        r+ 1 r
        ---
        => + 1 y p
        => + 1 y r
        ",
    );
}

#[test]
fn a_row_known_by_its_key_is_updated_in_any_order() {
    let unique = Properties { append_only: false, unique: Some(vec![0]) };
    check_join(
        ["k:int a:text", "k:int b:text"],
        [unique.clone(), unique],
        &[(0, 0)],
        &[0, 1, 3],
        "
        + 1 x
        r+ 1 p
        ---
        => + 1 x p
        + 1 y
        - 1 x
        ---
        => - 1 x p
        => + 1 y p
        r+ 1 q
        ;
        r- 1 p
        ---
        => - 1 y p
        => + 1 y q
        - 1 y
        + 1 z
        + 1 w
        - 1 z
        ---
        => - 1 y q
        => + 1 w q
        ",
    );
}

#[test]
fn without_keys_every_row_meets_every_other() {
    check_join(
        ["a:text", "b:text"],
        all(false),
        &[],
        &[0, 1],
        "
        + x
        + null
        r+ p
        ---
        => + x p
        => + null p
        r+ q
        - x
        ---
        => - x p
        => + null q
        ",
    );
}

#[test]
fn several_keys_of_several_types() {
    check_join(
        ["k:int a:text", "a:text k:int"],
        all(true),
        &[(0, 1), (1, 0)],
        &[0, 1],
        "
        + 1 x
        + 1 y
        + 1 null
        r+ x 1
        r+ y 2
        r+ null 1
        ---
        => + 1 x
        ",
    );
}

#[test]
fn a_row_that_goes_without_having_come_is_a_fault() {
    let [left, right] = all(false);
    let plan = plan([("k:int", left), ("k:int", right)], &[(0, 0)], &[0]);
    let mut join = Join::new(&plan).expect("a join");
    let mut output = Collected::default();
    let changes = crate::table::batch(&schema("k:int"), &[(-1, "7")]);
    feed(&mut join, Port(0), Epoch(1), changes, &mut output).expect("waits");
    let fault = complete(&mut join, Epoch(1), &mut output).expect_err("7 never came");
    assert_eq!(fault.to_string(), "join: 1 retractions of rows that are not there, such as (7)");
}

#[test]
fn a_hot_key_makes_many_batches() {
    let [left, right] = all(true);
    let plan = plan([("k:int", left), ("k:int", right)], &[(0, 0)], &[0]);
    let mut join = Join::new(&plan).expect("a join");
    let mut output = Collected::bounded(Bounds { rows: 1000, ..Bounds::BATCH });
    let rows = vec![(1, "7"); 600];
    for port in [0, 1] {
        let changes = crate::table::batch(&schema("k:int"), &rows);
        feed(&mut join, Port(port), Epoch(1), changes, &mut output).expect("takes changes");
    }
    assert_eq!(output.net(), [("7".to_owned(), 600 * 600)].into());
    assert!(output.most.rows <= 1000, "{} rows at once", output.most.rows);
}

#[test]
fn rows_of_which_no_column_is_read_count() {
    check_join(
        ["a:int", "b:text"],
        all(false),
        &[],
        &[0],
        "
        + 1
        r+ x
        r+ y
        ---
        => + 1
        => + 1
        r- x
        ---
        => - 1
        r- y
        ---
        => - 1
        ",
    );
}

type Expression = Arc<dyn PhysicalExpr>;

fn binary(left: Expression, symbol: Symbol, right: Expression) -> Expression {
    Arc::new(BinaryExpr::new(left, symbol, right))
}

fn column(place: usize) -> Expression {
    Arc::new(Column::new("c", place))
}

#[test]
fn pairs_must_meet_the_residual() {
    let inputs = ["k:int a:int", "k:int b:int"];
    let [left, right] = all(false);
    let mut plan = plan([(inputs[0], left), (inputs[1], right)], &[(0, 0)], &[0]);
    plan.residual = vec![
        binary(column(1), Symbol::LtEq, column(3)),
        binary(binary(column(3), Symbol::Divide, column(1)), Symbol::Gt, lit(1i64)),
    ];
    check(
        || Join::new(&plan).expect("a join"),
        &inputs,
        "
        + 1 2
        + 1 3
        + 1 0
        + 2 1
        r+ 1 4
        r+ 1 -1
        r+ 2 null
        ---
        => + 1
        => !+ division by zero (0,4)
        r+ 2 5
        r- 1 4
        - 1 2
        ---
        => - 1
        => !- division by zero (0,4)
        => + 2
        - 2 1
        ;
        + 2 1
        ---
        ",
    );
}

#[test]
fn null_equals_null_where_the_key_says_so() {
    let inputs = ["k:int l:int", "k:int l:int"];
    let [left, right] = all(false);
    let mut plan = plan([(inputs[0], left), (inputs[1], right)], &[(0, 0), (1, 1)], &[0, 3]);
    plan.on[0].null_equal = true;
    check(
        || Join::new(&plan).expect("a join"),
        &inputs,
        "
        + null 1
        + null null
        + 1 1
        r+ null 1
        r+ null null
        r+ 1 null
        ---
        => + null 1
        r- null 1
        r+ 1 1
        ---
        => - null 1
        => + 1 1
        ",
    );
}

#[test]
fn wide_rows_are_met_by_many_in_bounded_portions() {
    // Both the row that comes and the row that is there may be the wide one.
    for order in [[0, 1], [1, 0]] {
        let [left, right] = all(true);
        let plan = plan([("k:int", left), ("k:int b:text", right)], &[(0, 0)], &[2]);
        let mut join = Join::new(&plan).expect("a join");
        let mut output = Collected::default();
        let wide = format!("1 {}", "x".repeat(1_000_000));
        let (narrow, wide) = (vec![(1, "1"); 3000], [(1, wide.as_str())]);
        let inputs = [("k:int", narrow.as_slice()), ("k:int b:text", wide.as_slice())];
        for port in order {
            let changes = crate::table::batch(&schema(inputs[port].0), inputs[port].1);
            feed(&mut join, Port(port), Epoch(1), changes, &mut output).expect("takes changes");
        }
        complete(&mut join, Epoch(1), &mut output).expect("completes");
        assert_eq!(output.net(), [("large rows".to_owned(), 3000)].into());
        assert!(output.most.bytes <= 2 * BATCH_BYTES_MAX, "{} bytes at once", output.most.bytes);
    }
}
