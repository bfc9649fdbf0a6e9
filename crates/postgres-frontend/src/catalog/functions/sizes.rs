//! Sizes. What relations take in memory is not known here: all of them are 0.

use super::{Definition, constant, strict};
use crate::catalog::cell::Kind;

pub(super) fn functions() -> Vec<Definition> {
    let mut functions: Vec<_> =
        ["pg_table_size", "pg_total_relation_size", "pg_indexes_size", "pg_database_size", "pg_tablespace_size"]
            .map(|name| constant(name, 1..=1, Kind::Int8, 0))
            .into();
    functions.push(constant("pg_relation_size", 1..=2, Kind::Int8, 0));
    functions.push(constant("pg_relation_filenode", 1..=1, Kind::Oid, 0));
    functions.push(strict("pg_size_pretty", 1..=1, Kind::Text, |_, cells| Ok(cells[0].int().map(pretty).into())));
    functions
}

/// Halves are rounded up, and a unit is left only when there are more than 10 of the next.
fn pretty(bytes: i64) -> String {
    let (mut size, mut half) = (bytes, 0);
    for unit in ["bytes", "kB", "MB", "GB", "TB"] {
        let rounded = size + half;
        if size.unsigned_abs() < 10 * 1024 || unit == "TB" {
            return format!("{rounded} {unit}");
        }
        half = i64::from(size % 1024 >= 512);
        size /= 1024;
    }
    unreachable!("the last unit takes every size")
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn as_postgres_shows_sizes() {
        for (bytes, expected) in
            [(0, "0 bytes"), (10_239, "10239 bytes"), (10_240, "10 kB"), (16_384, "16 kB"), (1 << 30, "1024 MB")]
        {
            assert_eq!(pretty(bytes), expected);
        }
    }
}
