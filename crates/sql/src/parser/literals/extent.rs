//! How far a value of a `VALUES` reaches, by its brackets, quotes and comments alone.

/// The length of the value that `text` begins with, in bytes: up to the comma or parenthesis after it. None if
/// there is no such end.
pub(super) fn of(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        at += match bytes.get(at)? {
            b',' | b')' if depth == 0 => return Some(at),
            b'(' | b'[' => {
                depth += 1;
                1
            }
            b')' | b']' => {
                depth = depth.checked_sub(1)?;
                1
            }
            b'\'' | b'"' => of_quoted(&text[at..], false)?,
            b'-' | b'/' if is_comment(&text[at..]) => of_comment(&text[at..])?,
            b'$' => of_dollar_quoted(&text[at..])?,
            b'e' | b'E' if bytes.get(at + 1) == Some(&b'\'') => 1 + of_quoted(&text[at + 1..], true)?,
            byte if is_part(*byte) => bytes[at..].iter().take_while(|byte| is_part(**byte)).count(),
            _ => 1,
        };
    }
}

/// Whether a byte is of a word or a number.
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || !byte.is_ascii()
}

/// The length of what is between quotes, with them. A doubled quote within is as good as two texts.
fn of_quoted(text: &str, has_escapes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = bytes[0];
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'\\' if has_escapes => at += 2,
            // Of a text with escapes, what follows a doubled quote has them, too.
            byte if *byte == quote && has_escapes && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if *byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The length of `$tag$...$tag$`, or of the `$` of a parameter.
fn of_dollar_quoted(text: &str) -> Option<usize> {
    let tag = text[1..].bytes().position(|byte| byte == b'$' || !is_part(byte)).map(|length| &text[..length + 2]);
    match tag.filter(|tag| tag.ends_with('$') && !tag.as_bytes()[1].is_ascii_digit()) {
        Some(tag) => Some(tag.len() + text[tag.len()..].find(tag)? + tag.len()),
        None => Some(1),
    }
}

fn is_comment(text: &str) -> bool {
    text.starts_with("--") || text.starts_with("/*")
}

/// The length of a comment, if `text` begins with one.
pub(super) fn of_comment(text: &str) -> Option<usize> {
    if text.starts_with("--") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        let rest = &text.as_bytes()[at..];
        match rest {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            [] => return None,
            _ => at += 1,
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_at_its_comma_or_parenthesis() {
        for value in [
            "1 + 1",
            "f(1, 2)",
            "ARRAY[1, 2]",
            "'a,b)' || 'it''s, so'",
            r"E'it\'s, so' ",
            r"E'a''\', b'",
            "ne'x'",
            "\"a,b\"",
            "$$a,b$$",
            "$a$ $b$,$a$",
            "$1",
            "a$1",
            "1 -- one, two)\n",
            "1 /* one, /* two */ ) */ + 2",
            "-1 / 2",
            "ä",
            "",
        ] {
            for rest in [", 2)", "), (3)"] {
                assert_eq!(of(&format!("{value}{rest}")), Some(value.len()), "{value}");
            }
        }
        for endless in ["1", "'a, ", "E'a\\', ", "$$a, ", "/* a, ", "-- a, ", "(1, ", "], "] {
            assert_eq!(of(endless), None, "{endless}");
        }
    }
}
