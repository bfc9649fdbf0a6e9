//! Tests as text: what goes into an operator, epoch by epoch, and what comes out.
//!
//! A line is a change of a row: `+ 1 a` or `- 1 a`; `r+` and `r-` are of the right input. A line
//! `;` begins a new batch, as does another input. `---` completes the epoch; the lines after it
//! that begin with `=>` are all that it puts out, net, in any order, errors as
//! `=> !+ message (payload)`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use changes::{ChangeBatch, Epoch};
use plan::{Get, Node, Properties, RelationId};
use state::{Delta, Saved};

use crate::{Operator, Output, Port};

/// Columns written as `name:type`, apart by blanks. They can be null, but for `name:type!`.
pub(crate) fn schema(columns: &str) -> SchemaRef {
    let field = |column: &str| {
        let (name, data_type) = column.split_once(':').expect("name:type");
        Field::new(name, type_of(data_type.trim_end_matches('!')), !data_type.ends_with('!'))
    };
    Arc::new(Schema::new(columns.split_whitespace().map(field).collect::<Vec<_>>()))
}

fn type_of(name: &str) -> DataType {
    match name {
        "int" => DataType::Int64,
        "int32" => DataType::Int32,
        "float" => DataType::Float64,
        "bool" => DataType::Boolean,
        "text" => DataType::Utf8,
        "view" => DataType::Utf8View,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "decimal" => DataType::Decimal128(10, 2),
        "decimal38" => DataType::Decimal128(38, 0),
        "average" => DataType::Decimal128(14, 6),
        other => panic!("no type {other}"),
    }
}

/// A plan that reads a relation of these columns.
pub(crate) fn get(columns: &str, properties: Properties) -> Node {
    let schema = schema(columns);
    Node::Get(Get {
        relation: RelationId(1),
        name: "t".to_owned(),
        columns: (0..schema.fields().len()).collect(),
        schema,
        properties,
    })
}

/// Rows of these columns with their diffs, from text.
pub(crate) fn batch(schema: &SchemaRef, rows: &[(i64, &str)]) -> ChangeBatch {
    let columns = schema.fields().iter().enumerate().map(|(index, field)| -> ArrayRef {
        let value = |row: &'_ str| -> Option<String> {
            row.split_whitespace().nth(index).filter(|&value| value != "null").map(str::to_owned)
        };
        let values = rows.iter().map(|(_, row)| value(row));
        let text: ArrayRef = Arc::new(values.collect::<StringArray>());
        compute::cast(&text, field.data_type()).expect("a value of the column's type")
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let columns = columns.collect();
    let diffs = rows.iter().map(|(diff, _)| *diff).collect::<Vec<_>>();
    ChangeBatch::new(RecordBatch::try_new_with_options(schema.clone(), columns, &options).expect("rows"), diffs.into())
}

/// A row as the tables have it.
pub(crate) fn text(rows: &RecordBatch, row: usize) -> String {
    let options = FormatOptions::default().with_null("null");
    let value = |column: &ArrayRef| ArrayFormatter::try_new(column, &options).expect("a format").value(row).to_string();
    rows.columns().iter().map(value).collect::<Vec<_>>().join(" ")
}

/// All that was put out, net. Every batch must be of a sound size.
pub(crate) fn net(output: &mut Output) -> BTreeMap<String, i64> {
    let mut net = BTreeMap::new();
    for batch in output.take_changes() {
        assert!(batch.len() <= changes::BATCH_ROWS_MAX);
        for row in 0..batch.len() {
            *net.entry(text(batch.rows(), row)).or_default() += batch.diffs().get(row);
        }
    }
    for error in output.take_errors() {
        *net.entry(format!("! {} {}", error.message, error.payload)).or_default() += error.diff;
    }
    net.retain(|_, diff| *diff != 0);
    net
}

/// Runs `script` through what `make` makes, once as it is, and once with the operator saved and
/// made anew before every epoch.
pub(crate) fn check<O: Operator>(make: impl Fn() -> O, inputs: &[&str], script: &str) {
    run(&make, inputs, script, false);
    run(&make, inputs, script, true);
}

fn run<O: Operator>(make: &impl Fn() -> O, inputs: &[&str], script: &str, is_saved: bool) {
    let schemas = inputs.iter().map(|columns| schema(columns)).collect::<Vec<_>>();
    let (mut operator, mut output, mut saved) = (make(), Output::default(), Saved::default());
    let mut epoch = Epoch::ZERO;
    let mut pending: Vec<(usize, Vec<(i64, &str)>)> = Vec::new();
    let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        let (word, row) = line.split_once(' ').unwrap_or((line, ""));
        let (port, diff) = match word {
            "+" => (0, 1),
            "-" => (0, -1),
            "r+" => (1, 1),
            "r-" => (1, -1),
            ";" => {
                pending.push((0, Vec::new()));
                continue;
            }
            "---" => {
                for (port, rows) in pending.drain(..).filter(|(_, rows)| !rows.is_empty()) {
                    operator.on_changes(Port(port), batch(&schemas[port], &rows), &mut output).expect("takes changes");
                }
                epoch = epoch.next();
                operator.on_epoch_complete(epoch, &mut output).expect("completes the epoch");
                let mut expected = BTreeMap::<String, i64>::new();
                while let Some(line) = lines.next_if(|line| line.starts_with("=>")) {
                    let line = line.trim_start_matches("=>").trim();
                    let (sign, row) = line.split_once(' ').unwrap_or((line, ""));
                    let (key, sign) = match sign.strip_prefix('!') {
                        Some(sign) => (format!("! {row}"), sign),
                        None => (row.to_owned(), sign),
                    };
                    *expected.entry(key).or_default() += if sign == "+" { 1 } else { -1 };
                }
                assert_eq!(net(&mut output), expected, "epoch {epoch}, saved: {is_saved}");
                if is_saved {
                    let mut delta = Delta::default();
                    operator.checkpoint(&mut delta).expect("saves");
                    saved.apply(delta);
                    let before = operator.state_rows();
                    operator = make();
                    operator.restore(&saved).expect("restores");
                    assert_eq!(operator.state_rows(), before, "after epoch {epoch}");
                }
                continue;
            }
            other => panic!("not a change: {other}"),
        };
        match pending.last_mut() {
            Some((last, rows)) if *last == port || rows.is_empty() => {
                *last = port;
                rows.push((diff, row));
            }
            _ => pending.push((port, vec![(diff, row)])),
        }
    }
}
