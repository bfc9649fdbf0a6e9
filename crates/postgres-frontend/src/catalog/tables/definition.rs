//! The text in which catalog tables are defined, as `pg_catalog.txt` explains it. What their rows are is not known here.

use crate::catalog::cell::{Cell, Kind};

/// What the text says of a table.
pub(super) struct Definition {
    /// `pg_class.relkind`.
    pub(super) kind: &'static str,
    pub(super) name: &'static str,
    pub(super) oid: Option<u32>,
    pub(super) columns: Vec<Column>,
}

/// A column of a catalog table.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Its value in rows that give none.
    pub(super) default: Cell,
}

/// The tables of a text; otherwise what is wrong, with the line at fault.
pub(super) fn parse(text: &'static str) -> Result<Vec<Definition>, String> {
    let mut tables: Vec<Definition> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let wrong = |what: &str| format!("{what}: {line}");
        let columns = if line.starts_with(' ') {
            line
        } else {
            let (head, columns) = line.split_once(':').ok_or_else(|| wrong("no colon"))?;
            tables.push(self::head(head).ok_or_else(|| wrong("not a table's name"))?);
            columns
        };
        let table = tables.last_mut().ok_or_else(|| wrong("columns of no table"))?;
        for text in columns.trim().trim_end_matches(',').split(", ") {
            let column = column(text).ok_or_else(|| wrong(text))?;
            if table.columns.iter().any(|before| before.name == column.name) {
                return Err(wrong("a column occurs twice"));
            }
            table.columns.push(column);
        }
    }
    Ok(tables)
}

/// `table pg_type 1247`, or `view tables`.
fn head(text: &'static str) -> Option<Definition> {
    let mut words = text.split(' ');
    let kind = match words.next()? {
        "table" => "r",
        "view" => "v",
        _ => return None,
    };
    let name = words.next()?;
    let oid = words.next().map(str::parse).transpose().ok()?;
    words.next().is_none().then_some(Definition { kind, name, oid, columns: Vec::new() })
}

/// `relname name`, or `relkind char = 'r'`.
fn column(text: &'static str) -> Option<Column> {
    let (column, default) = match text.split_once(" = ") {
        Some((column, default)) => (column, Some(default)),
        None => (text, None),
    };
    let (name, kind) = column.split_once(' ')?;
    let kind = Kind::named(kind)?;
    let default = match default {
        None => Cell::Null,
        Some(value) => match kind {
            Kind::Bool => value.parse::<bool>().ok()?.into(),
            Kind::Int2 | Kind::Int4 | Kind::Int8 | Kind::Oid => value.parse::<i64>().ok()?.into(),
            Kind::Real => value.parse::<f64>().ok()?.into(),
            Kind::Text | Kind::Name | Kind::Char => value.strip_prefix('\'')?.strip_suffix('\'')?.into(),
            _ => return None,
        },
    };
    Some(Column { name, kind, default })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tables_and_columns() {
        let text = "# said before\n\ntable a 7: x int4 = -1, y text[],\n    z text = 'a b'\nview b: t bool = true";
        let tables = parse(text).expect("parsed");
        let shown: Vec<_> = tables
            .iter()
            .flat_map(|table| table.columns.iter().map(move |column| (table, column)))
            .map(|(table, column)| {
                format!(
                    "{} {} {:?} {} {:?} {:?}",
                    table.kind, table.name, table.oid, column.name, column.kind, column.default
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "r a Some(7) x Int4 Int(-1)",
                "r a Some(7) y TextArray Null",
                "r a Some(7) z Text Text(\"a b\")",
                "v b None t Bool Bool(true)",
            ]
        );
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, wrong) in [
            ("table a x int4", "no colon: table a x int4"),
            ("sequence a: x int4", "not a table's name: sequence a: x int4"),
            ("table a 1 2: x int4", "not a table's name: table a 1 2: x int4"),
            ("    x int4", "columns of no table:     x int4"),
            ("table a: x int4, x text", "a column occurs twice: table a: x int4, x text"),
            ("table a: x number", "x number: table a: x number"),
            ("table a: x int4 = 'one'", "x int4 = 'one': table a: x int4 = 'one'"),
            ("table a: x text = one", "x text = one: table a: x text = one"),
            ("table a:", ": table a:"),
        ] {
            assert_eq!(parse(text).err().as_deref(), Some(wrong));
        }
    }
}
