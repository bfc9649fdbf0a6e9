//! Columns of a text file that nobody declared, guessed from its first records. What follows may
//! prove the guess wrong: those are bad records then.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::json::reader::infer_json_schema;

use super::csv::Dialect;
use super::jsonb::member_names;
use super::normal_type;
use super::typed::typed_rows;

/// Records that a guess is made from.
const RECORDS_MAX: usize = 1000;

/// The columns of a CSV file with a header, by its first bytes.
pub(crate) fn csv_columns(bytes: &[u8], complete: bool, dialect: &Dialect) -> Result<SchemaRef, String> {
    if !dialect.header {
        return Err("a file without a header needs declared columns".into());
    }
    let mut records = dialect.sample(bytes, complete, RECORDS_MAX + 1);
    if records.is_empty() {
        return Err("no header to take the columns from".into());
    }
    let names: Vec<String> =
        records.remove(0).into_iter().map(|name| name.unwrap_or_default().trim().to_owned()).collect();
    if let Some(name) = names.iter().enumerate().find_map(|(index, name)| names[..index].contains(name).then_some(name))
    {
        return Err(format!("the header has two columns \"{name}\""));
    }
    if names.contains(&String::new()) {
        return Err("the header has a column without a name".into());
    }
    records.retain(|record| record.len() == names.len());
    let fields = names.iter().enumerate().map(|(index, name)| {
        let values: StringArray = records.iter().map(|record| record[index].as_deref()).collect();
        Field::new(name, guess(values), true)
    });
    Ok(Arc::new(Schema::new(fields.collect::<Vec<Field>>())))
}

/// The first type that all values have a place in.
fn guess(values: StringArray) -> DataType {
    if values.null_count() == values.len() {
        return DataType::Utf8;
    }
    let all = |is: fn(&str) -> bool| values.iter().flatten().all(is);
    let words = |text: &str| text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
    let mut candidates = vec![DataType::Int64, DataType::Float64];
    if all(words) {
        candidates = vec![DataType::Boolean];
    } else if all(|text| text.len() >= 10 && text.contains('-')) {
        let zoned = |text: &str| text.ends_with('Z') || text.contains('+');
        let zone = all(zoned).then(|| "UTC".into());
        let has_time = !all(|text| text.len() == 10);
        candidates = vec![if has_time { DataType::Timestamp(TimeUnit::Microsecond, zone) } else { DataType::Date32 }];
    } else if all(|text| text.contains(|char: char| char.is_ascii_alphabetic()) && text.parse::<f64>().is_ok()) {
        // "inf" and "nan" alone are words.
        candidates = Vec::new();
    }
    let column = Arc::new(values) as ArrayRef;
    let fits = |data_type: &DataType| {
        let schema = Arc::new(Schema::new(vec![Field::new("value", data_type.clone(), true)]));
        typed_rows(&schema, std::slice::from_ref(&column), column.len()).1.is_empty()
    };
    candidates.into_iter().find(fits).unwrap_or(DataType::Utf8)
}

/// The columns of a file of JSON lines, by its first bytes. Objects become `jsonb`.
pub(crate) fn json_columns(bytes: &[u8], complete: bool) -> Result<SchemaRef, String> {
    let end = if complete { bytes.len() } else { memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1) };
    let is_object =
        |line: &&[u8]| serde_json::from_slice::<serde_json::Value>(line).is_ok_and(|value| value.is_object());
    let objects: Vec<&[u8]> = bytes[..end].split(|&byte| byte == b'\n').filter(is_object).take(RECORDS_MAX).collect();
    if objects.is_empty() {
        return Err("no JSON objects to take the columns from".into());
    }
    let (inferred, _) =
        infer_json_schema(objects.join(b"\n".as_slice()).as_slice(), None).map_err(|error| error.to_string())?;
    let guessed = |field: &Arc<Field>| match field.data_type() {
        DataType::List(element) if element.data_type().is_nested() => json_field(field.name()),
        data_type => match normal_type(data_type) {
            Some(data_type) => Field::new(field.name(), data_type, true),
            None => json_field(field.name()),
        },
    };
    let mut fields: Vec<Field> = inferred.fields().iter().map(guessed).collect();
    // arrow-json has them by name; people have them in the order of the file.
    let mut names: Vec<String> = Vec::new();
    for name in objects.iter().flat_map(|line| member_names(line)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    fields.sort_by_key(|field| names.iter().position(|name| name == field.name()));
    Ok(Arc::new(Schema::new(fields)))
}

fn json_field(name: &str) -> Field {
    let metadata = [("freshet.type".to_owned(), "jsonb".to_owned())];
    Field::new(name, DataType::Utf8, true).with_metadata(metadata.into())
}
