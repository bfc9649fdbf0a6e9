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
use changes::{Bounds, ChangeBatch, Epoch, bytes_of};
use plan::{Get, Node, Properties, RelationId};
use state::{CheckpointReader, CheckpointWriter, Partition, Saved};

use crate::{Fault, Moment, Operator, Output, Port, Progress};

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

/// What an operator has put out.
pub(crate) struct Collected {
    output: Output,
    net: BTreeMap<String, i64>,
    /// Calls it took.
    pub(crate) calls: usize,
    /// Rows, and bytes, that were put out by one call at most.
    pub(crate) most: Bounds,
}

impl Collected {
    /// From an operator that may do so much at once.
    pub(crate) fn bounded(bounds: Bounds) -> Collected {
        Collected {
            output: Output::bounded(bounds),
            net: BTreeMap::new(),
            calls: 0,
            most: Bounds { rows: 0, bytes: 0 },
        }
    }

    /// All since the last time, net, errors as `! message payload`.
    pub(crate) fn net(&mut self) -> BTreeMap<String, i64> {
        let mut net = std::mem::take(&mut self.net);
        net.retain(|_, diff| *diff != 0);
        net
    }

    /// Lets the operator go on until it is done. Every batch must be of a sound size.
    fn finish(&mut self, operator: &mut impl Operator, mut progress: Result<Progress, Fault>) -> Result<(), Fault> {
        loop {
            self.calls += 1;
            let (mut rows, mut bytes) = (0, 0);
            for batch in self.output.take_changes() {
                let batch_bytes = bytes_of(batch.rows().columns(), 0..batch.len());
                assert!(batch.len() <= Bounds::BATCH.rows);
                assert!(batch.len() == 1 || batch_bytes <= Bounds::BATCH.bytes);
                (rows, bytes) = (rows + batch.len(), bytes + batch_bytes);
                if batch_bytes > LARGE_BYTES {
                    // Of large rows it is enough to count them.
                    *self.net.entry("large rows".to_owned()).or_default() += batch.len() as i64;
                    continue;
                }
                for row in 0..batch.len() {
                    *self.net.entry(text(batch.rows(), row)).or_default() += batch.diffs().get(row);
                }
            }
            for error in self.output.take_errors() {
                *self.net.entry(format!("! {} {}", error.message, error.payload)).or_default() += error.diff;
            }
            self.most = Bounds { rows: self.most.rows.max(rows), bytes: self.most.bytes.max(bytes) };
            if progress? == Progress::Done {
                return Ok(());
            }
            progress = operator.resume(&mut self.output);
        }
    }
}

impl Default for Collected {
    fn default() -> Collected {
        Collected::bounded(Bounds::BATCH)
    }
}

/// Hands changes to an operator, and waits until it is done with them.
pub(crate) fn feed(
    operator: &mut impl Operator,
    input: Port,
    epoch: Epoch,
    changes: ChangeBatch,
    output: &mut Collected,
) -> Result<(), Fault> {
    let progress = operator.on_changes(input, epoch, changes, &mut output.output);
    output.finish(operator, progress)
}

/// Completes an epoch, and waits until the operator is done.
pub(crate) fn complete(operator: &mut impl Operator, epoch: Epoch, output: &mut Collected) -> Result<(), Fault> {
    let progress = operator.on_epoch_complete(&Moment { epoch, now_us: 0 }, &mut output.output);
    output.finish(operator, progress)
}

/// Writes a checkpoint, as the only worker there is.
pub(crate) fn save(operator: &mut impl Operator, saved: &Saved) {
    operator.checkpoint(&CheckpointWriter::new(saved, Partition::ALL, vec![])).expect("saves");
}

/// Makes an operator what the one was that wrote a checkpoint as the only worker.
pub(crate) fn restored<O: Operator>(make: impl Fn() -> O, saved: &Saved) -> O {
    let mut operator = make();
    operator.restore(&CheckpointReader::new(saved, Partition::ALL, 1, vec![])).expect("restores");
    operator
}

/// Divides what a checkpoint holds among `count` workers, and brings it together again: as one that was written
/// by one worker alone.
pub(crate) fn divided<O: Operator>(make: impl Fn() -> O, saved: &Saved, count: usize) -> (O, Saved) {
    let by_many = Saved::default();
    for index in 0..count {
        let partition = Partition { index, count };
        let mut part = make();
        part.restore(&CheckpointReader::new(saved, partition, 1, vec![])).expect("restores a part");
        part.checkpoint(&CheckpointWriter::new(&by_many, partition, vec![])).expect("saves a part");
    }
    let (mut operator, together) = (make(), Saved::default());
    operator.restore(&CheckpointReader::new(&by_many, Partition::ALL, count, vec![])).expect("restores all parts");
    save(&mut operator, &together);
    (operator, together)
}

/// Batches of more bytes have their rows counted, not compared.
const LARGE_BYTES: usize = 500_000;

/// So little that an operator that yields at all does so all the time.
pub(crate) const LITTLE: Bounds = Bounds { rows: 1, bytes: 1 };

/// How a script is run.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Each row is a batch.
    is_row_by_row: bool,
    /// The operator is saved and made anew before every epoch.
    is_saved: bool,
    /// What it may do at once.
    bounds: Bounds,
}

/// Runs `script` through what `make` makes: as it is and row by row, with the operator saved and
/// made anew before every epoch or not, and with an operator that may do much or little at once.
pub(crate) fn check<O: Operator>(make: impl Fn() -> O, inputs: &[&str], script: &str) {
    for is_row_by_row in [false, true] {
        for is_saved in [false, true] {
            for bounds in [Bounds::BATCH, LITTLE] {
                run(&make, inputs, script, Way { is_row_by_row, is_saved, bounds });
            }
        }
    }
}

fn run<O: Operator>(make: &impl Fn() -> O, inputs: &[&str], script: &str, way: Way) {
    let schemas = inputs.iter().map(|columns| schema(columns)).collect::<Vec<_>>();
    let (mut operator, mut output, saved) = (make(), Collected::bounded(way.bounds), Saved::default());
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
                epoch = epoch.next();
                for (port, rows) in pending.drain(..).filter(|(_, rows)| !rows.is_empty()) {
                    for rows in rows.chunks(if way.is_row_by_row { 1 } else { rows.len() }) {
                        let changes = batch(&schemas[port], rows);
                        feed(&mut operator, Port(port), epoch, changes, &mut output).expect("takes changes");
                    }
                }
                complete(&mut operator, epoch, &mut output).expect("completes the epoch");
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
                assert_eq!(output.net(), expected, "epoch {epoch}, {way:?}");
                if way.is_saved {
                    let before = operator.state_rows();
                    save(&mut operator, &saved);
                    operator = restored(make, &saved);
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
