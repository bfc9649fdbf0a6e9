//! That rules make what they say, and that every row can be made alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::{Error, Pace, Position, Read, Source, SourceOptions, create};

/// A source with one column `v`.
fn source(field: Field, options: &str) -> Result<Arc<dyn Source>, Error> {
    let mut with: BTreeMap<String, String> = BTreeMap::from([("connector".into(), "datagen".into())]);
    for pair in options.split(';').filter(|pair| !pair.trim().is_empty()) {
        let (key, value) = pair.split_once('=').expect("a key and a value");
        with.insert(key.trim().into(), value.into());
    }
    create(&SourceOptions { columns: Some(Arc::new(Schema::new(vec![field]))), with, encode: None })
}

fn read_all(source: &Arc<dyn Source>, from: u64, until: u64, rows_max: usize) -> RecordBatch {
    let (from, until) = (Position(from.to_string()), Position(until.to_string()));
    let mut reader = source.open(Some(&from), Some(&until), Pace::Replay).expect("it opens");
    let mut batches = Vec::new();
    loop {
        match reader.read(rows_max).expect("generating does not fail") {
            Read::Rows { rows, .. } => batches.push(rows),
            Read::Idle(_) => panic!("a replay does not wait"),
            Read::End => return concat_batches(&source.schema(), &batches).expect("one schema"),
        }
    }
}

fn shown(column: &ArrayRef) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let formatter = ArrayFormatter::try_new(column.as_ref(), &options).expect("every type can be shown");
    (0..column.len()).map(|row| formatter.value(row).to_string()).collect()
}

fn types() -> Vec<Field> {
    let text = |marker: &str| {
        Field::new("v", DataType::Utf8, true).with_metadata([("freshet.type".into(), marker.into())].into())
    };
    let mut fields: Vec<Field> = [
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(38, 2),
        DataType::Decimal128(2, 2),
        DataType::Boolean,
        DataType::Utf8,
        DataType::Date32,
        DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    ]
    .into_iter()
    .map(|data_type| Field::new("v", data_type, true))
    .collect();
    fields.extend([text("uuid"), text("varchar(3)")]);
    fields
}

#[test]
fn every_row_can_be_made_alone() {
    for field in types() {
        let source = source(field.clone(), "seed=7; fields.v.nulls=0.2").expect("every type has a default rule");
        let all = read_all(&source, 0, 500, 8192);
        assert_eq!(all, read_all(&source, 0, 500, 7), "{field}");
        let nulls = all.column(0).null_count();
        assert!((50..150).contains(&nulls), "{field}: {nulls}");
        for split in [1, 250, 499] {
            let parts = [&read_all(&source, 0, split, 100), &read_all(&source, split, 500, 100)];
            assert_eq!(concat_batches(&source.schema(), parts).expect("one schema"), all, "{field}");
        }
    }
}

#[test]
fn rules() {
    let micros = TimeUnit::Microsecond;
    let integer = || Field::new("v", DataType::Int64, false);
    let uuid = || Field::new("v", DataType::Utf8, true).with_metadata([("freshet.type".into(), "uuid".into())].into());
    let cases: Vec<(Field, &str, &[&str])> = vec![
        (integer(), "fields.v.kind=sequence", &["0", "1", "2", "3"]),
        (integer(), "fields.v.kind=sequence;fields.v.start=5;fields.v.end=7", &["5", "6", "7", "5"]),
        (integer(), "fields.v.kind=sequence;fields.v.start=5;fields.v.step=-2;fields.v.end=1", &["5", "3", "1", "5"]),
        (integer(), "fields.v.kind=random;fields.v.min=3;fields.v.max=3", &["3", "3", "3", "3"]),
        (integer(), "fields.v.kind=constant;fields.v.value=9", &["9", "9", "9", "9"]),
        (
            Field::new("v", DataType::Int16, false),
            "fields.v.kind=sequence;fields.v.start=32766",
            &["32766", "32767", "32766", "32767"],
        ),
        (
            Field::new("v", DataType::Float64, false),
            "fields.v.kind=sequence;fields.v.step=0.5",
            &["0.0", "0.5", "1.0", "1.5"],
        ),
        (
            Field::new("v", DataType::Decimal128(10, 2), false),
            "fields.v.kind=sequence;fields.v.start=0.99;fields.v.step=0.01",
            &["0.99", "1.00", "1.01", "1.02"],
        ),
        (Field::new("v", DataType::Utf8, false), "fields.v.kind=sequence", &["0", "1", "2", "3"]),
        (Field::new("v", DataType::Utf8, false), "fields.v.kind=choice;fields.v.values=a", &["a", "a", "a", "a"]),
        (
            Field::new("v", DataType::Date32, false),
            "fields.v.kind=sequence;fields.v.start=2024-02-28",
            &["2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02"],
        ),
        (
            Field::new("v", DataType::Timestamp(micros, None), false),
            "fields.v.start=2024-01-01 00:00:00;fields.v.step=1 hour 30 minutes",
            &["2024-01-01T00:00:00", "2024-01-01T01:30:00", "2024-01-01T03:00:00", "2024-01-01T04:30:00"],
        ),
        (
            Field::new("v", DataType::Timestamp(micros, None), false),
            "rate=2",
            &["2020-01-01T00:00:00", "2020-01-01T00:00:00.500", "2020-01-01T00:00:01", "2020-01-01T00:00:01.500"],
        ),
        (
            uuid(),
            "fields.v.kind=sequence",
            &[
                "00000000-0000-0000-0000-000000000000",
                "00000000-0000-0000-0000-000000000001",
                "00000000-0000-0000-0000-000000000002",
                "00000000-0000-0000-0000-000000000003",
            ],
        ),
    ];
    for (field, options, expected) in cases {
        let source = source(field, options).unwrap_or_else(|error| panic!("{options}: {error}"));
        assert_eq!(shown(read_all(&source, 0, 4, 10).column(0)), expected, "{options}");
    }
}

