//! Postgres' text of arrays: `{1,NULL,"a b"}`.
//!
//! See <https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>.

/// The elements' texts, none for `NULL`; none if the text is no array of one dimension.
pub(super) fn parse(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut elements = vec![];
    let mut characters = inner.chars().peekable();
    if inner.trim().is_empty() {
        return Some(elements);
    }
    loop {
        while characters.next_if(|character| character.is_whitespace()).is_some() {}
        let mut element = String::new();
        if characters.next_if_eq(&'"').is_some() {
            loop {
                match characters.next()? {
                    '"' => break,
                    '\\' => element.push(characters.next()?),
                    other => element.push(other),
                }
            }
            while characters.next_if(|character| character.is_whitespace()).is_some() {}
            elements.push(Some(element));
        } else {
            while let Some(character) = characters.next_if(|&character| character != ',') {
                match character {
                    '{' | '}' | '"' => return None,
                    '\\' => element.push(characters.next()?),
                    other => element.push(other),
                }
            }
            let element = element.trim_end();
            if element.is_empty() {
                return None;
            }
            elements.push((!element.eq_ignore_ascii_case("null")).then(|| element.to_owned()));
        }
        match characters.next() {
            None => return Some(elements),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

/// Writes elements' texts as an array's.
pub(super) fn write<'a>(elements: impl Iterator<Item = Option<&'a str>>, out: &mut String) {
    out.push('{');
    for (index, element) in elements.enumerate() {
        out.push_str(if index > 0 { "," } else { "" });
        match element {
            None => out.push_str("NULL"),
            Some(text) if needs_quotes(text) => {
                out.push('"');
                for character in text.chars() {
                    if matches!(character, '"' | '\\') {
                        out.push('\\');
                    }
                    out.push(character);
                }
                out.push('"');
            }
            Some(text) => out.push_str(text),
        }
    }
    out.push('}');
}

fn needs_quotes(text: &str) -> bool {
    text.is_empty()
        || text.eq_ignore_ascii_case("null")
        || text
            .contains(|character: char| matches!(character, '{' | '}' | ',' | '"' | '\\') || character.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let cases = [
            ("{}", Some("{}")),
            ("{1,2, 3 }", Some("{1,2,3}")),
            ("{a b,\"c,d\",NULL,\"null\"}", Some("{\"a b\",\"c,d\",NULL,\"null\"}")),
            ("{\"a\\\"b\", \"\"}", Some("{\"a\\\"b\",\"\"}")),
            ("{{1},{2}}", None),
            ("{1,}", None),
            ("1,2", None),
            ("{\"a}", None),
        ];
        for (text, expected) in cases {
            let actual = parse(text).map(|elements| {
                let mut out = String::new();
                write(elements.iter().map(Option::as_deref), &mut out);
                out
            });
            assert_eq!(actual.as_deref(), expected, "{text}");
        }
    }
}
