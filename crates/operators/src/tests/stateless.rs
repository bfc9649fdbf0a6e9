use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, StringArray};
use arrow::datatypes::{DataType, Int64Type, Schema};
use changes::{ChangeBatch, Epoch};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{
    ColumnarValue, Operator as Symbol, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, col, lit};
use datafusion::physical_plan::PhysicalExpr;
use plan::Properties;

use crate::table::{Collected, check, complete, feed, get, schema};
use crate::{Distinct, Filter, Materialize, Port, Project, Union};

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
    let rows = state::Rows::new(schema.clone(), state::Identity::Key(vec![0])).expect("rows");
    let shared = state::SharedRows::new(rows);
    let mut materialize = Materialize::new(shared.clone());
    let mut output = Collected::default();
    let seen = |at| -> usize {
        let scan = |chunk: std::sync::Arc<state::Chunk>| chunk.scan(Epoch(at), &[0]).expect("a scan of memory");
        shared.chunks().filter_map(scan).map(|rows| rows.num_rows()).sum()
    };
    for rows in [[(1, "1 x"), (1, "2 y")], [(-1, "2 y"), (1, "2 z")]] {
        let changes = crate::table::batch(&schema, &rows);
        feed(&mut materialize, Port(0), Epoch(2), changes, &mut output).expect("takes changes");
    }
    complete(&mut materialize, Epoch(2), &mut output).expect("completes");
    assert_eq!((seen(1), seen(2)), (0, 2));
    let changes = crate::table::batch(&schema, &[(-1, "1 w")]);
    feed(&mut materialize, Port(0), Epoch(3), changes, &mut output).expect("waits");
    let fault = complete(&mut materialize, Epoch(3), &mut output).expect_err("never came");
    assert_eq!(fault.to_string(), "materialize: 1 retractions of rows that are not there, such as (1,w)");
    assert!(output.net().is_empty());
}

/// A function of one number that has a fault, or a large result.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Strange {
    signature: Signature,
    result: DataType,
}

impl ScalarUDFImpl for Strange {
    fn name(&self) -> &'static str {
        "strange"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> datafusion::error::Result<DataType> {
        Ok(self.result.clone())
    }

    /// Panics for numbers below zero; of others, a text of so many bytes, or their being there.
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> datafusion::error::Result<ColumnarValue> {
        let numbers = ColumnarValue::values_to_arrays(&args.args)?.remove(0);
        let numbers = numbers.as_primitive::<Int64Type>().values();
        assert!(numbers.iter().all(|&number| number >= 0), "no such number");
        let text = |&number: &i64| "x".repeat(usize::try_from(number).expect("not below zero"));
        Ok(ColumnarValue::Array(match self.result {
            DataType::Boolean => Arc::new(numbers.iter().map(|_| Some(true)).collect::<BooleanArray>()),
            _ => Arc::new(StringArray::from_iter_values(numbers.iter().map(text))),
        }))
    }
}

fn strange(columns: &str, result: DataType) -> Expression {
    let signature = Signature::exact(vec![DataType::Int64], Volatility::Immutable);
    let function = Arc::new(ScalarUDF::new_from_impl(Strange { signature, result: result.clone() }));
    let argument = col("a", &schema(columns)).expect("a");
    let field = Arc::new(arrow::datatypes::Field::new("strange", result, true));
    Arc::new(ScalarFunctionExpr::new("strange", function, vec![argument], field, Arc::new(ConfigOptions::default())))
}

#[test]
fn a_function_that_panics_has_failed_on_its_row() {
    let columns = "a:int";
    let plan = project(columns, vec![strange(columns, DataType::Utf8)]);
    let script = "
        + 1
        + -1
        + 2
        ---
        => + x
        => !+ internal error: no such number (-1)
        => + xx
        - -1
        ---
        => !- internal error: no such number (-1)
    ";
    check(|| Project::new(&plan).expect("a projection"), &[columns], script);
    let plan = filter(columns, strange(columns, DataType::Boolean));
    let script = "
        + 1
        + -1
        ---
        => + 1
        => !+ internal error: no such number (-1)
    ";
    check(|| Filter::new(&plan).expect("a filter"), &[columns], script);
}

#[test]
fn large_results_come_a_portion_at_a_time() {
    let columns = "a:int";
    let plan = project(columns, vec![strange(columns, DataType::Utf8)]);
    let mut project = Project::new(&plan).expect("a projection");
    let mut output = Collected::default();
    // 5 GB in all, which Arrow could not form together.
    let numbers = Arc::new(arrow::array::Int64Array::from(vec![1_000_000; 5000])) as _;
    let rows = arrow::array::RecordBatch::try_new(schema(columns), vec![numbers]).expect("a column");
    feed(&mut project, Port(0), Epoch(1), ChangeBatch::inserts(rows), &mut output).expect("takes changes");
    assert_eq!(output.net(), [("large rows".to_owned(), 5000)].into());
    assert!(output.most.bytes < 300 << 20, "{} bytes at once", output.most.bytes);
}

#[test]
fn rows_that_all_fail_take_several_turns() {
    let columns = "a:int";
    let plan = project(columns, vec![strange(columns, DataType::Utf8)]);
    let mut project = Project::new(&plan).expect("a projection");
    let mut output = Collected::default();
    let rows = vec![(1, "-1"); 2000];
    let changes = crate::table::batch(&schema(columns), &rows);
    feed(&mut project, Port(0), Epoch(1), changes, &mut output).expect("takes changes");
    assert_eq!(output.net(), [("! internal error: no such number (-1)".to_owned(), 2000)].into());
    assert!(output.calls > 1, "it yields in between");
}
