//! The table that a statement changes.

use std::sync::Arc;

use dataflow::{Relation, Write};
use datafusion::sql::sqlparser::ast::{self, Spanned};
use plan::RelationId;
use sql::{Name, ObjectKind};

use crate::bind::fold;
use crate::catalog::{Entry, qualified};
use crate::read::Reader;
use crate::{Error, SqlState};

/// The table that a statement changes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) entry: Arc<Entry>,
    pub(crate) relation: Relation,
}

impl Target {
    /// The table of this name. `doing`: "insert into", "update" or "delete from".
    pub(crate) fn find(reader: &Reader, name: &ast::ObjectName, doing: &str) -> Result<Target, Error> {
        let entry = reader.catalog.get(&name_of(name)?).map_err(|error| error.at(name.span()))?;
        let object = &entry.object;
        match (object.kind, &entry.relation) {
            (ObjectKind::Table, Some(relation)) => Ok(Target { entry: Arc::clone(entry), relation: relation.clone() }),
            (ObjectKind::View, _) => Err(Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("cannot {doing} view \"{}\"", object.name),
            )
            .with_detail("Views are not automatically updatable.")
            .with_hint("Change the tables that the view reads.")),
            (kind, _) => Err(Error::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("cannot change {} \"{}\"", crate::catalog::kind_name(kind), object.name),
            )),
        }
    }

    /// The table with this OID, if it is there.
    pub(crate) fn of(reader: &Reader, oid: u32) -> Option<Target> {
        let entry = reader.catalog.find_public(&reader.catalog.object(oid)?.name)?;
        let relation = entry.relation.clone()?;
        Some(Target { entry: Arc::clone(entry), relation })
    }

    pub(crate) fn id(&self) -> RelationId {
        RelationId(self.entry.object.oid)
    }

    pub(crate) fn name(&self) -> &str {
        &self.entry.object.name
    }

    /// How many columns it has.
    pub(crate) fn width(&self) -> usize {
        self.entry.object.columns.fields().len()
    }

    pub(crate) fn write(
        &self,
        deletes: Vec<arrow::array::RecordBatch>,
        inserts: Vec<arrow::array::RecordBatch>,
    ) -> Write {
        Write { table: self.id(), deletes: super::not_empty(deletes), inserts: super::not_empty(inserts) }
    }
}

/// A possibly qualified name, folded.
pub(crate) fn name_of(name: &ast::ObjectName) -> Result<Name, Error> {
    let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
    match parts.as_slice() {
        [name] => Ok(Name { schema: None, name: name.clone() }),
        [schema, name] => Ok(Name { schema: Some(schema.clone()), name: name.clone() }),
        [database, schema, name] if database == sql::DATABASE => {
            Ok(Name { schema: Some(schema.clone()), name: name.clone() })
        }
        _ => Err(Error::unsupported(format!("cross-database references are not implemented: {name}"))),
    }
}

/// The place of a column of the table, or 42703.
pub(crate) fn column_index(target: &Target, identifier: &ast::Ident) -> Result<usize, Error> {
    let name = fold(identifier);
    let columns = &target.entry.object.columns;
    columns.index_of(&name).map_err(|_| {
        let near = crate::nearest::nearest(&name, columns.fields().iter().map(|field| field.name().as_str()));
        let table = qualified(&Name { schema: None, name: target.name().to_owned() });
        Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" of relation \"{table}\" does not exist"))
            .with_hint_maybe(near.map(|near| format!("Perhaps you meant to reference the column \"{near}\".")))
            .at(identifier.span)
    })
}

/// What `SET a = 1, (b, c) = (2, 3)` assigns: a column and its new value each.
pub(crate) fn set_columns(target: &Target, assignments: &[ast::Assignment]) -> Result<Vec<(usize, ast::Expr)>, Error> {
    let mut set: Vec<(usize, ast::Expr)> = Vec::new();
    for assignment in assignments {
        let pairs: Vec<(&ast::ObjectName, &ast::Expr)> = match (&assignment.target, &assignment.value) {
            (ast::AssignmentTarget::ColumnName(column), value) => vec![(column, value)],
            (ast::AssignmentTarget::Tuple(columns), ast::Expr::Tuple(values)) => {
                if columns.len() != values.len() {
                    return Err(Error::new(
                        SqlState::SYNTAX_ERROR,
                        "number of columns does not match number of values",
                    ));
                }
                columns.iter().zip(values).collect()
            }
            (ast::AssignmentTarget::Tuple(columns), value) if columns.len() == 1 => vec![(&columns[0], value)],
            (ast::AssignmentTarget::Tuple(_), _) => {
                return Err(Error::unsupported("SET (columns) = (subquery) is not supported yet"));
            }
        };
        for (column, value) in pairs {
            // `t.a` is part `a` of a column `t`.
            let identifier = column.0.first().and_then(ast::ObjectNamePart::as_ident).filter(|_| column.0.len() == 1);
            let identifier = identifier.ok_or_else(|| {
                let message = format!("\"{column}\" is not a column: SET takes the name of a column alone");
                Error::new(SqlState::UNDEFINED_COLUMN, message).at(column.span())
            })?;
            let column = column_index(target, identifier)?;
            if set.iter().any(|(other, _)| *other == column) {
                let message = format!("multiple assignments to same column \"{}\"", fold(identifier));
                return Err(Error::new(SqlState::SYNTAX_ERROR, message));
            }
            set.push((column, or_default(target, column, value)));
        }
    }
    Ok(set)
}

/// `value`, or the column's default if it is the word `DEFAULT`.
fn or_default(target: &Target, column: usize, value: &ast::Expr) -> ast::Expr {
    match value {
        ast::Expr::Identifier(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default") => {
            default_of(target, column)
        }
        other => other.clone(),
    }
}

/// A column's default: null if it has none.
pub(crate) fn default_of(target: &Target, column: usize) -> ast::Expr {
    let default = target.entry.defaults.get(column).cloned().flatten();
    default.unwrap_or_else(|| ast::Expr::value(ast::Value::Null))
}
