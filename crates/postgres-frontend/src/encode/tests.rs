//! Values against what PostgreSQL 15 prints and sends for them.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, IntervalMonthDayNano, Schema, i256};
use bytes::{Buf, BytesMut};

use super::*;

/// The fields of the only row of one column; none for null.
fn encode(array: ArrayRef, type_name: Option<&str>, format: Format, zone: &str) -> Result<Option<Vec<u8>>, Error> {
    let mut field = Field::new("x", array.data_type().clone(), true);
    if let Some(name) = type_name {
        field = field.with_metadata([(sql::types::TYPE_KEY.to_owned(), name.to_owned())].into());
    }
    let schema = Arc::new(Schema::new(vec![field]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![array]).expect("valid");
    let code = u16::from(format == Format::Binary);
    let mut output = BytesMut::new();
    Layout::new(schema, &[code], Zone::named(zone))?.encoder(&batch)?.write_row(0, &mut output)?;
    assert_eq!(output.get_u8(), b'D');
    assert_eq!(output.get_i32() as usize, output.len() + 4);
    assert_eq!(output.get_i16(), 1);
    match output.get_i32() {
        -1 => Ok(None),
        length => {
            assert_eq!(length as usize, output.len());
            Ok(Some(output.to_vec()))
        }
    }
}

fn text_in(array: impl Array + 'static, type_name: Option<&str>, zone: &str) -> String {
    let bytes = encode(Arc::new(array), type_name, Format::Text, zone).expect("text").expect("not null");
    String::from_utf8(bytes).expect("UTF-8")
}

fn text(array: impl Array + 'static) -> String {
    text_in(array, None, "UTC")
}

fn binary(array: impl Array + 'static, type_name: Option<&str>) -> String {
    let bytes = encode(Arc::new(array), type_name, Format::Binary, "UTC").expect("binary").expect("not null");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The `CopyData` message of the only row.
fn copied(columns: Vec<ArrayRef>, fields: Vec<Field>) -> Vec<u8> {
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).expect("valid");
    let encoder = Layout::new(schema, &[], Zone::named("UTC")).expect("known types").encoder(&batch).expect("encoded");
    let mut output = BytesMut::new();
    encoder.write_copy_row(0, &mut output).expect("written");
    output.to_vec()
}

#[test]
fn doubles() {
    for (value, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (123_456_789_012_345.0, "123456789012345"),
        (1e14, "100000000000000"),
        (1e15, "1e+15"),
        (1.234_567_890_123_456_8e17, "1.2345678901234568e+17"),
        (1e100, "1e+100"),
        (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
        (0.1 + 0.2, "0.30000000000000004"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
    ] {
        assert_eq!(text(Float64Array::from(vec![value])), expected);
    }
    assert_eq!(binary(Float64Array::from(vec![1.5]), None), "3ff8000000000000");
}

#[test]
fn reals() {
    for (value, expected) in
        [(1.1_f32, "1.1"), (1e6, "1e+06"), (123_456.0, "123456"), (1e-5, "1e-05"), (3.402_823_5e38, "3.4028235e+38")]
    {
        assert_eq!(text(Float32Array::from(vec![value])), expected);
    }
    assert_eq!(binary(Float32Array::from(vec![1.5_f32]), None), "3fc00000");
}

fn decimal(value: i128, precision: u8, scale: i8) -> Decimal128Array {
    Decimal128Array::from(vec![value]).with_precision_and_scale(precision, scale).expect("fits")
}

#[test]
fn numerics() {
    for (value, scale, expected, sent) in [
        (0, 0, "0", "0000000000000000"),
        (0, 2, "0.00", "0000000000000002"),
        (1, 0, "1", "00010000000000000001"),
        (-12345, 2, "-123.45", "0002000040000002007b1194"),
        (150, 2, "1.50", "000200000000000200011388"),
        (5, 4, "0.0005", "0001ffff000000040005"),
        (5, 5, "0.00005", "0001fffe000000051388"),
        (100_000_000, 0, "100000000", "00010002000000000001"),
    ] {
        assert_eq!(text(decimal(value, 38, scale)), expected);
        assert_eq!(binary(decimal(value, 38, scale), None), sent, "{expected}");
    }
    assert!(encode(Arc::new(UInt64Array::from(vec![u64::MAX])), None, Format::Text, "UTC").is_err());
    assert_eq!(text_in(decimal(15_000_000_000, 38, 10), Some("numeric"), "UTC"), "1.5");
    assert_eq!(text_in(decimal(20_000_000_000, 38, 10), Some("numeric"), "UTC"), "2");
    assert_eq!(text_in(decimal(0, 38, 10), Some("numeric"), "UTC"), "0");
    assert_eq!(text_in(decimal(100, 38, 0), Some("numeric"), "UTC"), "100");
    let wide = Decimal256Array::from(vec![i256::from_i128(-7)]).with_precision_and_scale(60, 3).expect("fits");
    assert_eq!(text(wide), "-0.007");
}

#[test]
fn scalars() {
    assert_eq!(text(BooleanArray::from(vec![true])), "t");
    assert_eq!(binary(BooleanArray::from(vec![false]), None), "00");
    assert_eq!(text(Int64Array::from(vec![i64::MIN])), "-9223372036854775808");
    assert_eq!(binary(Int16Array::from(vec![-2_i16]), None), "fffe");
    assert_eq!(binary(UInt8Array::from(vec![200_u8]), None), "00c8");
    assert_eq!(text(UInt32Array::from(vec![u32::MAX])), "4294967295");
    assert_eq!(binary(Int32Array::from(vec![16_384]), Some("oid")), "00004000");
    assert_eq!(binary(UInt32Array::from(vec![7_u32]), None), "0000000000000007");
    assert_eq!(text(StringViewArray::from(vec!["é"])), "é");
    assert_eq!(text(LargeStringArray::from(vec!["x"])), "x");
    assert_eq!(text(BinaryArray::from(vec![&b"\x00\xffa"[..]])), "\\x00ff61");
    assert_eq!(binary(BinaryArray::from(vec![&b"\x00\xffa"[..]]), None), "00ff61");
    assert_eq!(binary(StringArray::from(vec!["{}"]), Some("jsonb")), "017b7d");
    let dictionary: DictionaryArray<arrow::datatypes::Int32Type> = vec!["a"].into_iter().collect();
    assert_eq!(text(dictionary), "a");
    let uuid = FixedSizeBinaryArray::try_from_iter([[0xa0_u8; 16]].iter()).expect("16 bytes");
    assert_eq!(text_in(uuid, Some("uuid"), "UTC"), "a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0");
    let uuid = StringArray::from(vec!["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"]);
    assert_eq!(text_in(uuid.clone(), Some("uuid"), "UTC"), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    assert_eq!(binary(uuid, Some("uuid")), "a0eebc999c0b4ef8bb6d6bb9bd380a11");
    assert_eq!(encode(Arc::new(NullArray::new(1)), None, Format::Text, "UTC").expect("null"), None);
    assert_eq!(encode(Arc::new(Int32Array::from(vec![None])), None, Format::Binary, "UTC").expect("null"), None);
}

#[test]
fn dates_and_times() {
    for (days, expected) in [
        (0, "1970-01-01"),
        (10_957, "2000-01-01"),
        (20_454, "2026-01-01"),
        (2_932_897, "10000-01-01"),
        (-719_162, "0001-01-01"),
        (-719_163, "0001-12-31 BC"),
        (i32::MAX, "infinity"),
        (i32::MIN, "-infinity"),
    ] {
        assert_eq!(text(Date32Array::from(vec![days])), expected);
    }
    assert_eq!(binary(Date32Array::from(vec![10_958]), None), "00000001");
    assert_eq!(text(Time64MicrosecondArray::from(vec![45_296_789_000])), "12:34:56.789");
    assert_eq!(text(Time32SecondArray::from(vec![86_399])), "23:59:59");
    assert_eq!(text(TimestampMicrosecondArray::from(vec![1_767_225_600_000_001])), "2026-01-01 00:00:00.000001");
    assert_eq!(text(TimestampMicrosecondArray::from(vec![-1])), "1969-12-31 23:59:59.999999");
    assert_eq!(text(TimestampNanosecondArray::from(vec![1_767_225_600_500_000_000])), "2026-01-01 00:00:00.5");
    assert_eq!(binary(TimestampMicrosecondArray::from(vec![946_684_800_000_001]), None), "0000000000000001");
    let instant = || TimestampMicrosecondArray::from(vec![1_767_225_600_000_000]).with_timezone("+00:00");
    assert_eq!(text(instant()), "2026-01-01 00:00:00+00");
    assert_eq!(text_in(instant(), None, "+05:30"), "2026-01-01 05:30:00+05:30");
    assert_eq!(text_in(instant(), None, "-03:00"), "2025-12-31 21:00:00-03");
    assert_eq!(text_in(instant(), None, "Europe/Berlin"), "2026-01-01 01:00:00+01");
}

#[test]
fn intervals() {
    for (months, days, micros, expected) in [
        (0, 0, 0_i64, "00:00:00"),
        (14, 3, 14_706_789_000, "1 year 2 mons 3 days 04:05:06.789"),
        (-14, 3, -14_706_000_000, "-1 years -2 mons +3 days -04:05:06"),
        (1, 0, 0, "1 mon"),
        (0, -1, 3_600_000_000, "-1 days +01:00:00"),
        (0, 0, -1, "-00:00:00.000001"),
        (0, 1, 0, "1 day"),
        (0, 0, 100 * 3_600_000_000, "100:00:00"),
    ] {
        let value = IntervalMonthDayNano { months, days, nanoseconds: micros * 1000 };
        assert_eq!(text(IntervalMonthDayNanoArray::from(vec![value])), expected);
    }
    let value = IntervalMonthDayNano { months: 1, days: 2, nanoseconds: 3000 };
    assert_eq!(binary(IntervalMonthDayNanoArray::from(vec![value]), None), "00000000000000030000000200000001");
    assert_eq!(text(DurationMillisecondArray::from(vec![1_500])), "00:00:01.5");
}

fn list(values: ArrayRef, lengths: &[usize]) -> ListArray {
    list_of(Field::new("item", values.data_type().clone(), true), values, lengths)
}

fn list_of(field: Field, values: ArrayRef, lengths: &[usize]) -> ListArray {
    ListArray::new(field.into(), OffsetBuffer::from_lengths(lengths.iter().copied()), values, None)
}

#[test]
fn arrays() {
    let texts =
        StringArray::from(vec![Some("a b"), None, Some(""), Some("null"), Some("q\"\\"), Some("plain"), Some("{}")]);
    assert_eq!(text(list(Arc::new(texts), &[7])), r#"{"a b",NULL,"","null","q\"\\",plain,"{}"}"#);
    let numbers = Int32Array::from(vec![Some(1), None, Some(3)]);
    assert_eq!(text(list(Arc::new(numbers.clone()), &[3])), "{1,NULL,3}");
    assert_eq!(
        binary(list(Arc::new(numbers), &[3]), None),
        "000000010000000100000017000000030000000100000004000000 01ffffffff0000000400000003".replace(' ', "")
    );
    let empty: ArrayRef = Arc::new(Int32Array::from(Vec::<i32>::new()));
    assert_eq!(text(list(Arc::clone(&empty), &[0])), "{}");
    assert_eq!(binary(list(empty, &[0]), None), "000000000000000000000017");
    let four: ArrayRef = Arc::new(Int16Array::from(vec![1_i16, 2, 3, 4]));
    let square = list(Arc::new(list(Arc::clone(&four), &[2, 2])), &[2]);
    assert_eq!(text(square.clone()), "{{1,2},{3,4}}");
    assert!(binary(square, None).starts_with("00000002000000000000001500000002000000010000000200000001"));
    let ragged = list(Arc::new(list(Arc::clone(&four), &[1, 3])), &[2]);
    assert!(encode(Arc::new(ragged), None, Format::Binary, "UTC").is_err());
    assert_eq!(text_in(list(four, &[4]), Some("int2vector"), "UTC"), "1 2 3 4");
}

#[test]
fn characters_are_padded() {
    let values = |value: &str| StringArray::from(vec![value]);
    for (value, expected) in [("ab", "ab  "), ("é", "é   "), ("", "    "), ("abcd", "abcd"), ("abcde", "abcde")] {
        assert_eq!(text_in(values(value), Some("character(4)"), "UTC"), expected);
        let sent: String = expected.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(binary(values(value), Some("character(4)")), sent);
    }
    assert_eq!(
        encode(Arc::new(StringArray::new_null(1)), Some("character(4)"), Format::Text, "UTC").expect("null"),
        None
    );
    let values_or_null: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let array = list_of(sql::PgType::Char(Some(2)).field("item", true), values_or_null, &[2]);
    assert_eq!(text(array.clone()), r#"{"a ",NULL}"#);
    assert!(binary(array, None).ends_with("000000026120ffffffff"));
    let field = sql::PgType::Char(Some(3)).field("c", true);
    let record = StructArray::new(vec![field].into(), vec![Arc::new(values("a"))], None);
    assert_eq!(text(record), r#"("a  ")"#);
    assert_eq!(
        copied(vec![Arc::new(values("a"))], vec![sql::PgType::Char(Some(3)).field("c", true)]),
        b"d\0\0\0\x08a  \n"
    );
}

#[test]
fn records_and_refusals() {
    let fields = vec![Field::new("a", DataType::Int32, true), Field::new("b", DataType::Utf8, true)];
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int32Array::from(vec![None])), Arc::new(StringArray::from(vec!["x\"y"]))];
    let record = StructArray::new(fields.into(), columns, None);
    assert_eq!(text(record.clone()), r#"(,"x""y")"#);
    assert!(encode(Arc::new(record), None, Format::Binary, "UTC").is_err());
    assert!(column_formats(&[0, 1], 3).is_err());
    assert!(column_formats(&[7], 1).is_err());
    assert_eq!(column_formats(&[1], 2).expect("one for all"), [Format::Binary; 2]);
}

#[test]
fn copy_rows_are_escaped() {
    let fields = vec![Field::new("a", DataType::Utf8, true), Field::new("b", DataType::Int32, true)];
    let columns: Vec<ArrayRef> =
        vec![Arc::new(StringArray::from(vec!["a\tb\\c\nd"])), Arc::new(Int32Array::from(vec![None]))];
    assert_eq!(copied(columns, fields), b"d\0\0\0\x12a\\tb\\\\c\\nd\t\\N\n");
}
