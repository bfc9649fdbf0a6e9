//! `repeat`, `lpad` and `rpad`, whose results are as long as their numbers say: within Postgres' bound,
//! so that a slip of the pen does not fill the memory.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::error::{DataFusionError, Result};

use super::plain::{PlainFunction, Values};

/// No text is longer, in bytes; nor are all of one batch.
const BYTES_MAX: usize = 1 << 30;

pub(super) const ALL: [PlainFunction; 3] = [
    PlainFunction {
        name: "repeat",
        aliases: &[],
        coerce: |types| match types {
            [text, count] if is_text(text) && is_count(count) => Some(vec![DataType::Utf8, DataType::Int64]),
            _ => None,
        },
        result: |_| Ok(DataType::Utf8),
        values: repeat,
    },
    PlainFunction {
        name: "lpad",
        aliases: &[],
        coerce: padded_types,
        result: |_| Ok(DataType::Utf8),
        values: |values| pad(values, true),
    },
    PlainFunction {
        name: "rpad",
        aliases: &[],
        coerce: padded_types,
        result: |_| Ok(DataType::Utf8),
        values: |values| pad(values, false),
    },
];

fn is_text(data_type: &DataType) -> bool {
    data_type.is_string() || data_type.is_null()
}

fn is_count(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_null()
}

fn padded_types(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [text, length] if is_text(text) && is_count(length) => Some(vec![DataType::Utf8, DataType::Int64]),
        [text, length, fill] if is_text(text) && is_count(length) && is_text(fill) => {
            Some(vec![DataType::Utf8, DataType::Int64, DataType::Utf8])
        }
        _ => None,
    }
}

/// Adds to the bytes of a batch.
fn make_room(total: &mut usize, bytes: Option<usize>) -> Result<()> {
    *total = bytes.and_then(|bytes| total.checked_add(bytes)).unwrap_or(usize::MAX);
    if *total > BYTES_MAX {
        return Err(DataFusionError::Execution("requested length too large".to_owned()));
    }
    Ok(())
}

fn repeat(values: &Values<'_>) -> Result<ArrayRef> {
    let (texts, counts) = (cast(&values.array(0)?, &DataType::Utf8)?, cast(&values.array(1)?, &DataType::Int64)?);
    let (mut total, mut out) = (0, StringBuilder::new());
    for (text, count) in texts.as_string::<i32>().iter().zip(counts.as_primitive::<Int64Type>()) {
        let (Some(text), Some(count)) = (text, count) else {
            out.append_null();
            continue;
        };
        let count = usize::try_from(count).unwrap_or(0);
        make_room(&mut total, text.len().checked_mul(count))?;
        out.append_value(text.repeat(count));
    }
    Ok(Arc::new(out.finish()))
}

fn pad(values: &Values<'_>, is_left: bool) -> Result<ArrayRef> {
    let (texts, lengths) = (cast(&values.array(0)?, &DataType::Utf8)?, cast(&values.array(1)?, &DataType::Int64)?);
    let fills = match values.arguments.len() {
        3 => Some(cast(&values.array(2)?, &DataType::Utf8)?),
        _ => None,
    };
    let (texts, fills) = (texts.as_string::<i32>(), fills.as_ref().map(|fills| fills.as_string::<i32>()));
    let (mut total, mut out) = (0, StringBuilder::new());
    for (row, length) in lengths.as_primitive::<Int64Type>().iter().enumerate() {
        let fill = fills.map_or(Some(" "), |fills| fills.is_valid(row).then(|| fills.value(row)));
        let (true, Some(length), Some(fill)) = (texts.is_valid(row), length, fill) else {
            out.append_null();
            continue;
        };
        let (text, length) = (texts.value(row), usize::try_from(length).unwrap_or(0));
        let missing = length.saturating_sub(text.chars().count());
        make_room(&mut total, missing.checked_mul(4).and_then(|bytes| bytes.checked_add(text.len())))?;
        let kept = text.chars().take(length);
        let filling = fill.chars().cycle().take(if fill.is_empty() { 0 } else { missing });
        out.append_value(if is_left { filling.chain(kept).collect::<String>() } else { kept.chain(filling).collect() });
    }
    Ok(Arc::new(out.finish()))
}
