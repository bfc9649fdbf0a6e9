//! Options being taken one by one, so that what nobody took is known to be unknown. It knows how
//! options are spelled, not what any of them means.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use crate::{Error, SourceOptions};

/// The options of one source. `.`, `_` and `-` are the same in a key, and the connector's own name
/// may stand in front of it, so that `nexmark.event.num` and `event_num` are one option.
#[derive(Debug)]
pub(crate) struct Settings {
    connector: &'static str,
    /// The encoding's name in upper case, if the statement has one.
    encode: Option<String>,
    /// Key as asked for, to key as written and value.
    rest: BTreeMap<String, (String, String)>,
    /// Every key that was asked for, in the order of asking.
    known: Vec<String>,
}

impl Settings {
    /// The options of `options`, of which none is taken yet but `connector`.
    pub(crate) fn new(connector: &'static str, options: &SourceOptions) -> Result<Self, Error> {
        let mut settings = Self { connector, encode: None, rest: BTreeMap::new(), known: Vec::new() };
        let encode_options = options.encode.iter().flat_map(|(_, options)| options);
        for (key, value) in options.with.iter().chain(encode_options) {
            let name = spelling(key.strip_prefix(&format!("{connector}.")).unwrap_or(key));
            if let Some((other, _)) = settings.rest.insert(name, (key.clone(), value.clone())) {
                return Err(invalid(key, format!("given twice, also as \"{other}\"")));
            }
        }
        settings.rest.remove("connector");
        settings.encode = options.encode.as_ref().map(|(name, _)| name.clone());
        Ok(settings)
    }

    /// The encoding of an `ENCODE` clause, in upper case.
    pub(crate) fn encode(&self) -> Option<&str> {
        self.encode.as_deref()
    }

    /// The text of an option, and the key as it was written.
    pub(crate) fn text(&mut self, name: &str) -> Option<(String, String)> {
        self.known.push(name.to_owned());
        self.rest.remove(&spelling(name))
    }

    /// The value of an option.
    pub(crate) fn value<T: FromStr>(&mut self, name: &str, expected: &str) -> Result<Option<T>, Error> {
        let Some((key, text)) = self.text(name) else { return Ok(None) };
        match text.trim().parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(invalid(&key, format!("expected {expected}, not \"{text}\""))),
        }
    }

    /// The value of an option with several names, of which only one may be given.
    pub(crate) fn value_of_any<T: FromStr>(&mut self, names: &[&str], expected: &str) -> Result<Option<T>, Error> {
        let mut found = None;
        for name in names {
            let Some(value) = self.value(name, expected)? else { continue };
            if found.replace(value).is_some() {
                return Err(invalid(name, format!("another name of \"{}\", which is given too", names[0])));
            }
        }
        Ok(found)
    }

    /// An option that is true or false.
    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, Error> {
        let Some((key, text)) = self.text(name) else { return Ok(None) };
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "on" | "yes" | "1" => Ok(Some(true)),
            "false" | "f" | "off" | "no" | "0" => Ok(Some(false)),
            _ => Err(invalid(&key, format!("expected true or false, not \"{text}\""))),
        }
    }

    /// A rate by second, under any of its names; none for as fast as possible.
    pub(crate) fn rate(&mut self, names: &[&str]) -> Result<Option<f64>, Error> {
        let expected = "a number of rows a second";
        match self.value_of_any::<f64>(names, expected)? {
            Some(rate) if rate != 0.0 && !(1e-3..=1e12).contains(&rate) => {
                Err(invalid(names[0], format!("expected {expected}, not {rate}")))
            }
            Some(rate) if rate > 0.0 => Ok(Some(rate)),
            _ => Ok(None),
        }
    }

    /// Takes every option whose key as written has this prefix: rest of the key, key, value.
    pub(crate) fn prefixed(&mut self, prefix: &str) -> Vec<(String, String, String)> {
        let mut taken = Vec::new();
        self.rest.retain(|_, (key, value)| {
            let bare = key.strip_prefix(self.connector).and_then(|rest| rest.strip_prefix('.')).unwrap_or(key);
            match bare.strip_prefix(prefix) {
                Some(rest) => {
                    taken.push((rest.to_owned(), key.clone(), value.clone()));
                    false
                }
                None => true,
            }
        });
        taken
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let Some((name, _)) = self.rest.into_values().next() else { return Ok(()) };
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        Err(Error::UnknownOption { connector: self.connector.into(), hint: hint(&name, &known, "options"), name })
    }
}

/// The error of an option whose value is wrong.
pub(crate) fn invalid(name: &str, message: impl Display) -> Error {
    Error::InvalidOption { name: name.into(), message: message.to_string() }
}

/// A sentence that names the word nearest to `given`, or all of them when none is near.
pub(crate) fn hint(given: &str, known: &[&str], what: &str) -> String {
    let given = spelling(given);
    let nearest = known.iter().min_by_key(|word| edits(&given, &spelling(word)));
    match nearest {
        Some(word) if edits(&given, &spelling(word)) <= (given.len() / 3).max(1) => format!("Did you mean \"{word}\"?"),
        _ => format!("The {what} are: {}.", known.join(", ")),
    }
}

fn spelling(key: &str) -> String {
    key.to_ascii_lowercase().replace(['_', '-'], ".")
}

/// Letters to insert, delete or replace, or neighbours to swap, to make one word of the other
/// (optimal string alignment distance).
fn edits(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut before_last = vec![0; to.len() + 1];
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for row in 1..=from.len() {
        let mut current = vec![row; to.len() + 1];
        for column in 1..=to.len() {
            let replaced = last[column - 1] + usize::from(from[row - 1] != to[column - 1]);
            let mut best = replaced.min(last[column] + 1).min(current[column - 1] + 1);
            let swapped = row > 1 && column > 1 && from[row - 1] == to[column - 2] && from[row - 2] == to[column - 1];
            if swapped {
                best = best.min(before_last[column - 2] + 1);
            }
            current[column] = best;
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance() {
        for (from, to, expected) in [
            ("", "", 0),
            ("rate", "rate", 0),
            ("rat", "rate", 1),
            ("raet", "rate", 1),
            ("", "abc", 3),
            ("seed", "sede", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(edits(from, to), expected, "{from} -> {to}");
        }
    }

    #[test]
    fn hints() {
        let known = ["rate", "total", "seed"];
        assert_eq!(hint("totl", &known, "options"), "Did you mean \"total\"?");
        assert_eq!(hint("zzzz", &known, "options"), "The options are: rate, total, seed.");
    }
}
