//! What each format makes of records, good and bad.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, IntervalUnit, Schema, SchemaRef, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::csv::{CsvFormat, Dialect};
use super::json::JsonFormat;
use super::{Header, TextFormat, infer, type_name};

fn marked(name: &str, marker: &str) -> Field {
    Field::new(name, DataType::Utf8, true).with_metadata([("freshet.type".to_owned(), marker.to_owned())].into())
}

/// A column of every type: `a` is the first.
fn field(name: &str, type_name: &str) -> Field {
    let micros = TimeUnit::Microsecond;
    let (data_type, nullable) = match type_name.strip_suffix(" not null") {
        Some(rest) => (rest, false),
        None => (type_name, true),
    };
    let data_type = match data_type {
        "smallint" => DataType::Int16,
        "integer" => DataType::Int32,
        "bigint" => DataType::Int64,
        "real" => DataType::Float32,
        "double" => DataType::Float64,
        "numeric" => DataType::Decimal128(10, 2),
        "boolean" => DataType::Boolean,
        "text" => DataType::Utf8,
        "bytea" => DataType::Binary,
        "date" => DataType::Date32,
        "time" => DataType::Time64(micros),
        "timestamp" => DataType::Timestamp(micros, None),
        "timestamptz" => DataType::Timestamp(micros, Some("UTC".into())),
        "interval" => DataType::Interval(IntervalUnit::MonthDayNano),
        "bigint[]" => DataType::new_list(DataType::Int64, true),
        other => return marked(name, other),
    };
    Field::new(name, data_type, nullable)
}

fn schema(types: &[&str]) -> SchemaRef {
    let fields = types.iter().zip('a'..).map(|(data_type, name)| field(&name.to_string(), data_type));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

fn shown(rows: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<ArrayFormatter> = rows
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).expect("every type can be shown"))
        .collect();
    (0..rows.num_rows())
        .map(|row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"))
        .collect()
}

/// Rows, and bad records as `line: message`.
fn decoded(format: &mut dyn TextFormat, text: &[u8]) -> (Vec<String>, Vec<String>) {
    let Header::Read(start, _) = format.header(text, true) else { panic!("the header cannot be read") };
    let decoded = format.decode(&text[start..], true, 1000);
    assert_eq!(decoded.consumed, text.len() - start);
    let bad = decoded.bad.iter().map(|bad| format!("{}: {}", bad.line, bad.message)).collect();
    (shown(&decoded.rows), bad)
}

fn json(types: &[&str], text: &str) -> (Vec<String>, Vec<String>) {
    decoded(&mut JsonFormat::new(schema(types)), text.as_bytes())
}

fn csv(types: &[&str], text: &str) -> (Vec<String>, Vec<String>) {
    let dialect = Dialect { header: false, ..Dialect::default() };
    decoded(&mut CsvFormat::new(schema(types), dialect), text.as_bytes())
}

#[test]
fn values_of_every_type() {
    // Type, value, and how it is shown; or none if it has no place in the type.
    let cases: &[(&str, &str, Option<&str>)] = &[
        ("smallint", "-32768", Some("-32768")),
        ("smallint", "32768", None),
        ("integer", " 12 ", Some("12")),
        ("integer", "1.5", None),
        ("bigint", "9223372036854775807", Some("9223372036854775807")),
        ("bigint", "abc", None),
        ("real", "1.5", Some("1.5")),
        ("double", "1e300", Some("1e300")),
        ("double", "x", None),
        ("numeric", "12.34", Some("12.34")),
        ("numeric", "123456789.00", None),
        ("boolean", "true", Some("true")),
        ("boolean", "maybe", None),
        ("text", " as is ", Some(" as is ")),
        ("bytea", "\\xDEADbeef", Some("deadbeef")),
        ("bytea", "\\xabc", None),
        ("bytea", "plain", Some("706c61696e")),
        ("date", "2013-01-31", Some("2013-01-31")),
        ("date", "2013-02-31", None),
        ("time", "12:34:56.5", Some("12:34:56.500")),
        ("timestamp", "2013-01-01T05:00:00Z", Some("2013-01-01T05:00:00")),
        ("timestamp", "2013-01-01 05:00:00+02:00", Some("2013-01-01T03:00:00")),
        ("timestamp", "1357016400000000", Some("2013-01-01T05:00:00")),
        ("timestamp", "yesterday", None),
        ("timestamptz", "2013-01-01 05:00:00", Some("2013-01-01T05:00:00Z")),
        ("interval", "1 day 2 hours", Some("1 days 2 hours")),
        ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
        ("uuid", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}", Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
        ("uuid", "a0eebc99", None),
        ("varchar(3)", "äöü", Some("äöü")),
        ("varchar(3)", "abcd", None),
    ];
    for (data_type, value, expected) in cases {
        let line = format!("{}\n", serde_json::json!({ "a": value }));
        for (format, (rows, bad)) in [("json", json(&[data_type], &line)), ("csv", csv(&[data_type], value))] {
            let expected_bad = match expected {
                Some(_) => vec![],
                None => {
                    let name = type_name(&field("a", data_type));
                    vec![format!("0: column \"a\": invalid {name}: \"{value}\"")]
                }
            };
            assert_eq!(
                rows,
                expected.map(str::to_owned).into_iter().collect::<Vec<_>>(),
                "{format} {data_type} {value}"
            );
            assert_eq!(bad, expected_bad, "{format} {data_type} {value}");
        }
    }
}

