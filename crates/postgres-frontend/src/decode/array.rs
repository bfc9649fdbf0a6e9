//! Arrays of one dimension in parameters: `{1,NULL,"a b"}` and the binary form.

use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use postgres_types::Type;

use super::{binary, cast, null, text};
use crate::error::Error;
use crate::wire::Body;

fn element_type(target: &DataType) -> Result<&DataType, Error> {
    match target {
        DataType::List(field) => Ok(field.data_type()),
        other => Err(Error::unsupported(format_args!("an array parameter of type {other}"))),
    }
}

/// Reads an array literal.
pub(super) fn parse_text(literal: &str, element: &Type, target: &DataType) -> Result<ScalarValue, Error> {
    let element_target = element_type(target)?;
    let values = split(literal)?
        .into_iter()
        .map(|item| match item {
            None => null(element_target),
            Some(item) => cast(text::parse(&item, element, element_target)?, element_target),
        })
        .collect::<Result<Vec<_>, _>>()?;
    text::list(&values, target)
}

/// Reads the binary form, whose own element type must be `element`.
pub(super) fn read_binary(mut body: Body, element: &Type, target: &DataType) -> Result<ScalarValue, Error> {
    let element_target = element_type(target)?;
    let dimensions = body.u32()?;
    let _has_null = body.u32()?;
    let sent = body.u32()?;
    if sent != element.oid() {
        let message = format!("binary data has array element type {sent} instead of expected {}", element.oid());
        return Err(Error::request("42804", message));
    }
    let count = match dimensions {
        0 => 0,
        1 => {
            let count = body.u32()?;
            let _lower_bound = body.u32()?;
            count
        }
        _ => return Err(Error::unsupported("an array parameter of several dimensions")),
    };
    let values = (0..count)
        .map(|_| match body.u32()? as i32 {
            -1 => null(element_target),
            length => {
                let bytes = body.bytes(usize::try_from(length).map_err(|_| binary::malformed(element))?)?;
                cast(binary::read(&bytes, element, element_target)?, element_target)
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    text::list(&values, target)
}

/// The elements of `{a,"b c",NULL}`, unquoted.
pub(crate) fn split(literal: &str) -> Result<Vec<Option<String>>, Error> {
    let malformed = || Error::request("22P02", format!("malformed array literal: \"{literal}\""));
    let inner = literal.trim().strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).ok_or_else(malformed)?;
    let mut elements = Vec::new();
    let mut rest = inner.trim();
    while !rest.is_empty() {
        let (element, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (element, after) = take_quoted(quoted).ok_or_else(malformed)?;
                (Some(element), after.trim_start())
            }
            None => take_plain(rest)?.ok_or_else(malformed)?,
        };
        elements.push(element);
        rest = match after.strip_prefix(',').map(str::trim_start) {
            // A comma promises one more.
            Some("") => return Err(malformed()),
            Some(next) => next,
            None if after.is_empty() => after,
            None => return Err(malformed()),
        };
    }
    Ok(elements)
}

/// Up to the closing quote; a backslash takes the next character as it is.
fn take_quoted(text: &str) -> Option<(String, &str)> {
    let mut element = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((element, characters.as_str())),
            '\\' => element.push(characters.next()?),
            character => element.push(character),
        }
    }
}

/// Up to the next comma; nothing for an empty element.
fn take_plain(text: &str) -> Result<Option<(Option<String>, &str)>, Error> {
    let mut element = String::new();
    let mut escaped = false;
    let mut characters = text.chars();
    let rest = loop {
        let rest = characters.as_str();
        match characters.next() {
            None | Some(',') => break rest,
            Some('{' | '}') => return Err(Error::unsupported("an array parameter of several dimensions")),
            Some('"') => return Ok(None),
            Some('\\') => {
                escaped = true;
                element.extend(characters.next());
            }
            Some(character) => element.push(character),
        }
    };
    let element = if escaped { element } else { element.trim_end().to_owned() };
    Ok(match element {
        empty if empty.is_empty() => None,
        null if !escaped && null.eq_ignore_ascii_case("null") => Some((None, rest)),
        element => Some((Some(element), rest)),
    })
}
