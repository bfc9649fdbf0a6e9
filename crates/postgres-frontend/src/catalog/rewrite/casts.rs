//! Casts to and from the types that show an OID as a name: `regclass`, `regtype` and their kin.
//!
//! A cast to one becomes `regclass_in(x)`, which is an OID; a further cast to text, or a place in the outermost
//! select list, makes it `regclass_out(x)`, which is the name.

use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, DataType, Expr};

use super::syntax::{arguments_of, call, null, type_named};

const REGISTERED: [&str; 5] = ["regclass", "regtype", "regproc", "regnamespace", "regrole"];

/// Rewrites one cast, whose inner expression has been rewritten.
pub(super) fn rewrite(expression: &mut Expr) {
    let Expr::Cast { expr, data_type, .. } = expression else { return };
    unqualify(data_type);
    if let Some(registered) = registered(data_type) {
        let inner = std::mem::replace(expr.as_mut(), null());
        *expression = call(&format!("{registered}_in"), vec![inner]);
        return;
    }
    let name = data_type_name(data_type);
    if matches!(name.as_str(), "text" | "varchar" | "character varying" | "name") {
        if let Some(shown) = out(expr) {
            *expression = shown;
        }
    } else if matches!(name.as_str(), "oid" | "int8" | "bigint" | "int4" | "integer" | "int") {
        if let Some([name]) = arguments_of(expr, "regproc_in").as_deref() {
            *expression = call("regproc_oid", vec![(*name).clone()]);
        }
    } else if matches!(name.as_str(), "sql_identifier" | "cardinal_number" | "character_data" | "yes_or_no") {
        // The domains of information_schema.
        let inner = std::mem::replace(expr.as_mut(), null());
        *expression = inner;
    }
}

/// Whether an expression is a cast to one of these types, perhaps cast further.
pub(super) fn is_registered(expression: &Expr) -> bool {
    match expression {
        Expr::Cast { expr, data_type, .. } => registered(data_type).is_some() || is_registered(expr),
        _ => false,
    }
}

/// A registered type's value as its name, at the outermost level.
pub(super) fn show(expression: &mut Expr) {
    if let Some(shown) = out(expression) {
        *expression = shown;
    }
}

fn out(expression: &Expr) -> Option<Expr> {
    REGISTERED.iter().find_map(|registered| {
        let arguments = arguments_of(expression, &format!("{registered}_in"))?;
        Some(call(&format!("{registered}_out"), arguments.into_iter().cloned().collect()))
    })
}

/// `"pg_catalog"."int4"` is `int4`, which statements know it by.
fn unqualify(data_type: &mut DataType) {
    match data_type {
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) => unqualify(element),
        DataType::Custom(name, modifiers) if modifiers.is_empty() => {
            let parts: Vec<_> = name.0.iter().filter_map(|part| part.as_ident()).collect();
            let [schema, name] = parts.as_slice() else { return };
            // Without quotes that would be another type.
            if schema.value != "pg_catalog" || name.value == "char" {
                return;
            }
            if let Some(bare) = type_named(&name.value) {
                *data_type = bare;
            }
        }
        _ => {}
    }
}

fn registered(data_type: &DataType) -> Option<&'static str> {
    let name = data_type_name(data_type);
    // Functions and operators with their arguments are named as those without.
    let name = match name.as_str() {
        "regprocedure" | "regoper" | "regoperator" => "regproc",
        other => other,
    };
    REGISTERED.into_iter().find(|registered| *registered == name)
}

/// A type's name without its schema, in lower case.
fn data_type_name(data_type: &DataType) -> String {
    let name = data_type.to_string().to_lowercase();
    name.rsplit('.').next().unwrap_or(&name).to_owned()
}
