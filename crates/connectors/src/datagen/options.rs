//! The `fields.<column>.<option>` of a statement, sorted by column. What they mean is in `rule.rs`.

use std::collections::BTreeMap;
use std::str::FromStr;

use arrow::datatypes::{Field, SchemaRef};

use super::ordinal;
use crate::Error;
use crate::formats::type_name;
use crate::settings::{Settings, hint, invalid};

/// The options of all rules, by column.
#[derive(Debug)]
pub(crate) struct Rules(BTreeMap<String, Options>);

/// The options of one rule: name, to key as written and value.
#[derive(Debug, Default)]
pub(crate) struct Options(BTreeMap<String, (String, String)>);

const OPTIONS: [&str; 10] = ["kind", "start", "end", "step", "min", "max", "length", "value", "values", "nulls"];

impl Rules {
    /// Takes every `fields.<column>.<option>`.
    pub(crate) fn from_settings(settings: &mut Settings, schema: &SchemaRef) -> Result<Self, Error> {
        let mut rules: BTreeMap<String, Options> = BTreeMap::new();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        for (rest, key, value) in settings.prefixed("fields.") {
            let Some((column, option)) = rest.rsplit_once('.') else {
                return Err(invalid(&key, "expected fields.<column>.<option>"));
            };
            // Keys come in lower case, whatever the column's name is in.
            let Some(column) = names.iter().find(|name| name.eq_ignore_ascii_case(column)) else {
                return Err(invalid(&key, format!("no column \"{column}\". {}", hint(column, &names, "columns"))));
            };
            if !OPTIONS.contains(&option) {
                let hint = hint(option, &OPTIONS, "options of a column");
                return Err(Error::UnknownOption { connector: "datagen".into(), name: key, hint });
            }
            rules.entry((*column).to_owned()).or_default().0.insert(option.to_owned(), (key, value));
        }
        Ok(Self(rules))
    }

    /// Takes the options of one column's rule.
    pub(crate) fn of_column(&mut self, name: &str) -> Options {
        self.0.remove(name).unwrap_or_default()
    }
}

impl Options {
    /// The key as written, and the value, of an option.
    pub(crate) fn take(&mut self, name: &str) -> Option<(String, String)> {
        self.0.remove(name)
    }

    /// The ordinal that an option means for a column of `field`'s type.
    pub(crate) fn ordinal(&mut self, name: &str, field: &Field) -> Result<Option<i128>, Error> {
        let Some((key, text)) = self.take(name) else { return Ok(None) };
        let value = ordinal::parse(&text, field).map_err(|message| invalid(&key, message))?;
        Ok(ordinal::of_first(&value))
    }

    /// The value of an option.
    pub(crate) fn number<T: FromStr>(&mut self, name: &str, expected: &str) -> Result<Option<T>, Error> {
        let Some((key, text)) = self.take(name) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| invalid(&key, format!("expected {expected}, not \"{text}\"")))
    }

    /// Refuses what a rule of this kind did not take.
    pub(crate) fn finish(self, kind: &str, field: &Field) -> Result<(), Error> {
        match self.0.into_values().next() {
            Some((key, _)) => Err(invalid(&key, format!("a {kind} of {} has no such option", type_name(field)))),
            None => Ok(()),
        }
    }
}
