//! Files that are there, grow, shrink, move and go; positions in them; and records that are none.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int32Array, Int64Array, RecordBatch, StringArray, StringViewArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

use crate::{Error, Pace, Position, Read, RecordError, Source, SourceOptions, SourceReader, create};

/// Columns `id bigint not null, name text`.
fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("name", DataType::Utf8, true)]))
}

fn options(path: &Path, columns: Option<SchemaRef>, more: &[(&str, &str)]) -> SourceOptions {
    let mut with = BTreeMap::from([
        ("connector".to_owned(), "file".to_owned()),
        ("path".to_owned(), path.to_str().expect("a temporary path is text").to_owned()),
    ]);
    with.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    SourceOptions { columns, with, encode: None }
}

fn source(path: &Path, more: &[(&str, &str)]) -> Arc<dyn Source> {
    create(&options(path, Some(columns()), more)).expect("the options are right")
}

fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::write(path, text).expect("a temporary file can be written");
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("a temporary file can be opened");
    file.write_all(text.as_bytes()).expect("a temporary file can be written");
}

fn ids(rows: &RecordBatch) -> Vec<i64> {
    rows.column(0).as_primitive::<Int64Type>().values().to_vec()
}

/// What a reader has until it idles or ends.
#[derive(Default)]
struct Had {
    ids: Vec<i64>,
    errors: Vec<RecordError>,
    /// Ids so far, at each position.
    positions: Vec<(usize, Position)>,
    ended: bool,
}

fn drain(reader: &mut dyn SourceReader, rows_max: usize) -> Had {
    let mut had = Had::default();
    loop {
        match reader.read(rows_max).expect("reading goes on") {
            Read::Rows { rows, errors, position, ends_epoch } => {
                assert!(!ends_epoch && rows.num_rows() <= rows_max && rows.num_rows() + errors.len() > 0);
                had.ids.extend(ids(&rows));
                had.errors.extend(errors);
                had.positions.push((had.ids.len(), position));
            }
            Read::Idle(wait) => {
                assert!(!wait.is_zero());
                return had;
            }
            Read::End => {
                had.ended = true;
                return had;
            }
        }
    }
}

fn read_all(source: &Arc<dyn Source>, from: Option<&Position>, until: Option<&Position>) -> Had {
    let had = drain(source.open(from, until, Pace::Replay).expect("it opens").as_mut(), 100);
    assert!(had.ended);
    had
}

