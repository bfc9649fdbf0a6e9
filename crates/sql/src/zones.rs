//! Time zones by their names in the IANA database, which Postgres reads in any case.

use chrono_tz::TZ_VARIANTS;

/// The zone's name as the database has it; none if there is no such zone.
#[must_use]
pub fn named(name: &str) -> Option<&'static str> {
    TZ_VARIANTS.iter().map(|zone| zone.name()).find(|known| known.eq_ignore_ascii_case(name))
}