#[test]
fn json_records() {
    let types = ["bigint not null", "text", "bigint[]", "jsonb"];
    // Lines, the rows they make, and what is said of bad ones.
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("", &[], &[]),
        ("\n  \n", &[], &[]),
        (r#"{"a":1,"b":"x","c":[1,null],"d":{"k":[1.10]}}"#, &[r#"1|x|[1, NULL]|{"k": [1.10]}"#], &[]),
        (r#"{"a":"7","b":true,"z":{}}"#, &["7|true|NULL|NULL"], &[]),
        (r#"{"a":1,"b":1.50,"d":"text"}"#, &[r#"1|1.50|NULL|"text""#], &[]),
        (r#"{"b":"x"}"#, &[], &["0: column \"a\": no value, but it is NOT NULL"]),
        (r#"{"a":null}"#, &[], &["0: column \"a\": no value, but it is NOT NULL"]),
        (r#"{"a":1.5}"#, &[], &["0: column \"a\": invalid bigint: \"1.5\""]),
        (r#"{"a":true}"#, &[], &["0: column \"a\": invalid bigint: \"true\""]),
        (r#"{"a":{"x":1}}"#, &[], &[r#"0: whilst decoding field 'a': expected a single value, got {"x": 1}"#]),
        (
            "{\"a\":1}\n{\"a\":\n{\"a\":3}\n",
            &["1|NULL|NULL|NULL", "3|NULL|NULL|NULL"],
            &["1: unexpected end of the line"],
        ),
        ("{\"a\":1}{\"a\":2}\n\n{\"a\":3}\n", &["3|NULL|NULL|NULL"], &["0: more than one value on a line"]),
        ("{\"a\":1}\n5\n[]\nnull\n{\"a\":2}", &["1|NULL|NULL|NULL", "2|NULL|NULL|NULL"], &["1: ", "2: ", "3: "]),
        ("{\"a\":1\n,\"b\":\"x\"}\n", &[], &["0: unexpected end of the line", "1: "]),
        ("\u{feff}{\"a\":1}", &["1|NULL|NULL|NULL"], &[]),
    ];
    for (text, expected_rows, expected_bad) in cases {
        let (rows, bad) = json(&types, text);
        assert_eq!(rows, *expected_rows, "{text}");
        assert_eq!(bad.len(), expected_bad.len(), "{text}: {bad:?}");
        for (bad, expected) in bad.iter().zip(*expected_bad) {
            // A message that ends with a space is arrow-json's own.
            assert!(bad == expected || expected.ends_with(": ") && bad.starts_with(expected), "{text}: {bad}");
        }
    }
}

#[test]
fn json_that_is_not_utf8() {
    let mut text = b"{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"".to_vec();
    text.extend_from_slice(b"\xff\xfe\"}\n{\"a\":3,\"b\":\"z\"}\n");
    let (rows, bad) = decoded(&mut JsonFormat::new(schema(&["bigint", "text"])), &text);
    assert_eq!(rows, ["1|x", "3|z"]);
    assert!(bad.len() == 1 && bad[0].starts_with("1: invalid UTF-8"), "{bad:?}");
}

#[test]
fn many_bad_lines_among_good_ones() {
    let line = |number: usize| match number % 7 {
        3 => "{broken\n".to_owned(),
        5 => format!("{{\"a\":\"x{number}\"}}\n"),
        _ => format!("{{\"a\":{number}}}\n"),
    };
    let text: String = (0..700).map(line).collect();
    let (rows, bad) = json(&["bigint"], &text);
    assert_eq!(
        rows,
        (0..700).filter(|number| ![3, 5].contains(&(number % 7))).map(|number| number.to_string()).collect::<Vec<_>>()
    );
    let lines: Vec<usize> =
        bad.iter().map(|bad| bad.split(':').next().map(str::parse).expect("a line").expect("a number")).collect();
    assert_eq!(lines, (0..700).filter(|number| [3, 5].contains(&(number % 7))).collect::<Vec<_>>());
}

#[test]
fn csv_records() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("", &[], &[]),
        ("1,x\r\n2,y\r\n", &["1|x", "2|y"], &[]),
        ("1,x\n\n\n2,y", &["1|x", "2|y"], &[]),
        ("1,\n2,\"\"\n", &["1|NULL", "2|"], &[]),
        ("1,\"a,b\"\n2,\"say \"\"hi\"\"\"\n", &["1|a,b", "2|say \"hi\""], &[]),
        ("1,\"two\nlines\"\n2,y\n", &["1|two\nlines", "2|y"], &[]),
        ("1,in \"side\"\n", &["1|in \"side\""], &[]),
        ("1\n2,y\n3,x,z\n", &["2|y"], &["0: expected 2 fields, found 1", "2: expected 2 fields, found 3"]),
        (",x\n2,y\n", &["2|y"], &["0: column \"a\": no value, but it is NOT NULL"]),
        ("1,\"x\"y\n2,y\n", &["2|y"], &["0: text after a closing quote"]),
        ("1,\"never closed\n2,y\n3,z\n", &["2|y", "3|z"], &["0: a quoted field is not closed"]),
        // Quotes that pair up by accident cost the first line, and not what is between.
        (
            "1,\"stray\n2,y\n3,z\",\n4,w\n",
            &["2|y", "4|w"],
            &["0: expected 2 fields, found 3", "2: expected 2 fields, found 3"],
        ),
    ];
    for (text, expected_rows, expected_bad) in cases {
        let (rows, bad) = csv(&["bigint not null", "text"], text);
        assert_eq!(rows, *expected_rows, "{text}");
        assert_eq!(bad, *expected_bad, "{text}");
    }
}

#[test]
fn csv_dialects() {
    let cases: &[(Dialect, &str, &[&str])] = &[
        (Dialect { header: false, delimiter: b';', ..Dialect::default() }, "1;a,b\n", &["1|a,b"]),
        (
            Dialect { header: false, null: "NA".into(), ..Dialect::default() },
            "1,NA\n2,\"NA\"\n3,\n",
            &["1|NULL", "2|NA", "3|"],
        ),
        (Dialect { header: false, quote: b'\'', escape: b'\\', ..Dialect::default() }, "1,'it\\'s'\n", &["1|it's"]),
        (Dialect::default(), "B,zzz,a\nx,?,1\n", &["1|x"]),
        (Dialect::default(), "\u{feff}\"a\"\n1\n", &["1|NULL"]),
    ];
    for (dialect, text, expected) in cases {
        let mut format = CsvFormat::new(schema(&["bigint", "text"]), dialect.clone());
        assert_eq!(
            decoded(&mut format, text.as_bytes()),
            (expected.iter().map(ToString::to_string).collect(), vec![]),
            "{text}"
        );
    }
    let mut format = CsvFormat::new(schema(&["bigint not null"]), Dialect::default());
    assert!(matches!(format.header(b"x,y\n", true), Header::Refused(message) if message.contains("\"a\"")));
    assert_eq!(format.header(b"x,y", false), Header::Incomplete);
}

#[test]
fn incomplete_records_wait() {
    let mut format = CsvFormat::new(schema(&["bigint", "text"]), Dialect { header: false, ..Dialect::default() });
    let text = b"1,x\n2,\"y\nz";
    for length in 0..text.len() {
        let decoded = format.decode(&text[..length], false, 1000);
        assert_eq!(decoded.consumed, if length >= 4 { 4 } else { 0 }, "{length}");
    }
    let mut format = JsonFormat::new(schema(&["bigint"]));
    let decoded = format.decode(b"{\"a\":1}\n{\"a\":2}", false, 1000);
    assert_eq!((decoded.consumed, decoded.lines, decoded.rows.num_rows()), (8, 1, 1));
    let decoded = format.decode(b"{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", false, 2);
    assert_eq!((decoded.consumed, decoded.lines, decoded.rows.num_rows()), (16, 2, 2));
}

#[test]
fn guessed_columns() {
    let types = |schema: SchemaRef| -> Vec<String> {
        schema.fields().iter().map(|field| format!("{} {}", field.name(), type_name(field))).collect()
    };
    let text = "i,f,b,d,t,z,s,n\n1,1,true,2013-01-01,2013-01-01 05:00:00,2013-01-01T05:00:00Z,x,\n2,1.5,false,2013-01-02,2013-01-01T06:00:00,2013-01-01T05:00:00Z,1,\n";
    assert_eq!(
        types(infer::csv_columns(text.as_bytes(), true, &Dialect::default()).expect("a header and records")),
        [
            "i bigint",
            "f double precision",
            "b boolean",
            "d date",
            "t timestamp",
            "z timestamp with time zone",
            "s text",
            "n text"
        ]
    );
    let text = "{\"i\":1,\"f\":1.5,\"o\":{\"x\":1}}\n{broken\n{\"s\":\"x\",\"b\":true,\"l\":[1],\"lo\":[{}]}\n{\"cut";
    assert_eq!(
        types(infer::json_columns(text.as_bytes(), false).expect("records")),
        ["i bigint", "f double precision", "o jsonb", "s text", "b boolean", "l bigint[]", "lo jsonb"]
    );
    assert!(infer::csv_columns(b"", true, &Dialect::default()).is_err());
    assert!(infer::csv_columns(b"a,a\n", true, &Dialect::default()).is_err());
    assert!(infer::json_columns(b"[1]\n", true).is_err());
}

#[test]
fn good_records_survive_any_neighbour() {
    use crate::random::{below, random};
    // What JSON and CSV are made of, and what they must not be.
    let pieces: [&[u8]; 24] = [
        b"{", b"}", b"[", b"]", b":", b",", b"\"", b"\\", b"\"a\"", b"\"a\":", b"1", b"-", b".", b"e9", b"null",
        b"tru", b" ", b"\t", b"\r", b"\xff", b"\xc3", b"\0", b"x", b"\\u12",
    ];
    let garbage = |seed: u64| -> Vec<u8> {
        let pick = |index: u64| pieces[below(random(1, seed, index), pieces.len() as u64) as usize];
        (1..=below(random(2, seed, 0), 12)).flat_map(|index| pick(index).to_vec()).collect()
    };
    for seed in 0..3000 {
        let mut text = Vec::new();
        for line in 0..6 {
            text.extend_from_slice(format!("{{\"a\": {}}}\n", 1_000_000 + line).as_bytes());
            text.extend(garbage(seed * 6 + line));
            text.push(b'\n');
        }
        assert_eq!(
            json_of_good(&text),
            (1_000_000..1_000_006).collect::<Vec<i64>>(),
            "{}",
            String::from_utf8_lossy(&text)
        );
    }
}

/// The large ids among the decoded rows, of both kinds of JSON format; CSV is only to survive.
fn json_of_good(text: &[u8]) -> Vec<i64> {
    let ids = |format: &mut dyn TextFormat| -> Vec<i64> {
        let decoded = format.decode(text, true, 1000);
        assert_eq!((decoded.consumed, decoded.lines), (text.len(), 12));
        shown(&decoded.rows)
            .iter()
            .filter_map(|row| row.split('|').next()?.parse().ok())
            .filter(|id| *id >= 1_000_000)
            .collect()
    };
    let plain = ids(&mut JsonFormat::new(schema(&["bigint", "text"])));
    assert_eq!(plain, ids(&mut JsonFormat::new(schema(&["bigint", "jsonb"]))));
    let mut csv = CsvFormat::new(schema(&["text", "text"]), Dialect { header: false, ..Dialect::default() });
    assert_eq!(csv.decode(text, true, 1000).consumed, text.len());
    plain
}

#[test]
fn lines_that_are_all_bad_are_each_said() {
    let mut format = JsonFormat::new(schema(&["text", "jsonb"]));
    let text = "{\"a\": \n{\"a\": [1]}\n7\n{\"b\": }\n".repeat(1000);
    let decoded = format.decode(text.as_bytes(), true, 8192);
    assert_eq!((decoded.rows.num_rows(), decoded.bad.len(), decoded.lines), (0, 4000, 4000));
    let good = format!("{text}{{\"a\": \"x\", \"b\": {{\"d\":1, \"c\" : 2}}}}\n");
    let decoded = format.decode(good.as_bytes(), true, 8192);
    assert_eq!((shown(&decoded.rows), decoded.bad.len()), (vec![r#"x|{"c": 2, "d": 1}"#.to_owned()], 4000));
}