fn places(errors: &[RecordError]) -> Vec<String> {
    errors.iter().map(|error| error.place.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

fn write_parquet(path: &Path, batch: &RecordBatch, group_rows: usize) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
    let file = File::create(path).expect("a temporary file can be made");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("the types can be written");
    writer.write(batch).expect("rows can be written");
    writer.close().expect("the footer can be written");
}

fn numbered(ids: std::ops::Range<i64>) -> RecordBatch {
    let names: StringArray = ids.clone().map(|id| (id % 3 > 0).then(|| format!("name {id}"))).collect();
    RecordBatch::try_new(columns(), vec![Arc::new(Int64Array::from_iter_values(ids)), Arc::new(names)])
        .expect("the columns match")
}

/// A directory with the ids 0..1000 over three files of each format.
fn directory(format: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    for (part, range) in [0..300, 300..301, 301..1000].into_iter().enumerate() {
        let path = dir.path().join(format!("{part}.{format}"));
        match format {
            "json" => write(&path, range.map(|id| format!("{{\"id\": {id}, \"name\": \"n\"}}\n")).collect::<String>()),
            "csv" => {
                write(&path, format!("name,id\n{}", range.map(|id| format!("\"a\nb\",{id}\r\n")).collect::<String>()))
            }
            _ => write_parquet(&path, &numbered(range), 128),
        }
    }
    dir
}

#[test]
fn positions_replay_exactly() {
    for format in ["json", "csv", "parquet"] {
        let dir = directory(format);
        for (follow, rows_max) in [("false", 64), ("false", 1), ("true", 64)] {
            let source = source(dir.path(), &[("follow", follow)]);
            assert_eq!(source.is_finite(), follow == "false");
            let had = drain(source.open(None, None, Pace::Live).expect("it opens").as_mut(), rows_max);
            assert_eq!(had.ids, (0..1000).collect::<Vec<i64>>(), "{format}");
            assert!(had.errors.is_empty() && had.ended == (follow == "false"));
            for (count, position) in had.positions.iter().step_by(if rows_max == 1 { 97 } else { 3 }) {
                let count = *count as i64;
                assert_eq!(read_all(&source, None, Some(position)).ids, (0..count).collect::<Vec<i64>>(), "{format}");
                let tail = drain(source.open(Some(position), None, Pace::Live).expect("it opens").as_mut(), 100);
                assert_eq!(tail.ids, (count..1000).collect::<Vec<i64>>(), "{format}");
                let last = &had.positions.last().expect("there were rows").1;
                assert_eq!(
                    read_all(&source, Some(position), Some(last)).ids,
                    (count..1000).collect::<Vec<i64>>(),
                    "{format}"
                );
            }
        }
    }
}

#[test]
fn files_that_are_gone_cannot_be_replayed() {
    let dir = directory("json");
    let source = source(dir.path(), &[]);
    let last = read_all(&source, None, None).positions.pop().expect("there were rows").1;
    fs::remove_file(dir.path().join("1.json")).expect("it can be removed");
    assert!(
        matches!(source.open(None, Some(&last), Pace::Replay), Err(Error::Input { place, .. }) if place.ends_with("1.json"))
    );
    // What was read of it is not needed to go on.
    append(&dir.path().join("2.json"), "{\"id\":1000}\n");
    assert_eq!(read_all(&source, Some(&last), None).ids, [1000]);
}

#[test]
fn files_larger_than_what_is_read_ahead() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = dir.path().join("large.jsonl");
    let filler = "x".repeat(1000);
    write(&path, (0..5000).map(|id| format!("{{\"id\":{id},\"name\":\"{filler}\"}}\n")).collect::<String>());
    let had = drain(source(&path, &[]).open(None, None, Pace::Live).expect("it opens").as_mut(), 4096);
    assert_eq!(had.ids, (0..5000).collect::<Vec<i64>>());
    assert!(had.positions.len() < 10);
}

#[test]
fn bad_records_are_named_and_skipped() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = dir.path().join("bad.json");
    write(&path, "{\"id\":1}\n\n{\"id\":}\n{\"id\":2}\n{\"name\":\"x\"}\n{\"id\":\"three\"}\n{\"id\":4");
    let had = read_all(&source(&path, &[]), None, None);
    assert_eq!(had.ids, [1, 2]);
    assert_eq!(places(&had.errors), ["bad.json:3", "bad.json:5", "bad.json:6", "bad.json:7"]);
    assert_eq!(had.errors[2].message, "column \"id\": invalid bigint: \"three\"");
    assert_eq!(had.errors[2].payload, "{\"id\":\"three\"}");

    // Lines are still counted right after reopening in the middle.
    let source = source(&path, &[]);
    let had = drain(source.open(None, None, Pace::Live).expect("it opens").as_mut(), 2);
    let tail = read_all(&source, Some(&had.positions[0].1), None);
    assert_eq!(places(&tail.errors), ["bad.json:5", "bad.json:6", "bad.json:7"]);
}

#[test]
fn records_that_are_too_long_are_skipped() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = dir.path().join("long.json");
    write(&path, format!("{{\"id\":1}}\n{{\"id\":2,\"name\":\"{}\"}}\n{{\"id\":3}}\n", "x".repeat(3 << 20)));
    let source = source(&path, &[("record.bytes.max", "1000000")]);
    let had = read_all(&source, None, None);
    assert_eq!(had.ids, [1, 3]);
    assert_eq!(places(&had.errors), ["long.json:2"]);
    assert!(had.errors[0].message.contains("longer than 1000000 bytes") && had.errors[0].payload.len() < 5000);
}