#[test]
fn random_values_reach_all_of_their_range() {
    for (options, expected) in [
        ("fields.v.min=-1;fields.v.max=1", vec!["-1", "0", "1"]),
        ("fields.v.kind=choice;fields.v.values=10, 20,30", vec!["10", "20", "30"]),
    ] {
        let source = source(Field::new("v", DataType::Int64, false), options).expect("the rule is right");
        let mut values = shown(read_all(&source, 0, 200, 1000).column(0));
        values.sort();
        values.dedup();
        assert_eq!(values, expected);
    }
}

#[test]
fn wrong_options() {
    let integer = || Field::new("v", DataType::Int64, false);
    for (field, options, expected) in [
        (integer(), "fields.v.kind=sequenc", "Did you mean \"sequence\"?"),
        (integer(), "fields.w.kind=random", "no column \"w\""),
        (integer(), "fields.v.mx=1", "unknown option \"fields.v.mx\""),
        (integer(), "fields.v.kind=sequence;fields.v.max=1", "a sequence of bigint has no such option"),
        (integer(), "fields.v.min=5;fields.v.max=4", "more than the maximum"),
        (integer(), "fields.v.min=five", "invalid bigint"),
        (integer(), "fields.v.nulls=0.5", "NOT NULL"),
        (integer(), "fields.v.nulls=2", "from 0 to 1"),
        (integer(), "fields.v.kind=sequence;fields.v.step=0", "do not lead there"),
        (integer(), "fields.v.kind=constant", "missing"),
        (integer(), "sede=1", "unknown option \"sede\""),
        (Field::new("v", DataType::Date32, false), "fields.v.kind=sequence;fields.v.step=1 month", "no fixed length"),
        (Field::new("v", DataType::Date32, false), "fields.v.kind=sequence;fields.v.step=1 hour", "finer than"),
        (Field::new("v", DataType::Binary, false), "", "a random of bytea"),
    ] {
        let error = source(field, options).err().map(|error| format!("{error} {error:?}")).unwrap_or_default();
        assert!(error.contains(expected) || error.contains(&expected.replace('"', "\\\"")), "{options}: {error}");
    }
    let options = SourceOptions { columns: None, with: [("connector".into(), "datagen".into())].into(), encode: None };
    assert!(matches!(create(&options), Err(Error::Unsupported(_))));
}

#[test]
fn long_texts_come_in_few_rows() {
    let constant = format!("kind=constant;value={}", "x".repeat(1 << 20)).replace("kind", "fields.v.kind");
    let constant = constant.replace(";value", ";fields.v.value");
    for options in ["fields.v.length=1048576", constant.as_str()] {
        let source = source(Field::new("v", DataType::Utf8, true), options).expect("a rule");
        let mut reader = source.open(None, None, Pace::Replay).expect("it opens");
        for _ in 0..2 {
            let Read::Rows { rows, .. } = reader.read(16_384).expect("generating does not fail") else {
                panic!("rows")
            };
            assert!((1..=32).contains(&rows.num_rows()), "{} rows", rows.num_rows());
        }
    }
}
