//! A session's settings: names, values, defaults, and what a transaction gives back.
//!
//! Settings of Postgres and RisingWave that mean nothing here are accepted and remembered, since
//! drivers send them without being asked. What would change how values are written is refused
//! unless it is what Freshet does anyway. A name with a dot is the application's own.

mod known;
mod path;
mod statement;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{RwLock, RwLockWriteGuard};

use crate::nearest::nearest;
use crate::{Error, SqlState};
pub(crate) use known::SNAPSHOT;
use known::{ISOLATION, KNOWN, Known, LEVELS, Rule, SERIALIZABLE};
pub use known::{SERVER_VERSION, SERVER_VERSION_NUMBER};
pub(crate) use path::check_named;
pub(crate) use statement::{discard, run};

/// A session's settings. A clone is another handle on the same ones.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What differs from the default, by name in lower case.
    values: Arc<RwLock<Values>>,
    /// What `RESET` goes back to where that is not the default: the values that the session started with.
    started_with: Arc<RwLock<Values>>,
    /// How often any was touched.
    version: Arc<AtomicU64>,
}

type Values = BTreeMap<String, String>;

/// Settings as they were, to go back to.
#[derive(Clone, Debug)]
pub(crate) struct Remembered(Values);

impl Settings {
    /// The value of `name` (in any case), if there is such a setting.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let name = name.to_lowercase();
        let set = self.values.read().get(&name).cloned();
        if set.is_none() && name == "transaction_isolation" {
            return self.get("default_transaction_isolation");
        }
        set.or_else(|| known::find(&name).map(|known| known.default.to_owned()))
    }

    /// A number that is another one whenever a setting has another value.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn values_mut(&self) -> RwLockWriteGuard<'_, Values> {
        let values = self.values.write();
        self.version.fetch_add(1, Ordering::AcqRel);
        values
    }

    /// Whether a switch is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.get(name).as_deref() == Some("on")
    }

    /// A duration; none if it is not set.
    #[must_use]
    pub fn duration(&self, name: &str) -> Option<Duration> {
        let milliseconds = u64::try_from(milliseconds(&self.get(name)?)?).ok()?;
        (milliseconds > 0).then(|| Duration::from_millis(milliseconds))
    }

    /// The value of `name`, or 42704 with the nearest name.
    pub(crate) fn show(&self, name: &str) -> Result<String, Error> {
        self.get(name).ok_or_else(|| unknown(name))
    }

    /// Name, value and description of all settings.
    pub(crate) fn all(&self) -> Vec<(String, String, String)> {
        let row =
            |known: &Known| (known.name.to_owned(), self.get(known.name).unwrap_or_default(), known.about.to_owned());
        KNOWN.iter().map(row).collect()
    }

    /// How Postgres writes the setting's name, for the column of a SHOW.
    pub(crate) fn display_name(name: &str) -> &str {
        known::find(name).map_or(name, |known| known.name)
    }

    /// From now on `RESET` goes back to what is set now: the client has asked for it when it connected.
    pub fn keep_for_reset(&self) {
        *self.started_with.write() = self.values.read().clone();
    }

    /// The schemas in which a name without one is looked up, in this order.
    #[must_use]
    pub fn search_path(&self) -> Vec<String> {
        path::schemas(&self.get("search_path").unwrap_or_default())
    }

    /// Whether the client wants to be told what has this severity.
    pub(crate) fn wants(&self, severity: &str) -> bool {
        let place = |level: &str| LEVELS.iter().position(|known| known.eq_ignore_ascii_case(level));
        let least = place(&self.get("client_min_messages").unwrap_or_default());
        // INFO is what a statement was asked to tell.
        severity == "INFO" || place(severity) >= least
    }

    /// Sets `name`; without a value, back to what it was when the session started.
    ///
    /// # Errors
    /// 42704 for an unknown name, 22023 for a value that makes no sense, 55P02 for what cannot be
    /// set, 0A000 for what Postgres can and Freshet cannot.
    pub fn set(&self, name: &str, value: Option<&str>) -> Result<(), Error> {
        let name = name.to_lowercase();
        if name == "all" && value.is_none() {
            self.reset_all();
            return Ok(());
        }
        let known = known::find(&name);
        if known.is_none() && !name.contains('.') && !name.starts_with("rw_") {
            return Err(unknown(&name));
        }
        let Some(value) = value else {
            self.restore_one(&name, &Remembered(self.started_with.read().clone()));
            return Ok(());
        };
        let value = match known {
            Some(known) => check(known, value)?,
            None => value.to_owned(),
        };
        self.values_mut().insert(name, value);
        Ok(())
    }

    /// What is a fact of this session and cannot be set by its statements.
    pub(crate) fn set_fact(&self, name: &str, value: &str) {
        self.values_mut().insert(name.to_owned(), value.to_owned());
    }

    fn reset_all(&self) {
        let mut values = self.values_mut();
        values.retain(|name, _| known::find(name).is_some_and(|known| known.rule == Rule::Fixed));
        values.extend(self.started_with.read().clone());
    }

    /// All of them, to go back to.
    pub(crate) fn remember(&self) -> Remembered {
        Remembered(self.values.read().clone())
    }

    /// Goes back.
    pub(crate) fn restore(&self, remembered: &Remembered) {
        *self.values_mut() = remembered.0.clone();
    }

    /// Goes back for one setting.
    pub(crate) fn restore_one(&self, name: &str, remembered: &Remembered) {
        match remembered.0.get(name) {
            Some(value) => self.values_mut().insert(name.to_owned(), value.clone()),
            None => self.values_mut().remove(name),
        };
    }
}

