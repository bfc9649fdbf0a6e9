//! JSON columns of JSON records: a member's value kept as the text it was written as. Finds members
//! by counting brackets, and leaves it to others to say what is wrong with text that has none.

use std::ops::Range;

/// The object on `line`, with the value of each member in `names` made a string that holds the
/// value's own text. None if the line is not an object, or there is nothing to change.
pub(crate) fn with_values_as_text(line: &[u8], names: &[String]) -> Option<Vec<u8>> {
    let mut changed: Option<Vec<u8>> = None;
    let mut copied = 0;
    for (name, value) in members(line)? {
        if &line[value.clone()] == b"null" || !names.iter().any(|wanted| is_name(&line[name.clone()], wanted)) {
            continue;
        }
        let text = std::str::from_utf8(&line[value.clone()]).ok()?;
        let changed = changed.get_or_insert_with(|| Vec::with_capacity(line.len() * 2));
        changed.extend_from_slice(&line[copied..value.start]);
        serde_json::to_writer(&mut *changed, text).expect("a string can always be written as JSON to memory");
        copied = value.end;
    }
    let mut changed = changed?;
    changed.extend_from_slice(&line[copied..]);
    Some(changed)
}

/// The names of the members of the object on `line`, in their order.
pub(crate) fn member_names(line: &[u8]) -> Vec<String> {
    let name = |(name, _): (Range<usize>, Range<usize>)| serde_json::from_slice(&line[name]).ok();
    members(line).unwrap_or_default().into_iter().filter_map(name).collect()
}

/// The names of those members of the object on `line` that are objects or arrays themselves.
pub(crate) fn compound_members(line: &[u8]) -> Vec<String> {
    let members = members(line).unwrap_or_default().into_iter();
    let compound = members.filter(|(_, value)| matches!(line[value.start], b'{' | b'['));
    compound.filter_map(|(name, _)| serde_json::from_slice(&line[name]).ok()).collect()
}

fn is_name(quoted: &[u8], name: &str) -> bool {
    let plain = &quoted[1..quoted.len() - 1];
    plain == name.as_bytes()
        || (plain.contains(&b'\\') && serde_json::from_slice::<String>(quoted).is_ok_and(|unescaped| unescaped == name))
}

/// The name (with its quotes) and value of each member of the object on `line`.
fn members(line: &[u8]) -> Option<Vec<(Range<usize>, Range<usize>)>> {
    let mut members = Vec::new();
    let mut at = skip_blanks(line, 0);
    if line.get(at) != Some(&b'{') {
        return None;
    }
    at = skip_blanks(line, at + 1);
    while line.get(at) == Some(&b'"') {
        let name = at..skip_string(line, at)?;
        at = skip_blanks(line, name.end);
        if line.get(at) != Some(&b':') {
            return None;
        }
        at = skip_blanks(line, at + 1);
        let value = at..skip_value(line, at)?;
        at = skip_blanks(line, value.end);
        members.push((name, value));
        if line.get(at) == Some(&b',') {
            at = skip_blanks(line, at + 1);
        }
    }
    (line.get(at) == Some(&b'}')).then_some(members)
}

fn skip_blanks(line: &[u8], at: usize) -> usize {
    line[at..].iter().position(|byte| !byte.is_ascii_whitespace()).map_or(line.len(), |blanks| at + blanks)
}

fn skip_string(line: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match line.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn skip_value(line: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    let mut depth = 0usize;
    loop {
        match line.get(at)? {
            b'"' => at = skip_string(line, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            b',' | b'}' | b']' if depth == 0 => return (at > start).then_some(at),
            byte if byte.is_ascii_whitespace() && depth == 0 => return (at > start).then_some(at),
            _ => at += 1,
        }
        let closed = matches!(line[at - 1], b'"' | b'}' | b']');
        if depth == 0 && closed {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_become_text() {
        let cases: &[(&str, Option<&str>)] = &[
            (r#"{"a": 1, "j": {"x": [1, "}"]}}"#, Some(r#"{"a": 1, "j": "{\"x\": [1, \"}\"]}"}"#)),
            (r#"{"j":[],"a":2}"#, Some(r#"{"j":"[]","a":2}"#)),
            (r#"{"j":1.50}"#, Some(r#"{"j":"1.50"}"#)),
            (r#"{"j": "text"}"#, Some(r#"{"j": "\"text\""}"#)),
            (r#"{"\u006a": true }"#, Some(r#"{"\u006a": "true" }"#)),
            (r#"{"j": null}"#, None),
            (r#"{"a": {"j": 1}}"#, None),
            (r#"{"j": {"x": 1}"#, None),
            (r#"{"j": "#, None),
            (r#"{"j": "abc"#, None),
            (r#"{"j": "abc\"#, None),
            ("[1]", None),
            ("", None),
        ];
        for (line, expected) in cases {
            let changed = with_values_as_text(line.as_bytes(), &["j".into()]);
            let changed = changed.map(|changed| String::from_utf8(changed).expect("it was text before"));
            assert_eq!(changed.as_deref(), *expected, "{line}");
        }
    }
}