#[test]
fn a_quote_that_is_never_closed_costs_one_line() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = dir.path().join("quote.csv");
    let records: String = (0..200_000).map(|id| format!("{id},name {id}\n")).collect();
    write(&path, format!("id,name\n-1,\"stray\n{records}"));
    let had = read_all(&source(&path, &[("record.bytes.max", "100000")]), None, None);
    assert!(had.ids == (0..200_000).collect::<Vec<i64>>());
    assert_eq!(places(&had.errors), ["quote.csv:2"]);
}

#[test]
fn files_that_are_not_for_these_columns_are_skipped() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    write(&dir.path().join("a.csv"), "name\nx\ny\n");
    write(&dir.path().join("b.csv"), "id,name\n1,x\n");
    let source_of = |format| source(dir.path(), &[("format", format)]);
    let had = read_all(&source_of("csv"), None, None);
    assert_eq!((had.ids.as_slice(), places(&had.errors)), ([1].as_slice(), vec!["a.csv:1".to_owned()]));
    let again = read_all(&source_of("csv"), Some(&had.positions[0].1), None);
    assert_eq!((again.ids.as_slice(), again.errors.len()), ([1].as_slice(), 0));
    let had = read_all(&source_of("parquet"), None, None);
    assert_eq!((had.ids.len(), places(&had.errors)), (0, vec!["a.csv".to_owned(), "b.csv".to_owned()]));
}

#[test]
fn following_a_growing_file() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = dir.path().join("grow.json");
    write(&path, "{\"id\":1}\n{\"id\"");
    let source = source(&path, &[("follow", "true")]);
    let mut reader = source.open(None, None, Pace::Live).expect("it opens");
    let mut read = || drain(reader.as_mut(), 100).ids;
    assert_eq!(read(), [1]);
    assert_eq!(read(), [0; 0]);
    append(&path, ":2}");
    assert_eq!(read(), [0; 0]);
    append(&path, "\n{\"id\":3}\n");
    assert_eq!(read(), [2, 3]);
    // Truncated, as by a shell's `>`: from the start again.
    write(&path, "{\"id\":4}\n");
    assert_eq!(read(), [4]);
    append(&path, "{\"id\":5}\n");
    assert_eq!(read(), [5]);
}

#[test]
fn following_a_directory() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = |name: &str| dir.path().join(name);
    let source = create(&options(&path("log*"), Some(columns()), &[("follow", "true"), ("format", "csv")]))
        .expect("there need not be a file yet");
    let mut reader = source.open(None, None, Pace::Live).expect("it opens");
    assert_eq!(drain(reader.as_mut(), 100).ids, [0; 0]);
    write(&path("log"), "id,name\n1,x\n");
    assert_eq!(drain(reader.as_mut(), 100).ids, [1]);
    write(&path(".log"), "id,name\n100,x\n");
    // Rotated within the pattern, and the last line of the old file comes late.
    append(&path("log"), "2,");
    assert_eq!(drain(reader.as_mut(), 100).ids, [0; 0]);
    fs::rename(path("log"), path("log.1")).expect("it can be renamed");
    append(&path("log.1"), "y\n");
    write(&path("log"), "id,name\n3,z\n");
    let had = drain(reader.as_mut(), 100);
    assert_eq!(had.ids, [2, 3]);
    // A position knows files by what they are, not by what they were called.
    let last = had.positions.last().expect("there were rows").1.clone();
    fs::rename(path("log.1"), path("log.2")).expect("it can be renamed");
    append(&path("log"), "4,w\n");
    let mut reopened = source.open(Some(&last), None, Pace::Live).expect("it opens");
    assert_eq!(drain(reopened.as_mut(), 100).ids, [4]);
    let mut replayed = read_all(&source, None, Some(&last)).ids;
    replayed.sort_unstable();
    assert_eq!(replayed, [1, 2, 3]);
}

