//! How often conditions are evaluated, wherever they stand in a query.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;

use crate::{Statement, analyse, bind, parse, session_state_builder};

/// `counted(a)`: its argument, and how many rows it was asked for.
#[derive(Clone, Debug)]
struct Counted {
    rows: Arc<AtomicUsize>,
    signature: Signature,
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.rows, &other.rows)
    }
}

impl Eq for Counted {}

impl std::hash::Hash for Counted {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.signature.hash(state);
    }
}

impl ScalarUDFImpl for Counted {
    fn name(&self) -> &str {
        "counted"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.rows.fetch_add(arguments.number_rows, Ordering::Relaxed);
        Ok(arguments.args[0].clone())
    }
}

/// Rows of `t(a, b)`: `a` counts from 0, `b` is 0 in every second row.
const ROWS: usize = 100;

struct Counting {
    context: SessionContext,
    rows: Arc<AtomicUsize>,
}

impl Counting {
    fn new() -> Self {
        let context = SessionContext::new_with_state(session_state_builder(1).build());
        let a: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS as i64));
        let b: ArrayRef = Arc::new(Int64Array::from_iter_values((0..ROWS as i64).map(|row| row % 2)));
        let schema = Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Int64, true)]);
        let schema = Arc::new(schema);
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![a, b]).expect("two columns");
        let table = MemTable::try_new(schema, vec![vec![batch]]).expect("a table");
        context.register_table("t", Arc::new(table)).expect("a new name");
        let rows = Arc::<AtomicUsize>::default();
        let signature = Signature::exact(vec![DataType::Int64], Volatility::Immutable);
        context.register_udf(ScalarUDF::new_from_impl(Counted { rows: Arc::clone(&rows), signature }));
        Counting { context, rows }
    }

    /// Runs a query: its rows, and how many rows `counted` was asked for.
    async fn run(&self, sql: &str) -> (Vec<RecordBatch>, usize) {
        let Statement::Query(query) = parse(sql).expect(sql).remove(0).statement else { panic!("only queries") };
        let state = self.context.state();
        let plan = analyse(bind(&query, &state).await.expect(sql), &state).expect(sql);
        let plan = state.create_physical_plan(&plan).await.expect(sql);
        self.rows.store(0, Ordering::Relaxed);
        let batches = collect(plan, self.context.task_ctx()).await.expect(sql);
        (batches, self.rows.load(Ordering::Relaxed))
    }

    async fn count(&self, sql: &str) -> usize {
        self.run(sql).await.1
    }
}

/// `counted(a) < 0 OR counted(a) < 1 OR ...`
fn chain(terms: usize, operator: &str) -> String {
    (0..terms).map(|term| format!("counted(a + {term}) < {term}")).collect::<Vec<_>>().join(operator)
}

#[tokio::test]
async fn a_chain_evaluates_each_term_at_most_once_a_row() {
    let counting = Counting::new();
    // Nothing decides: counted(a + n) < n is false for all of them.
    let any = chain(30, " OR ");
    for sql in [
        format!("SELECT a FROM t WHERE {any}"),
        format!("SELECT {any} FROM t"),
        format!("SELECT count(*) FILTER (WHERE {any}) FROM t"),
        format!("SELECT sum(CASE WHEN {any} THEN 1 ELSE 0 END) FROM t"),
        format!("SELECT count(*) FROM t GROUP BY {any}"),
    ] {
        assert_eq!(counting.count(&sql).await, 30 * ROWS, "{sql}");
    }
}

#[tokio::test]
async fn decided_rows_are_not_evaluated() {
    let counting = Counting::new();
    let half = ROWS / 2;
    for (condition, expected) in [
        ("b <> 0 AND counted(a) >= 0", half),
        ("b = 0 OR counted(a) >= 0", half),
        // The second condition decides all that the first one left.
        ("b <> 0 AND counted(a) < 0 AND counted(b) > 0", half),
        ("(b = 0 OR counted(a) >= 0) AND counted(b) >= 0", half + ROWS),
        ("NOT (b <> 0 AND counted(a) >= 0)", half),
        // What is null decides nothing.
        ("NULLIF(b, 0) > 0 AND counted(a) >= 0", ROWS),
    ] {
        for sql in [
            format!("SELECT a FROM t WHERE {condition}"),
            format!("SELECT {condition} FROM t"),
            format!("SELECT count(*) FILTER (WHERE {condition}) FROM t"),
            format!("SELECT a FROM t ORDER BY {condition}"),
            format!("SELECT bool_or({condition}) FROM t"),
            format!("SELECT bool_or({condition}) OVER (PARTITION BY 1) FROM t"),
            format!("SELECT {condition}, count(*) FROM t GROUP BY {condition}"),
        ] {
            assert_eq!(counting.count(&sql).await, expected, "{sql}");
        }
    }
}

#[tokio::test]
async fn conditions_of_joins_are_guarded() {
    let counting = Counting::new();
    // Of 10 x 10 pairs, the first condition lets through 10.
    let from = "(SELECT a FROM t WHERE a < 10) AS l";
    let join = "(SELECT a AS x FROM t WHERE a < 10) AS r ON";
    for kind in ["JOIN", "LEFT JOIN", "FULL JOIN"] {
        let sql =
            format!("SELECT * FROM {from} {kind} {join} l.a < r.x - 8 OR (l.a > r.x + 100 AND counted(l.a + x) > 0)");
        assert_eq!(counting.count(&sql).await, 0, "{sql}");
        let sql = format!("SELECT * FROM {from} {kind} {join} l.a > 8 AND counted(l.a + x) >= 0");
        assert_eq!(counting.count(&sql).await, 10, "{sql}");
    }
}

#[tokio::test]
async fn values_are_those_of_sql() {
    let counting = Counting::new();
    let truth = ["true", "false", "NULL::boolean"];
    for left in truth {
        for right in truth {
            // `counted` keeps both sides from being folded, and from being safe.
            let value = |value: &str| format!("(CASE WHEN counted(a) >= 0 THEN {value} END)");
            let (guarded_left, guarded_right) = (value(left), value(right));
            for operator in ["AND", "OR"] {
                let sql = format!(
                    "SELECT count(*) FROM t WHERE ({guarded_left} {operator} {guarded_right}) \
                     IS NOT DISTINCT FROM ({left} {operator} {right})"
                );
                let (batches, _) = counting.run(&sql).await;
                let count = batches[0].column(0).as_primitive::<Int64Type>().value(0);
                assert_eq!(count, ROWS as i64, "{sql}");
            }
        }
    }
}

#[tokio::test]
async fn chains_may_be_as_long_as_a_statement_may_have_them() {
    let counting = Counting::new();
    for operator in [" OR ", " AND "] {
        let chain = (0..240).map(|term| format!("counted(a) <> {}", 1000 + term)).collect::<Vec<_>>().join(operator);
        let expected = if operator == " OR " { ROWS } else { 240 * ROWS };
        assert_eq!(
            counting.count(&format!("SELECT count(*) FROM t WHERE NULLIF(a, a) > 0 OR ({chain})")).await,
            expected
        );
    }
}
