//! Parameters in both formats, and broken ones.

use arrow::datatypes::Field;
use datafusion::scalar::ScalarValue;

use super::*;
use crate::types::{array_of, by_name};

fn oid(type_name: &str) -> u32 {
    match type_name.strip_suffix("[]") {
        Some(element) => array_of(&by_name(element).expect("a type")).expect("an array type").oid(),
        None => by_name(type_name).expect("a type").oid(),
    }
}

fn field(type_name: &str) -> Field {
    WireType::field(oid(type_name)).expect("a parameter type")
}

fn value(type_name: &str, bytes: Option<&[u8]>, format: Format) -> Result<ScalarValue, Error> {
    decode(bytes, format, oid(type_name), &field(type_name))
}

fn from_text(type_name: &str, text: &str) -> Result<String, Error> {
    value(type_name, Some(text.as_bytes()), Format::Text).map(|value| value.to_string())
}

fn from_binary(type_name: &str, bytes: &[u8]) -> Result<String, Error> {
    value(type_name, Some(bytes), Format::Binary).map(|value| value.to_string())
}

#[test]
fn what_is_sent_may_differ_from_what_is_needed() {
    let sent = decode(Some(&7_i32.to_be_bytes()), Format::Binary, 23, &field("int8")).expect("an int4 for an int8");
    assert_eq!(sent, ScalarValue::Int64(Some(7)));
    assert!(decode(Some(&70_000_i32.to_be_bytes()), Format::Binary, 23, &field("int2")).is_err());
}

#[test]
fn text_values() {
    for (type_name, text, expected) in [
        ("int4", " 42 ", "42"),
        ("int8", "-1", "-1"),
        ("bool", "t", "true"),
        ("bool", "off", "false"),
        ("float8", "Infinity", "inf"),
        ("numeric", "1.5", "1.5000000000"),
        ("text", " x ", " x "),
        ("bpchar", " x  ", " x"),
        ("date", "2026-01-31", "2026-01-31"),
        ("timestamp", "2026-01-31 10:00:00.5", "1769853600500000"),
        ("date", "2024-02-29 +00", "2024-02-29"),
        ("time", "01:02:03+02", "3723000000"),
        ("timestamp", "2026-01-31 10:00:00.5+02", "1769853600500000"),
        ("timestamp", "2026-01-31T10:00:00.5Z", "1769853600500000"),
        ("timestamp", "infinity", "9223372036854775807"),
        ("timestamptz", "-Infinity", "-9223372036854775808"),
        ("int4[]", "{1,NULL,3}", "[1, NULL, 3]"),
        ("text[]", r#"{a,"b c","q\"",null,"null"}"#, r#"[a, b c, q", NULL, null]"#),
        ("text[]", "{}", "[]"),
        ("jsonb", r#"{"b":1,"a":[ 2]}"#, r#"{"a": [2], "b": 1}"#),
        ("json", r#"{"b":1,"a":[ 2]}"#, r#"{"b":1,"a":[ 2]}"#),
        ("jsonb[]", r#"{"{\"a\":1}"}"#, r#"[{"a": 1}]"#),
    ] {
        let value = from_text(type_name, text).expect(type_name);
        assert_eq!(value.replace(", ,", ", NULL,"), expected, "{type_name} {text}");
    }
    let uuid = value("uuid", Some(b"a0eebc999c0b4ef8bb6d6bb9bd380a11"), Format::Text).expect("uuid");
    assert_eq!(uuid, ScalarValue::Utf8(Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11".into())));
    let bytea = value("bytea", Some(b"\\x00ff"), Format::Text).expect("bytea");
    assert_eq!(bytea, ScalarValue::Binary(Some(vec![0, 0xff])));
    let bytea = value("bytea", Some(b"a\\\\\\001"), Format::Text).expect("bytea");
    assert_eq!(bytea, ScalarValue::Binary(Some(vec![b'a', b'\\', 1])));
    assert!(value("int4", None, Format::Text).expect("null").is_null());
}

#[test]
fn binary_values() {
    assert_eq!(from_binary("int4", &7_i32.to_be_bytes()).expect("int4"), "7");
    assert_eq!(from_binary("float8", &1.5_f64.to_be_bytes()).expect("float8"), "1.5");
    assert_eq!(from_binary("jsonb", b"\x01{\"a\":1}").expect("jsonb"), "{\"a\": 1}");
    assert!(from_binary("jsonb", b"\x01{").is_err());
    assert!(from_text("jsonb", "{").is_err());
    assert!(from_text("json", "nothing").is_err());
    assert_eq!(from_binary("date", &1_i32.to_be_bytes()).expect("date"), "2000-01-02");
    // -123.45
    let numeric = [0, 2, 0, 0, 0x40, 0, 0, 2, 0, 0x7b, 0x11, 0x94];
    assert_eq!(from_binary("numeric", &numeric).expect("numeric"), "-123.4500000000");
    // 0.0005
    let numeric = [0, 1, 0xff, 0xff, 0, 0, 0, 4, 0, 5];
    assert_eq!(from_binary("numeric", &numeric).expect("numeric"), "0.0005000000");
    let array = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 9];
    assert_eq!(from_binary("int4[]", &array).expect("int4[]"), "[9]");
}

#[test]
fn broken_values_are_errors() {
    for (type_name, text) in [
        ("int4", "x"),
        ("int2", "40000"),
        ("bool", "o"),
        ("uuid", "12"),
        ("date", "2026-13-01"),
        ("numeric", "1.2.3"),
        ("int4[]", "1,2"),
        ("int4[]", "{1,}"),
        ("int4[]", "{,1}"),
        ("int4[]", "{\"1\"2}"),
        ("int4[]", "{\"1}"),
        ("int4[]", "{{1},{2}}"),
        ("bytea", "\\x0"),
        ("bytea", "\\9"),
    ] {
        assert!(from_text(type_name, text).is_err(), "{type_name} {text}");
    }
    for (type_name, bytes) in [
        ("int4", &[0_u8; 3][..]),
        ("jsonb", b"\x02{}"),
        ("jsonb", b""),
        ("text", b"\xff"),
        ("numeric", b"\0\x02\0\0\0\0\0\0\0\0"),
        ("numeric", b"\0\x01\0\0\0\0\0\0\xff\xff"),
        ("numeric", b"\0\0\0\0\xc0\0\0\0"),
        ("int4[]", b"\0\0\0\x01"),
        ("int4[]", &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 0, 0, 0, 0, 1]),
        ("int4[]", &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1]),
    ] {
        assert!(from_binary(type_name, bytes).is_err(), "{type_name} {bytes:?}");
    }
}
