//! Whether a subscription's query is all of one relation, which is then watched itself.

use dataflow::Relation;
use datafusion::sql::sqlparser::ast;
use sql::ObjectKind;

use crate::Error;
use crate::read::Reader;
use crate::statement::write::name_of;

/// The relation to watch, if the query is `SELECT * FROM` a table or materialized view. A source
/// keeps nothing by itself.
pub(super) fn watched(reader: &Reader, query: &ast::Query) -> Result<Option<Relation>, Error> {
    let Some(name) = whole_relation(query) else { return Ok(None) };
    let Some(entry) = reader.catalog.find(&name_of(name)?) else { return Ok(None) };
    match entry.object.kind {
        ObjectKind::Table | ObjectKind::MaterializedView => {
            entry.check_built()?;
            Ok(entry.relation.clone())
        }
        ObjectKind::Source | ObjectKind::View | ObjectKind::Sink => Ok(None),
    }
}

/// The relation that the query gives all of, in its own words.
fn whole_relation(query: &ast::Query) -> Option<&ast::ObjectName> {
    let is_bare = query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none();
    let ast::SetExpr::Select(select) = query.body.as_ref() else { return None };
    let is_bare = is_bare
        && select.selection.is_none()
        && select.distinct.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && matches!(&select.group_by, ast::GroupByExpr::Expressions(keys, modifiers) if keys.is_empty() && modifiers.is_empty());
    let is_all = match select.projection.as_slice() {
        [ast::SelectItem::Wildcard(options)] => {
            options.opt_except.is_none()
                && options.opt_exclude.is_none()
                && options.opt_rename.is_none()
                && options.opt_replace.is_none()
                && options.opt_ilike.is_none()
        }
        _ => false,
    };
    match select.from.as_slice() {
        [ast::TableWithJoins { relation: ast::TableFactor::Table { name, args: None, sample: None, .. }, joins }]
            if is_bare && is_all && joins.is_empty() =>
        {
            Some(name)
        }
        _ => None,
    }
}
