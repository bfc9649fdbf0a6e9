//! What expressions come to, as tables of text: rows, or the error.

use std::fmt::Write;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;

use crate::{Error, PgType, Statement, analyse, bind, golden, parse, result_schema, session_state_builder};

async fn rows_of(sql: &str, context: &SessionContext) -> Result<String, Error> {
    let parsed = parse(sql)?.remove(0);
    let Statement::Query(query) = parsed.statement else { panic!("only queries") };
    let state = context.state();
    let plan = analyse(bind(&query, &state).await?, &state)?;
    // The optimiser analyses once more, which must find nothing to do.
    let again = analyse(plan.clone(), &state)?;
    assert_eq!(again.display_indent().to_string(), plan.display_indent().to_string(), "{sql}");
    assert_eq!(again.schema(), plan.schema(), "{sql}");
    let schema = result_schema(plan.schema().as_arrow());
    let columns = schema.fields().iter().map(|field| {
        let pg_type = PgType::from_field(field).map_or("?".to_owned(), |pg_type| pg_type.name());
        format!("{} {pg_type}", field.name())
    });
    let mut text = columns.collect::<Vec<_>>().join(", ");
    let plan = state.create_physical_plan(&plan).await?;
    for batch in collect(plan, context.task_ctx()).await? {
        let options = FormatOptions::new().with_null("NULL");
        let formatters = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let formatters = formatters.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let values = formatters.iter().map(|formatter| formatter.value(row).to_string());
            let _ = write!(text, "\n{}", values.collect::<Vec<_>>().join(" | "));
        }
    }
    Ok(text)
}

#[test]
fn values() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let context = SessionContext::new_with_state(session_state_builder(1).build());
    for file in ["numbers", "texts", "times", "names"] {
        golden::check(&format!("src/semantics/tests/{file}.txt"), |sql| {
            match runtime.block_on(rows_of(sql, &context)) {
                Ok(text) => text,
                Err(Error::DataFusion(error)) => {
                    let error = error.find_root().strip_backtrace();
                    format!("error: {}", error.lines().next().unwrap_or_default())
                }
                Err(error) => format!("error: {error}"),
            }
        });
    }
}

/// Conditions as many as the parser lets there be, on a test thread's 2 MB of stack.
#[test]
fn the_longest_chains_run() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let context = SessionContext::new_with_state(session_state_builder(1).build());
    let sum = format!("SELECT 1{}", " + 1".repeat(50));
    let conditions = format!("SELECT x FROM (VALUES (1)) AS v (x) WHERE x = 1{}", " OR x = 1".repeat(450));
    let texts = format!("SELECT length('a'{})", " || 'a'".repeat(100));
    for (sql, expected) in [(sum, "?column? integer\n51"), (conditions, "x integer\n1"), (texts, "length integer\n101")]
    {
        assert_eq!(runtime.block_on(rows_of(&sql, &context)).expect("it runs"), expected);
    }
}