#[test]
fn following_a_file_that_is_replaced() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = dir.path().join("now.json");
    write(&path, "{\"id\":1}\n{\"id\":2}");
    let source = source(&path, &[("follow", "true")]);
    let mut reader = source.open(None, None, Pace::Live).expect("it opens");
    assert_eq!(drain(reader.as_mut(), 100).ids, [1]);
    let next = dir.path().join("next");
    write(&next, "{\"id\":3}\n");
    fs::rename(&next, &path).expect("it can be renamed");
    // The old one cannot grow any more, so its last line is whole.
    assert_eq!(drain(reader.as_mut(), 100).ids, [2, 3]);
    fs::remove_file(&path).expect("it can be removed");
    assert_eq!(drain(reader.as_mut(), 100).ids, [0; 0]);
    write(&path, "{\"id\":4}\n");
    assert_eq!(drain(reader.as_mut(), 100).ids, [4]);
}

#[test]
fn a_parquet_file_that_is_still_being_written_waits() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let (path, whole) = (dir.path().join("a.parquet"), dir.path().join("whole"));
    write_parquet(&whole, &numbered(0..10), 100);
    let bytes = fs::read(&whole).expect("it was just written");
    write(&path, &bytes[..bytes.len() / 2]);
    let pattern = dir.path().join("*.parquet");
    let source = source(&pattern, &[("follow", "true")]);
    let mut reader = source.open(None, None, Pace::Live).expect("it opens");
    let had = drain(reader.as_mut(), 100);
    assert_eq!((had.ids.len(), had.errors.len()), (0, 0));
    write(&path, &bytes);
    assert_eq!(drain(reader.as_mut(), 100).ids, (0..10).collect::<Vec<i64>>());
}

#[test]
fn parquet_columns_are_converted() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = dir.path().join("other.parquet");
    let schema = Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8View, true),
        Field::new("extra", DataType::Boolean, true),
        Field::new("id", DataType::Int32, true),
    ]));
    let batch = RecordBatch::try_new(
        schema,
        vec![
            Arc::new(StringViewArray::from(vec![Some("a"), None, Some("c")])),
            Arc::new(arrow::array::BooleanArray::from(vec![true, true, false])),
            Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])),
        ],
    )
    .expect("the columns match");
    write_parquet(&path, &batch, 2);
    let had = read_all(&source(&path, &[]), None, None);
    assert_eq!(had.ids, [1, 3]);
    assert_eq!(places(&had.errors), ["other.parquet:2"]);

    let inferred = create(&options(&path, None, &[])).expect("the file has columns").schema();
    let types: Vec<&DataType> = inferred.fields().iter().map(|field| field.data_type()).collect();
    assert_eq!(types, [&DataType::Utf8, &DataType::Boolean, &DataType::Int32]);
}

#[test]
fn rates_hold_live_reading_back() {
    let dir = directory("json");
    let source = source(dir.path(), &[("rate", "10")]);
    let mut reader = source.open(None, None, Pace::Live).expect("it opens");
    assert!(matches!(reader.read(100), Ok(Read::Idle(_))));
    assert_eq!(read_all(&source, None, None).ids.len(), 1000);
}

#[test]
fn wrong_options() {
    let dir = directory("csv");
    let path = dir.path().join("*.csv");
    type Case<'a> = (&'a Path, &'a [(&'a str, &'a str)], &'a str);
    let cases: &[Case] = &[
        (&path, &[("folow", "true")], "unknown option \"folow\""),
        (&path, &[("format", "xml")], "expected json, csv or parquet, not \"xml\""),
        (&path, &[("delimiter", "ab")], "expected a single ASCII character"),
        (&path, &[("delimiter", "\"")], "the same as the delimiter"),
        (&path, &[("follow", "perhaps")], "expected true or false"),
        (&path, &[("header", "true"), ("without_header", "false")], "another way to say"),
        (&path, &[("format", "json"), ("header", "true")], "only CSV files have it"),
        (Path::new("/nowhere/at/all.csv"), &[], "no such file"),
        (Path::new("/nowhere/***/x"), &[("format", "csv")], "not a pattern"),
        (Path::new("/nowhere/data"), &[], "the path does not say"),
    ];
    for (path, more, expected) in cases {
        let error =
            create(&options(path, Some(columns()), more)).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{more:?}: {error}");
    }
    let source = source(&path, &[]);
    assert!(matches!(source.open(Some(&Position("17".into())), None, Pace::Live), Err(Error::Input { .. })));
}

