//! Spellings that only catalog queries use, in terms of what every query may use.
//!
//! Works on the syntax tree, before names are bound: it knows no types. What it leaves alone is left to
//! `sql` to understand or refuse.

mod arrays;
mod casts;
mod relations;
mod subqueries;
mod syntax;
mod tables;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr, Select, SelectItem, SetExpr, Statement, TableFactor, VisitMut, VisitorMut,
};

use self::syntax::{function_name, set_function_name};

/// Rewrites a statement in place. What could be meant otherwise is left alone, unless all that it reads is catalogs.
pub(super) fn rewrite(statement: &mut Statement) {
    let is_over_catalogs = relations::are_catalogs(statement);
    // Each needs to see what the next one changes as it was written.
    let _ = statement.visit(&mut Names { is_over_catalogs });
    subqueries::rewrite(statement, is_over_catalogs);
    let _ = statement.visit(&mut Spellings { is_over_catalogs });
    if let Statement::Query(query) = statement {
        show_registered(&mut query.body);
    }
}

struct Names {
    is_over_catalogs: bool,
}

impl VisitorMut for Names {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        select.projection.iter_mut().for_each(keep_name);
        if self.is_over_catalogs {
            select.projection.iter_mut().for_each(keep_type);
        }
        select.projection.iter_mut().for_each(subqueries::count_existing);
        ControlFlow::Continue(())
    }
}

struct Spellings {
    is_over_catalogs: bool,
}

impl VisitorMut for Spellings {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        tables::rewrite(factor);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if self.is_over_catalogs {
            system_columns(expression);
        }
        names(expression);
        operators(expression);
        casts::rewrite(expression);
        if self.is_over_catalogs {
            arrays::compared(expression);
        }
        arrays::rewrite(expression);
        like_escape(expression);
        field_access(expression);
        ControlFlow::Continue(())
    }
}

/// `(record).name`.
fn field_access(expression: &mut Expr) {
    let Expr::CompoundFieldAccess { root, access_chain } = expression else { return };
    let ([AccessExpr::Dot(Expr::Identifier(name))], Expr::Nested(_) | Expr::Function(_)) =
        (access_chain.as_slice(), root.as_ref())
    else {
        return;
    };
    let name = syntax::text(&name.value);
    let record = std::mem::replace(root.as_mut(), syntax::null());
    *expression = syntax::call("get_field", vec![record, name]);
}

/// Which transaction has written a row nobody knows here; tools only want a number that is there.
fn system_columns(expression: &mut Expr) {
    if is_transaction_number(expression) {
        *expression = syntax::number("3");
    }
}

/// `xmin`, alone or of a table.
fn is_transaction_number(expression: &Expr) -> bool {
    let name = match expression {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        _ => None,
    };
    name.is_some_and(|name| name.quote_style.is_none() && name.value.eq_ignore_ascii_case("xmin"))
}

/// Functions are known by their bare names; some catalog ones by another, where the bare name means something
/// else to DataFusion.
fn names(expression: &mut Expr) {
    match expression {
        Expr::Function(function) => {
            let bare = match function_name(function).as_deref() {
                Some([schema, name]) if schema == "pg_catalog" => match name.as_str() {
                    "array_remove" => "catalog_array_remove".to_owned(),
                    name => name.to_owned(),
                },
                _ => return,
            };
            set_function_name(function, &bare);
        }
        // A word that is a function without parentheses.
        Expr::Identifier(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("current_schema") => {
            *expression = syntax::call("current_schema", Vec::new());
        }
        _ => {}
    }
}

/// `OPERATOR(pg_catalog.~)` is `~`.
fn operators(expression: &mut Expr) {
    let Expr::BinaryOp { op, .. } = expression else { return };
    let BinaryOperator::PGCustomBinaryOperator(parts) = op else { return };
    let ([schema, symbol], true) = (parts.as_slice(), parts.len() == 2) else { return };
    if schema.trim_matches('"') != "pg_catalog" {
        return;
    }
    *op = match symbol.as_str() {
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "~~" => BinaryOperator::PGLikeMatch,
        "~~*" => BinaryOperator::PGILikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        "!~~*" => BinaryOperator::PGNotILikeMatch,
        "=" => BinaryOperator::Eq,
        "<>" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "||" => BinaryOperator::StringConcat,
        _ => return,
    };
}

/// `LIKE p ESCAPE '/'` as `LIKE q`, where q has backslashes in place of the slashes.
fn like_escape(expression: &mut Expr) {
    let (Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. }) = expression else {
        return;
    };
    let Some(escape) = escape_char.as_ref().and_then(|value| value.value.clone().into_string()) else { return };
    if escape.chars().count() != 1 || escape == "\\" {
        return;
    }
    *escape_char = None;
    let replace =
        |inner: Expr, from: &str, to: &str| syntax::call("replace", vec![inner, syntax::text(from), syntax::text(to)]);
    let inner = std::mem::replace(pattern.as_mut(), syntax::null());
    // An escaped escape waits under a character of nobody's.
    let waiting = "\u{f8ff}";
    let inner = replace(inner, "\\", "\\\\");
    let inner = replace(inner, &escape.repeat(2), waiting);
    let inner = replace(inner, &escape, "\\");
    **pattern = replace(inner, waiting, &escape);
}

/// A column keeps the name that Postgres gives it, whatever its expression is rewritten to.
fn keep_name(item: &mut SelectItem) {
    let SelectItem::UnnamedExpr(expression) = item else { return };
    let changes = matches!(expression, Expr::Collate { .. })
        || casts::is_registered(expression)
        || syntax::is_array_subquery(expression)
        || subqueries::reads_catalog(expression)
        || is_transaction_number(expression);
    if let (true, Some(name)) = (changes, syntax::column_name(expression)) {
        let expression = std::mem::replace(expression, syntax::null());
        *item = SelectItem::ExprWithAlias { expr: expression, alias: syntax::quoted(&name) };
    }
}

/// asyncpg asks for the parts of composite types in this column. Were it not an array of OIDs, asyncpg would ask what
/// it is by the same query, and so on.
fn keep_type(item: &mut SelectItem) {
    let SelectItem::ExprWithAlias { expr: expression @ (Expr::Case { .. } | Expr::Nested(_)), alias } = item else {
        return;
    };
    if let (true, Some(data_type)) = (alias.value == "attrtypoids", syntax::type_named("oid[]")) {
        let case = std::mem::replace(expression, syntax::null());
        *expression = syntax::cast(case, data_type);
    }
}

/// What a client sees of a `regclass` is a name, not a number.
fn show_registered(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. } = item {
                    casts::show(expression);
                }
            }
        }
        SetExpr::Query(query) => show_registered(&mut query.body),
        SetExpr::SetOperation { left, right, .. } => {
            show_registered(left);
            show_registered(right);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