fn unknown(name: &str) -> Error {
    let near = nearest(name, KNOWN.iter().map(|known| known.name));
    Error::new(SqlState::UNDEFINED_OBJECT, format!("unrecognized configuration parameter \"{name}\""))
        .with_hint_maybe(near.map(|near| format!("Perhaps you meant \"{near}\".")))
}

/// The value as it is kept.
fn check(known: &Known, value: &str) -> Result<String, Error> {
    let name = known.name;
    let invalid = || {
        Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid value for parameter \"{name}\": \"{value}\""))
    };
    let one_of =
        |values: &[&str]| values.iter().find(|one| one.eq_ignore_ascii_case(value)).map(|one| (*one).to_owned());
    match known.rule {
        Rule::Text => Ok(value.to_owned()),
        Rule::Switch => match value.to_lowercase().as_str() {
            "on" | "true" | "t" | "yes" | "1" => Ok("on".to_owned()),
            "off" | "false" | "f" | "no" | "0" => Ok("off".to_owned()),
            _ => Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("parameter \"{name}\" requires a Boolean value"),
            )),
        },
        Rule::Number(least, most) => {
            let number: i64 = value.trim().parse().map_err(|_| invalid())?;
            if (least..=most).contains(&number) {
                Ok(number.to_string())
            } else {
                Err(Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("{number} is outside the valid range for parameter \"{name}\" ({least} .. {most})"),
                ))
            }
        }
        Rule::Duration => duration(known, value),
        Rule::OneOf(values) => one_of(values).ok_or_else(|| invalid().with_hint(available(values))),
        Rule::Isolation => match one_of(ISOLATION).as_deref() {
            Some(SERIALIZABLE) => Err(Error::unsupported(format!("{name} = {SERIALIZABLE} is not supported yet"))
                .with_hint("The strongest level is repeatable read: snapshot isolation.")),
            Some(level) => Ok(level.to_owned()),
            None => Err(invalid().with_hint(available(ISOLATION))),
        },
        Rule::Only(values) => match one_of(values) {
            // All spellings of what there is are the same.
            Some(_) => Ok(known.default.to_owned()),
            None => Err(Error::unsupported(format!("{name} = {value} is not supported yet"))
                .with_hint(format!("{name} is always {}.", known.default))),
        },
        Rule::Zone => zone(value).ok_or_else(invalid),
        Rule::Fixed => {
            Err(Error::new(SqlState::CANT_CHANGE_RUNTIME_PARAMETER, format!("parameter \"{name}\" cannot be changed")))
        }
    }
}

fn available(values: &[&str]) -> String {
    format!("Available values: {}.", values.join(", "))
}

/// Units of time in milliseconds, largest first.
const UNITS: [(&str, i64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

/// A duration as Postgres shows it: in the largest unit of which it is a whole number.
fn duration(known: &Known, value: &str) -> Result<String, Error> {
    let name = known.name;
    let Some(milliseconds) = milliseconds(value) else {
        let error = Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("invalid value for parameter \"{name}\": \"{value}\""),
        );
        return Err(error.with_hint("Valid units for this parameter are \"ms\", \"s\", \"min\", \"h\", and \"d\"."));
    };
    if !(0..=i64::from(i32::MAX)).contains(&milliseconds) {
        return Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("{milliseconds} ms is outside the valid range for parameter \"{name}\" (0 .. {})", i32::MAX),
        ));
    }
    let whole = UNITS.iter().find(|(_, unit)| milliseconds > 0 && milliseconds % unit == 0);
    Ok(whole.map_or_else(|| "0".to_owned(), |(name, unit)| format!("{}{name}", milliseconds / unit)))
}

/// `500`, `500ms`, `1.5s`, `5min`, `1h`, `1d`.
fn milliseconds(value: &str) -> Option<i64> {
    let value = value.trim();
    let is_number = |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | '-' | '+');
    let digits = value.find(|letter| !is_number(letter)).unwrap_or(value.len());
    let number: f64 = value[..digits].parse().ok()?;
    let unit = match value[digits..].trim() {
        "" => 1,
        name => UNITS.iter().find(|(unit, _)| *unit == name)?.1,
    };
    // What is too large becomes the largest number, which is out of range, too.
    Some((number * unit as f64).round() as i64)
}

/// The zone as Arrow reads it.
fn zone(value: &str) -> Option<String> {
    if value.eq_ignore_ascii_case("utc") || value.eq_ignore_ascii_case("gmt") || value.eq_ignore_ascii_case("z") {
        return Some("UTC".to_owned());
    }
    // A bare number is hours east of Greenwich.
    let candidates = match value.parse::<i32>() {
        Ok(hours) if hours.abs() < 24 => vec![format!("{}{:02}:00", if hours < 0 { '-' } else { '+' }, hours.abs())],
        _ => vec![sql::zones::named(value).unwrap_or(value).to_owned()],
    };
    candidates.into_iter().find(|candidate| candidate.parse::<arrow::array::timezone::Tz>().is_ok())
}