#[test]
fn encode_clauses_say_the_format() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = dir.path().join("data");
    write(&path, "1;x\n2;y\n");
    let mut options = options(&path, Some(columns()), &[]);
    let more = BTreeMap::from([("delimiter".into(), ";".into()), ("without_header".into(), "true".into())]);
    options.encode = Some(("CSV".into(), more));
    assert_eq!(read_all(&create(&options).expect("the options are right"), None, None).ids, [1, 2]);
    options.encode = Some(("AVRO".into(), BTreeMap::new()));
    assert!(matches!(create(&options), Err(Error::Unsupported(message)) if message.contains("AVRO")));
}

#[test]
fn columns_of_the_first_file() {
    let dir = directory("csv");
    let source = create(&options(dir.path(), None, &[])).expect("the files have headers");
    let names: Vec<String> =
        source.schema().fields().iter().map(|field| format!("{} {}", field.name(), field.data_type())).collect();
    assert_eq!(names, ["name Utf8", "id Int64"]);
    let mut reader = source.open(None, None, Pace::Live).expect("it opens");
    assert!(
        matches!(reader.read(10), Ok(Read::Rows { rows, .. }) if rows.num_rows() == 10 && rows.column(0).null_count() == 0)
    );
}

#[test]
fn the_demo_data_is_sound() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/data");
    for (name, expected, rows) in [
        (
            "flights",
            "Int64 Int64 Int64 Int64 Int64 Int64 Utf8 Int64 Utf8 Utf8 Utf8 Int64 Int64 Timestamp(µs, \"UTC\")",
            24_951,
        ),
        ("weather", "Utf8 Timestamp(µs, \"UTC\") Float64 Float64 Float64 Int64 Float64 Float64 Float64 Float64", 1_995),
        ("airlines", "Utf8 Utf8", 16),
        ("airports", "Utf8 Utf8 Float64 Float64 Int64 Int64 Utf8 Utf8", 1_458),
    ] {
        let source = create(&options(&data.join(format!("{name}.csv")), None, &[])).expect("the file is there");
        let types: Vec<String> = source.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
        assert_eq!(types.join(" "), expected, "{name}");
        let mut reader = source.open(None, None, Pace::Live).expect("it opens");
        let mut count = 0;
        while let Read::Rows { rows, errors, .. } = reader.read(4096).expect("reading goes on") {
            assert_eq!(errors, [], "{name}");
            count += rows.num_rows();
        }
        assert_eq!(count, rows, "{name}");
    }
}

/// How many files below a directory this process has open.
fn open_below(dir: &Path) -> usize {
    let open = fs::read_dir("/proc/self/fd").expect("Linux has it");
    open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).filter(|path| path.starts_with(dir)).count()
}

#[test]
fn following_many_files_keeps_few_open() {
    const FILES: i64 = 200;
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = |number: i64| dir.path().join(format!("{number:03}.json"));
    for number in 0..FILES {
        write(&path(number), format!("{{\"id\": {number}}}\n{{\"id\""));
    }
    let source = source(dir.path(), &[("follow", "true"), ("format", "json")]);
    let mut reader = source.open(None, None, Pace::Replay).expect("it opens");
    assert_eq!(drain(reader.as_mut(), 100).ids, (0..FILES).collect::<Vec<_>>());
    assert!(open_below(dir.path()) < 70, "{} files are open", open_below(dir.path()));
    // What stood there without its end is read once, when it has one.
    append(&path(0), ": 1000}\n");
    append(&path(199), ": 1199}\n{\"id\": 2199}\n");
    write(&path(7), "{\"id\": 7}\n");
    let mut news = drain(reader.as_mut(), 100).ids;
    news.sort_unstable();
    assert_eq!(news, [7, 1000, 1199, 2199]);
    assert!(drain(reader.as_mut(), 100).ids.is_empty());
}
