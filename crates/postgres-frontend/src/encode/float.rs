//! Floats as Postgres prints them (`extra_float_digits` = 1): the shortest digits that read back the same.

use std::fmt::Write;

use bytes::BytesMut;

/// Appends a `double precision`.
pub(crate) fn write_double(value: f64, output: &mut BytesMut) {
    match special(value) {
        Some(text) => output.extend_from_slice(text),
        // Rust's exponent form has the shortest digits that round-trip, as Ryu has in Postgres.
        None => write_shortest(&format!("{value:e}"), 15, output),
    }
}

/// Appends a `real`.
pub(crate) fn write_real(value: f32, output: &mut BytesMut) {
    match special(f64::from(value)) {
        Some(text) => output.extend_from_slice(text),
        None => write_shortest(&format!("{value:e}"), 6, output),
    }
}

fn special(value: f64) -> Option<&'static [u8]> {
    if value.is_nan() {
        Some(b"NaN")
    } else if value.is_infinite() {
        Some(if value > 0.0 { b"Infinity" } else { b"-Infinity" })
    } else {
        None
    }
}

/// `scientific` is like `-1.25e-7`. From `10^limit` on, and below `10^-4`, Postgres keeps an exponent.
fn write_shortest(scientific: &str, limit: i32, output: &mut BytesMut) {
    let (mantissa, exponent) = scientific.split_once('e').expect("the e format has an exponent");
    let exponent: i32 = exponent.parse().expect("the e format has a number as exponent");
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(positive) => ("-", positive),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(|digit| *digit != '.').collect();
    output.extend_from_slice(sign.as_bytes());
    if !(-4..limit).contains(&exponent) {
        output.extend_from_slice(mantissa.as_bytes());
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(output, "e{sign}{:02}", exponent.abs()).expect("a buffer takes any text");
    } else if exponent < 0 {
        output.extend_from_slice(b"0.");
        output.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        output.extend_from_slice(digits.as_bytes());
    } else {
        let point = exponent as usize + 1;
        if digits.len() <= point {
            output.extend_from_slice(digits.as_bytes());
            output.extend(std::iter::repeat_n(b'0', point - digits.len()));
        } else {
            output.extend_from_slice(&digits.as_bytes()[..point]);
            output.extend_from_slice(b".");
            output.extend_from_slice(&digits.as_bytes()[point..]);
        }
    }
}
