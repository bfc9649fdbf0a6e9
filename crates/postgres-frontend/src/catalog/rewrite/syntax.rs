//! Small pieces of syntax trees, to be made and recognised.

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, ObjectNamePart, Query, SelectItem, SetExpr, Value, ValueWithSpan,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Span;

/// `NULL`.
pub(super) fn null() -> Expr {
    value(Value::Null)
}

pub(super) fn text(text: &str) -> Expr {
    value(Value::SingleQuotedString(text.to_owned()))
}

pub(super) fn number(text: &str) -> Expr {
    value(Value::Number(text.to_owned(), false))
}

fn value(value: Value) -> Expr {
    Expr::Value(ValueWithSpan { value, span: Span::empty() })
}

/// An identifier as it stands.
pub(super) fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

/// `name(arguments)`.
pub(super) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))).collect();
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// `expression::data_type`.
pub(super) fn cast(expression: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::DoubleColon, expr: Box::new(expression), data_type, array: false, format: None }
}

/// The type of a name such as `oid[]`.
pub(super) fn type_named(name: &str) -> Option<DataType> {
    Parser::new(&PostgreSqlDialect {}).try_with_sql(name).and_then(|mut parser| parser.parse_data_type()).ok()
}

/// The parts of a name in lower case, unless they are quoted.
pub(super) fn parts(name: &ObjectName) -> Option<Vec<String>> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) if ident.quote_style.is_none() => Some(ident.value.to_lowercase()),
            ObjectNamePart::Identifier(ident) => Some(ident.value.clone()),
            ObjectNamePart::Function(_) => None,
        })
        .collect()
}

pub(super) fn function_name(function: &Function) -> Option<Vec<String>> {
    parts(&function.name)
}

pub(super) fn set_function_name(function: &mut Function, name: &str) {
    function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]);
}

/// The plain arguments of a call of the bare name `name`.
pub(super) fn arguments_of<'a>(expression: &'a Expr, name: &str) -> Option<Vec<&'a Expr>> {
    let Expr::Function(function) = expression else { return None };
    if function_name(function)?.as_slice() != [name] {
        return None;
    }
    arguments(function)
}

/// A call's plain arguments.
pub(super) fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    match &function.args {
        FunctionArguments::List(list) => list
            .args
            .iter()
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
                _ => None,
            })
            .collect(),
        FunctionArguments::None => Some(Vec::new()),
        FunctionArguments::Subquery(_) => None,
    }
}

/// `ARRAY(SELECT ...)`.
pub(super) fn is_array_subquery(expression: &Expr) -> bool {
    let Expr::Function(function) = expression else { return false };
    matches!(function.args, FunctionArguments::Subquery(_))
        && function_name(function).is_some_and(|name| name.as_slice() == ["array"])
}

/// The query of `ARRAY(SELECT ...)`.
pub(super) fn array_subquery(expression: &mut Expr) -> Option<&mut Query> {
    if !is_array_subquery(expression) {
        return None;
    }
    match expression {
        Expr::Function(Function { args: FunctionArguments::Subquery(query), .. }) => Some(query),
        _ => None,
    }
}

/// The name that Postgres gives a column with this expression, as far as it follows from what is inside.
pub(super) fn column_name(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Identifier(ident) => parts(&ObjectName(vec![ObjectNamePart::Identifier(ident.clone())]))?.pop(),
        Expr::CompoundIdentifier(idents) => {
            let last = idents.last()?.clone();
            parts(&ObjectName(vec![ObjectNamePart::Identifier(last)]))?.pop()
        }
        Expr::Function(_) if is_array_subquery(expression) => Some("array".to_owned()),
        Expr::Function(function) => function_name(function)?.pop(),
        Expr::Collate { expr, .. } | Expr::Nested(expr) => column_name(expr),
        Expr::Cast { expr, data_type, .. } => match inside_casts(expr) {
            Expr::Value(_) => {
                let name = data_type.to_string().to_lowercase();
                Some(name.rsplit('.').next().unwrap_or(&name).to_owned())
            }
            inner => column_name(inner),
        },
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.first()? {
                SelectItem::UnnamedExpr(expression) => column_name(expression),
                SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// What is cast, however often.
fn inside_casts(expression: &Expr) -> &Expr {
    match expression {
        Expr::Cast { expr, .. } => inside_casts(expr),
        other => other,
    }
}
