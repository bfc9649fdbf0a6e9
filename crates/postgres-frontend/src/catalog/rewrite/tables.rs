//! Functions in a FROM clause.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ObjectNamePart, TableAliasColumnDef, TableFactor};

use super::syntax::parts;

/// Functions that give one column, which has the name of the table's alias.
const ONE_COLUMN: [&str; 3] = ["generate_series", "unnest", "generate_subscripts"];
/// Functions that are tables here.
const TABLES: [&str; 1] = ["pg_get_keywords"];

/// Rewrites one item of a FROM clause.
pub(super) fn rewrite(factor: &mut TableFactor) {
    match factor {
        TableFactor::Table { name, alias, args, .. } => {
            let Some(mut full) = parts(name) else { return };
            let Some(bare) = full.pop() else { return };
            if !matches!(full.as_slice(), [] | [_]) || full.first().is_some_and(|schema| schema != "pg_catalog") {
                return;
            }
            if args.is_none() {
                return;
            }
            if TABLES.contains(&bare.as_str()) {
                *args = None;
                *name = object_name(&["pg_catalog", &bare]);
                return;
            }
            *name = object_name(&[&bare]);
            if let Some(alias) = alias
                && alias.columns.is_empty()
                && ONE_COLUMN.contains(&bare.as_str())
            {
                alias.columns = vec![TableAliasColumnDef { name: alias.name.clone(), data_type: None }];
            }
        }
        TableFactor::UNNEST { alias: Some(alias), array_exprs, .. }
            if alias.columns.is_empty() && array_exprs.len() == 1 =>
        {
            alias.columns = vec![TableAliasColumnDef { name: alias.name.clone(), data_type: None }];
        }
        _ => {}
    }
}

fn object_name(parts: &[&str]) -> ObjectName {
    ObjectName(parts.iter().map(|part| ObjectNamePart::Identifier(Ident::new(*part))).collect())
}
