//! Functions whose results are longer than what they are given: within Postgres' bound, which is looked at before
//! any memory is asked for, so that a slip of the pen does not fill it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::compute::kernels::concat_elements::concat_elements_utf8;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::error::Result;
use datafusion::functions::string;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::plain::{PlainFunction, Values};
use crate::ValueError;

/// No text is longer, in bytes; nor are all of one batch.
const BYTES_MAX: usize = 1 << 30;

/// A constant is shorter, for the optimiser copies it and writes it out many times.
const CONSTANT_BYTES_MAX: usize = 256 << 20;

/// `left || right` of texts, by the name that Postgres has for it.
pub(crate) const TEXTCAT: PlainFunction = PlainFunction {
    name: "textcat",
    aliases: &[],
    coerce: |types| match types {
        [left, right] if is_text(left) && is_text(right) => Some(vec![DataType::Utf8; 2]),
        _ => None,
    },
    result: |_| Ok(DataType::Utf8),
    values: textcat,
};

pub(super) const ALL: [PlainFunction; 5] = [
    TEXTCAT,
    PlainFunction {
        name: "replace",
        aliases: &[],
        coerce: |types| match types {
            [text, from, to] if [text, from, to].into_iter().all(is_text) => Some(vec![DataType::Utf8; 3]),
            _ => None,
        },
        result: |_| Ok(DataType::Utf8),
        values: replace,
    },
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

/// How many bytes a call may still make.
struct Room(usize);

impl Room {
    fn of(arguments: &[ColumnarValue]) -> Self {
        let is_constant = arguments.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        Room(if is_constant { CONSTANT_BYTES_MAX } else { BYTES_MAX })
    }

    fn take(&mut self, bytes: Option<usize>) -> Result<()> {
        let left = bytes.and_then(|bytes| self.0.checked_sub(bytes));
        self.0 = left.ok_or(ValueError::TooLarge)?;
        Ok(())
    }
}

fn textcat(values: &Values<'_>) -> Result<ArrayRef> {
    let (left, right) = (cast(&values.array(0)?, &DataType::Utf8)?, cast(&values.array(1)?, &DataType::Utf8)?);
    let (left, right) = (left.as_string::<i32>(), right.as_string::<i32>());
    let bytes = |texts: &StringArray| {
        texts.offsets().last().zip(texts.offsets().first()).map(|(end, start)| (end - start) as usize)
    };
    Room::of(values.arguments).take(bytes(left).zip(bytes(right)).map(|(left, right)| left + right))?;
    Ok(Arc::new(concat_elements_utf8(left, right)?))
}

fn replace(values: &Values<'_>) -> Result<ArrayRef> {
    let texts = [values.array(0)?, values.array(1)?, values.array(2)?];
    let texts = texts.iter().map(|texts| cast(texts, &DataType::Utf8)).collect::<Result<Vec<_>, _>>()?;
    let [text, from, to] = [0, 1, 2].map(|place| texts[place].as_string::<i32>());
    let (mut room, mut out) = (Room::of(values.arguments), StringBuilder::new());
    for ((text, from), to) in text.iter().zip(from).zip(to) {
        let (Some(text), Some(from), Some(to)) = (text, from, to) else {
            out.append_null();
            continue;
        };
        if from.is_empty() {
            room.take(Some(text.len()))?;
            out.append_value(text);
            continue;
        }
        let added =
            if to.len() > from.len() { text.matches(from).count().checked_mul(to.len() - from.len()) } else { Some(0) };
        room.take(added.and_then(|added| added.checked_add(text.len())))?;
        out.append_value(text.replace(from, to));
    }
    Ok(Arc::new(out.finish()))
}

fn repeat(values: &Values<'_>) -> Result<ArrayRef> {
    let (texts, counts) = (cast(&values.array(0)?, &DataType::Utf8)?, cast(&values.array(1)?, &DataType::Int64)?);
    let (mut room, mut out) = (Room::of(values.arguments), StringBuilder::new());
    for (text, count) in texts.as_string::<i32>().iter().zip(counts.as_primitive::<Int64Type>()) {
        let (Some(text), Some(count)) = (text, count) else {
            out.append_null();
            continue;
        };
        let count = usize::try_from(count).unwrap_or(0);
        room.take(text.len().checked_mul(count))?;
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
    let (mut room, mut out) = (Room::of(values.arguments), StringBuilder::new());
    for (row, length) in lengths.as_primitive::<Int64Type>().iter().enumerate() {
        let fill = fills.map_or(Some(" "), |fills| fills.is_valid(row).then(|| fills.value(row)));
        let (true, Some(length), Some(fill)) = (texts.is_valid(row), length, fill) else {
            out.append_null();
            continue;
        };
        let (text, length) = (texts.value(row), usize::try_from(length).unwrap_or(0));
        let missing = length.saturating_sub(text.chars().count());
        room.take(missing.checked_mul(4).and_then(|bytes| bytes.checked_add(text.len())))?;
        let kept = text.chars().take(length);
        let filling = fill.chars().cycle().take(if fill.is_empty() { 0 } else { missing });
        out.append_value(if is_left { filling.chain(kept).collect::<String>() } else { kept.chain(filling).collect() });
    }
    Ok(Arc::new(out.finish()))
}

/// `concat` and `concat_ws`: DataFusion's, with the bound.
pub(super) fn joining() -> [Arc<ScalarUDF>; 2] {
    [string::concat(), string::concat_ws()].map(|inner| Arc::new(ScalarUDF::new_from_impl(Joining(inner))))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Joining(Arc<ScalarUDF>);

impl ScalarUDFImpl for Joining {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.0.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.0.return_field_from_args(arguments)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        // The separator counts once for each of what it separates.
        let bytes = arguments.args.iter().map(|argument| bytes_of(argument, rows)).sum::<usize>();
        let separators = match (self.name(), arguments.args.first()) {
            ("concat_ws", Some(separator)) => bytes_of(separator, rows).saturating_mul(arguments.args.len()),
            _ => 0,
        };
        Room::of(&arguments.args).take(bytes.checked_add(separators))?;
        self.0.invoke_with_args(arguments)
    }
}

/// About how many bytes the texts of an argument have.
fn bytes_of(argument: &ColumnarValue, rows: usize) -> usize {
    match argument {
        ColumnarValue::Scalar(scalar) => scalar.try_as_str().flatten().map_or(0, str::len).saturating_mul(rows),
        ColumnarValue::Array(array) => array.to_data().get_slice_memory_size().unwrap_or(usize::MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringArray;
    use datafusion::logical_expr::ColumnarValue;
    use datafusion::scalar::ScalarValue;

    use super::{BYTES_MAX, CONSTANT_BYTES_MAX, Room};

    #[test]
    fn room_is_bounded() {
        let constant = ColumnarValue::Scalar(ScalarValue::from("x"));
        let column = ColumnarValue::Array(Arc::new(StringArray::from(vec!["x"])));
        for (arguments, most) in [(vec![constant.clone()], CONSTANT_BYTES_MAX), (vec![constant, column], BYTES_MAX)] {
            let mut room = Room::of(&arguments);
            assert!(room.take(Some(most - 1)).is_ok() && room.take(Some(1)).is_ok());
            assert!(room.take(Some(1)).is_err() && room.take(None).is_err());
        }
    }
}
