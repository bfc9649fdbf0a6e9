//! JSON's text: whether it is JSON, and its one form as `jsonb`.
//!
//! `jsonb` forgets white space, the order of keys and all but the last of equal ones. Equal values
//! get equal text here, so that comparing and grouping by the text is right; only numbers that
//! differ in trailing zeros are equal in Postgres and not here.
//! See <https://www.postgresql.org/docs/current/datatype-json.html>.

use std::fmt::Write;

/// How deep arrays and objects may nest.
const DEPTH_MAX: usize = 500;
/// The longest number that an exponent may stand for, in digits.
const EXPONENT_MAX: usize = 1_000;

/// The text as `jsonb` writes it; none if it is no JSON.
#[must_use]
pub fn normalise(text: &str) -> Option<String> {
    let mut parser = Parser { text: text.as_bytes(), at: 0 };
    let value = parser.value(0)?;
    parser.space();
    if parser.at != text.len() {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    write(&value, &mut out);
    Some(out)
}

/// Whether the text is JSON.
#[must_use]
pub fn is_json(text: &str) -> bool {
    normalise(text).is_some()
}

enum Value {
    /// `null`, `true`, `false`, and numbers, as they are written.
    Word(String),
    /// Unescaped.
    Text(String),
    Array(Vec<Value>),
    /// In order of keys.
    Object(Vec<(String, Value)>),
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.text.get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.space();
        match self.text.get(self.at)? {
            b'{' | b'[' if depth == DEPTH_MAX => None,
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'"' => self.string().map(Value::Text),
            b'-' | b'0'..=b'9' => self.number(),
            _ => {
                let word = ["null", "true", "false"].into_iter();
                let word = word.clone().find(|word| self.text[self.at..].starts_with(word.as_bytes()))?;
                self.at += word.len();
                Some(Value::Word(word.to_owned()))
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.take(b'[')?;
        let mut values = vec![];
        if self.take(b']').is_some() {
            return Some(Value::Array(values));
        }
        loop {
            values.push(self.value(depth)?);
            if self.take(b',').is_none() {
                self.take(b']')?;
                return Some(Value::Array(values));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.take(b'{')?;
        let mut members: Vec<(String, Value)> = vec![];
        if self.take(b'}').is_some() {
            return Some(Value::Object(members));
        }
        loop {
            self.space();
            let key = self.string()?;
            self.take(b':')?;
            members.push((key, self.value(depth)?));
            if self.take(b',').is_none() {
                self.take(b'}')?;
                break;
            }
        }
        // Postgres orders keys by length first. The sort is stable, so the last of equal keys is last.
        members.sort_by(|(left, _), (right, _)| left.len().cmp(&right.len()).then_with(|| left.cmp(right)));
        members.reverse();
        members.dedup_by(|(later, _), (kept, _)| later == kept);
        members.reverse();
        Some(Value::Object(members))
    }

    fn string(&mut self) -> Option<String> {
        if self.text.get(self.at) != Some(&b'"') {
            return None;
        }
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(out).ok(),
                b'\\' => {
                    let character = self.escape()?;
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..=0x1f => return None,
                _ => out.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => match self.hexadecimal()? {
                // Postgres' text cannot hold it.
                0 => return None,
                high @ 0xd800..=0xdbff => {
                    if !self.text[self.at..].starts_with(b"\\u") {
                        return None;
                    }
                    self.at += 2;
                    let low = self.hexadecimal().filter(|low| (0xdc00..=0xdfff).contains(low))?;
                    char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?
                }
                code => char::from_u32(code)?,
            },
            _ => return None,
        })
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    }

    fn digits(&mut self) -> String {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.text[start..self.at].iter().copied().map(char::from).collect()
    }

    fn number(&mut self) -> Option<Value> {
        let is_negative = self.text[self.at] == b'-';
        self.at += usize::from(is_negative);
        let whole = self.digits();
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
            return None;
        }
        let mut fraction = String::new();
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            fraction = self.digits();
            if fraction.is_empty() {
                return None;
            }
        }
        let mut exponent = 0_i64;
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            let sign = match self.text.get(self.at) {
                Some(b'-') => -1,
                Some(b'+') => 1,
                _ => 0,
            };
            self.at += usize::from(sign != 0);
            let digits = self.digits();
            exponent = digits.parse::<i64>().ok()? * if sign < 0 { -1 } else { 1 };
        }
        Some(Value::Word(plain_number(is_negative, &whole, &fraction, exponent)?))
    }
}

/// A number without an exponent, as Postgres' `numeric` is written.
fn plain_number(is_negative: bool, whole: &str, fraction: &str, exponent: i64) -> Option<String> {
    let shift = usize::try_from(exponent.unsigned_abs()).ok().filter(|shift| *shift <= EXPONENT_MAX)?;
    let (whole, fraction) = if exponent >= 0 {
        let moved = fraction.len().min(shift);
        let zeros = "0".repeat(shift - moved);
        (format!("{whole}{}{zeros}", &fraction[..moved]), fraction[moved..].to_owned())
    } else {
        let padded = format!("{}{whole}", "0".repeat(shift));
        let (left, moved) = padded.split_at(padded.len() - shift);
        (left.to_owned(), format!("{moved}{fraction}"))
    };
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let is_zero = whole == "0" && fraction.bytes().all(|digit| digit == b'0');
    let sign = if is_negative && !is_zero { "-" } else { "" };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Word(word) => out.push_str(word),
        Value::Text(text) => write_text(text, out),
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write(value, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_text(key, out);
                out.push_str(": ");
                write(value, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn one_form() {
        let cases = [
            (r#" {"b":1,"a" : [1, 2.50,-0] , "aa":null,"b":2} "#, Some(r#"{"a": [1, 2.50, 0], "b": 2, "aa": null}"#)),
            (r#""a\u0041\n\ud83d\ude00""#, Some("\"aA\\n\u{1f600}\"")),
            ("1e3", Some("1000")),
            ("12.5e-3", Some("0.0125")),
            ("1.25e1", Some("12.5")),
            ("[]", Some("[]")),
            ("{}", Some("{}")),
            ("01", None),
            ("1.", None),
            ("[1,]", None),
            ("{a:1}", None),
            ("\"\\u0000\"", None),
            ("tru", None),
            ("true false", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(normalise(text).as_deref(), expected, "{text}");
        }
        assert_eq!(normalise(&"[".repeat(100_000)), None);
    }
}
