//! Statements with their literals as parameters, as drivers send them.
//!
//! Lifted are texts and whole numbers that stand alone on one side of a comparison in a `WHERE`:
//! there Postgres gives a parameter the type of the other side, which is what such a literal is read
//! as, so that the answer stays the same. Elsewhere (in a select list, beside an arithmetic operator,
//! as a function's argument) it may not, and they stay.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

/// A statement with `$1`.. in it, and what they stand for.
#[derive(Debug, PartialEq, Eq)]
pub struct Lifted {
    pub sql: String,
    pub values: Vec<Value>,
}

/// A parameter of any type, sent as text.
#[derive(Debug, PartialEq, Eq)]
pub struct Value(pub String);

impl ToSql for Value {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// Words after which conditions follow, and words that end them.
const BEGIN: &[&str] = &["where"];
const END: &[&str] = &[
    "select",
    "from",
    "group",
    "order",
    "having",
    "limit",
    "offset",
    "union",
    "except",
    "intersect",
    "window",
    "fetch",
    "values",
    "returning",
    "set",
    "case",
    "when",
    "then",
];
/// What may stand before and behind a literal that is lifted.
const BEFORE: &[&str] = &["=", "<>", "!=", "<", ">", "<=", ">="];
const BEHIND: &[&str] = &["and", "or", ")", ";"];

/// The statement with its literals lifted; none if it has none that can be.
pub fn lifted(sql: &str) -> Option<Lifted> {
    let tokens = tokens(sql)?;
    let first = tokens.iter().find(|token| !token.is_blank())?;
    if !["select", "with", "update", "delete"].contains(&first.word().as_str()) {
        return None;
    }
    let mut text = String::with_capacity(sql.len());
    let mut values = Vec::new();
    let mut is_condition = vec![false];
    let mut before = String::new();
    for (place, token) in tokens.iter().enumerate() {
        let word = token.word();
        let now = is_condition.last().copied().unwrap_or_default();
        match word.as_str() {
            "(" => {
                let inherited = now && ["where", "and", "or", "not", "("].contains(&before.as_str());
                is_condition.push(inherited);
            }
            ")" => drop(is_condition.pop()),
            word if BEGIN.contains(&word) || END.contains(&word) => {
                is_condition.pop();
                is_condition.push(BEGIN.contains(&word));
            }
            _ => {}
        }
        let behind = tokens[place + 1..].iter().find(|token| !token.is_blank()).map(Token::word);
        let stands_alone = behind.is_none_or(|behind| [BEHIND, END].concat().contains(&behind.as_str()));
        match token.value() {
            Some(value) if now && BEFORE.contains(&before.as_str()) && stands_alone => {
                values.push(Value(value));
                text.push_str(&format!("${}", values.len()));
            }
            _ => text.push_str(token.text),
        }
        if !token.is_blank() {
            before = word;
        }
    }
    (!values.is_empty()).then_some(Lifted { sql: text, values })
}

/// A piece of SQL: all pieces together are the text.
#[derive(Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// White space, or a comment.
    Blank,
    Quoted,
    Number,
    /// A word, a quoted name, an operator, a bracket.
    Other,
}

impl Token<'_> {
    fn is_blank(&self) -> bool {
        self.kind == Kind::Blank
    }

    /// In lower case; literals are none.
    fn word(&self) -> String {
        if self.kind == Kind::Other { self.text.to_ascii_lowercase() } else { String::new() }
    }

    /// What a literal stands for.
    fn value(&self) -> Option<String> {
        match self.kind {
            Kind::Quoted => Some(self.text[1..self.text.len() - 1].replace("''", "'")),
            Kind::Number if self.text.bytes().all(|byte| byte.is_ascii_digit()) => Some(self.text.to_owned()),
            _ => None,
        }
    }
}

/// None for texts with parameters already, or with rarer forms of literals.
fn tokens(sql: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (length, kind) = match first {
            '\'' => (quoted(rest, '\'')?, Kind::Quoted),
            '"' => (quoted(rest, '"')?, Kind::Other),
            '$' | '\\' => return None,
            '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), Kind::Blank),
            '/' if rest.starts_with("/*") => (rest.find("*/")? + 2, Kind::Blank),
            _ if first.is_whitespace() => (length_of(rest, char::is_whitespace), Kind::Blank),
            '0'..='9' => (length_of(rest, |next| next.is_alphanumeric() || next == '.'), Kind::Number),
            _ if is_of_word(first) => (length_of(rest, is_of_word), Kind::Other),
            '<' | '>' | '=' | '!' => (length_of(rest, |next| "<>=!~".contains(next)), Kind::Other),
            _ => (first.len_utf8(), Kind::Other),
        };
        let (text, left) = rest.split_at(length);
        tokens.push(Token { kind, text });
        rest = left;
    }
    Some(tokens)
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn length_of(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|character| !belongs(character)).unwrap_or(text.len())
}

/// The length of what is quoted at the start, with doubled quotes in it.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut from = 1;
    loop {
        let end = from + text[from..].find(quote)?;
        if !text[end + 1..].starts_with(quote) {
            return Some(end + 1);
        }
        from = end + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expected: &str, values: &[&str]) {
        let lifted = lifted(sql).expect(sql);
        assert_eq!(lifted.sql, expected);
        assert_eq!(lifted.values, values.iter().map(|value| Value((*value).to_owned())).collect::<Vec<_>>());
    }

    #[test]
    fn literals_beside_a_comparison_are_lifted() {
        check(
            "SELECT a FROM t WHERE a = 5 AND b <> 'it''s'",
            "SELECT a FROM t WHERE a = $1 AND b <> $2",
            &["5", "it's"],
        );
        check(
            "select 1 from t where (a>=5 or (b = 'x')) order by 1",
            "select 1 from t where (a>=$1 or (b = $2)) order by 1",
            &["5", "x"],
        );
        check("UPDATE t SET a = 5 WHERE b = 6", "UPDATE t SET a = 5 WHERE b = $1", &["6"]);
        check("SELECT a FROM t WHERE a < 5 GROUP BY a", "SELECT a FROM t WHERE a < $1 GROUP BY a", &["5"]);
    }

    #[test]
    fn others_stay() {
        for sql in [
            "SELECT a = 5, 'x' FROM t",
            "SELECT a FROM t WHERE a = 5 + b AND b = -1 AND c = 1.5 AND d = DATE '2024-01-01' AND e = 'x'::date",
            "SELECT a FROM t WHERE f(a = 5) AND a IN (5) AND b LIKE 'x%'",
            "SELECT a FROM t WHERE CASE WHEN a = 5 THEN true END",
            "SELECT a FROM t WHERE a = $1 AND b = 5",
            "SELECT a = 5 FROM t GROUP BY a = 5",
            "EXPLAIN SELECT a FROM t WHERE a = 5",
        ] {
            assert_eq!(lifted(sql), None, "{sql}");
        }
    }
}
