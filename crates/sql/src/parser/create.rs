//! `CREATE` and `DROP` of tables and views; sources and sinks have their own file.

use sqlparser::ast::{self, ColumnOption, TableConstraint};
use sqlparser::tokenizer::Token;

use super::cursor::{Cursor, fold};
use super::{object_kind, options, query, source};
use crate::{ColumnDefinition, CreateTable, CreateView, Drop, Error, ObjectKind, Statement};

/// `CREATE ...`.
pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let start = cursor.rest().to_vec();
    cursor.skip(1);
    let or_replace = cursor.accept(&["or", "replace"]);
    for word in ["temporary", "temp", "unlogged", "global", "local", "foreign", "external", "recursive"] {
        if cursor.at_words(&[word]) {
            let what = cursor.peek_word(1).unwrap_or_default();
            return Err(cursor.unsupported(format!("CREATE {} {}", word.to_uppercase(), what.to_uppercase())));
        }
    }
    let kind = object_kind(cursor);
    if or_replace && !matches!(kind, None | Some(ObjectKind::View | ObjectKind::MaterializedView)) {
        return Err(cursor.unsupported("OR REPLACE of what is not a view"));
    }
    match kind {
        Some(ObjectKind::Table) => create_table(cursor),
        Some(ObjectKind::Source) => source::create_source(cursor),
        Some(ObjectKind::Sink) => source::create_sink(cursor),
        Some(ObjectKind::View) => create_view(cursor, false, or_replace),
        Some(ObjectKind::MaterializedView) => create_view(cursor, true, or_replace),
        None => Err(other(&Cursor::new(cursor.text, start), cursor)),
    }
}

/// What else can be created or dropped in Postgres and its kin.
const OTHERS: &[&str] = &[
    "access",
    "aggregate",
    "cast",
    "cluster",
    "collation",
    "connection",
    "conversion",
    "database",
    "domain",
    "event",
    "extension",
    "foreign",
    "function",
    "group",
    "index",
    "language",
    "operator",
    "owned",
    "policy",
    "procedure",
    "publication",
    "role",
    "routine",
    "rule",
    "schema",
    "secret",
    "sequence",
    "server",
    "statistics",
    "subscription",
    "tablespace",
    "text",
    "transform",
    "trigger",
    "type",
    "unique",
    "user",
];

fn other(statement: &Cursor<'_>, at: &Cursor<'_>) -> Error {
    let verb = statement.peek_word(0).unwrap_or_default();
    match at.peek_word(0) {
        Some(word) if OTHERS.contains(&word.as_str()) => statement.unsupported(format!("{verb} {word}").to_uppercase()),
        _ => at.unexpected("TABLE, SOURCE, VIEW, MATERIALIZED VIEW or SINK"),
    }
}

fn create_table(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let if_not_exists = cursor.if_not_exists();
    let name = cursor.name()?;
    if cursor.at_words(&["as"]) {
        return Err(cursor.unsupported("CREATE TABLE AS"));
    }
    if cursor.at_words(&["partition"]) || cursor.at_words(&["of"]) {
        return Err(cursor.unsupported("CREATE TABLE ... OF"));
    }
    cursor.expect_token(&Token::LParen)?;
    let mut table = CreateTable { name, if_not_exists, columns: vec![], primary_key: vec![] };
    while !cursor.accept_token(&Token::RParen) {
        table_element(cursor, &mut table)?;
        if !cursor.accept_token(&Token::Comma) {
            cursor.expect_token(&Token::RParen)?;
            break;
        }
        if cursor.at(&Token::RParen) {
            return Err(cursor.unexpected("a column"));
        }
    }
    table_clauses(cursor)?;
    for key in &table.primary_key {
        let column = table.columns.iter_mut().find(|column| column.name == *key);
        let missing = || Error::UndefinedColumn(key.clone());
        column.ok_or_else(missing)?.not_null = true;
    }
    Ok(Statement::CreateTable(table))
}

fn table_element(cursor: &mut Cursor<'_>, table: &mut CreateTable) -> Result<(), Error> {
    if cursor.at_words(&["like"]) {
        return Err(cursor.unsupported("LIKE in a table"));
    }
    if cursor.at_words(&["exclude"]) {
        return Err(cursor.unsupported("EXCLUDE"));
    }
    if cursor.at_words(&["watermark", "for"]) {
        return Err(cursor.unsupported("WATERMARK"));
    }
    let constraint = cursor.delegate(|parser| parser.parse_optional_table_constraint())?;
    let key = match constraint {
        Some(TableConstraint::PrimaryKey(key)) => {
            let columns = key.columns.iter().map(|column| match &column.column.expr {
                ast::Expr::Identifier(identifier) => Ok(fold(identifier)),
                _ => Err(cursor.unexpected("a column")),
            });
            columns.collect::<Result<Vec<_>, _>>()?
        }
        Some(TableConstraint::Unique(_)) => return Err(cursor.unsupported("UNIQUE")),
        Some(TableConstraint::ForeignKey(_)) => return Err(cursor.unsupported("FOREIGN KEY")),
        Some(TableConstraint::Check(_)) => return Err(cursor.unsupported("CHECK")),
        Some(_) => return Err(cursor.unsupported("this table constraint")),
        None => {
            let (definition, is_key) = column(cursor)?;
            if table.columns.iter().any(|other| other.name == definition.name) {
                return Err(Error::DuplicateColumn(definition.name));
            }
            let key = if is_key { vec![definition.name.clone()] } else { vec![] };
            table.columns.push(definition);
            key
        }
    };
    if !key.is_empty() && !table.primary_key.is_empty() {
        let name = &table.name.name;
        return Err(Error::InvalidDefinition(format!("multiple primary keys for table \"{name}\" are not allowed")));
    }
    for (index, name) in key.iter().enumerate() {
        if key[..index].contains(name) {
            return Err(Error::DuplicateColumn(name.clone()));
        }
    }
    if !key.is_empty() {
        table.primary_key = key;
    }
    Ok(())
}

/// A column, and whether it says `PRIMARY KEY`.
pub(super) fn column(cursor: &mut Cursor<'_>) -> Result<(ColumnDefinition, bool), Error> {
    let column = cursor.delegate(|parser| parser.parse_column_def())?;
    let mut is_key = false;
    let mut definition =
        ColumnDefinition { name: fold(&column.name), data_type: column.data_type, not_null: false, default: None };
    if definition.data_type == ast::DataType::Unspecified {
        return Err(cursor.unexpected("a type"));
    }
    for option in column.options {
        match option.option {
            ColumnOption::Null => {}
            ColumnOption::NotNull => definition.not_null = true,
            ColumnOption::Default(expression) => definition.default = Some(expression),
            ColumnOption::PrimaryKey(_) => is_key = true,
            ColumnOption::Unique(_) => return Err(cursor.unsupported("UNIQUE")),
            ColumnOption::ForeignKey(_) => return Err(cursor.unsupported("REFERENCES")),
            ColumnOption::Check(_) => return Err(cursor.unsupported("CHECK")),
            ColumnOption::Generated { .. } | ColumnOption::Identity(_) => return Err(cursor.unsupported("GENERATED")),
            ColumnOption::Collation(name) => return Err(cursor.unsupported(format!("COLLATE {name}"))),
            other => return Err(cursor.unsupported(format!("the column option {other}"))),
        }
    }
    Ok((definition, is_key))
}

/// What may follow a table's columns.
fn table_clauses(cursor: &mut Cursor<'_>) -> Result<(), Error> {
    if cursor.accept(&["with"]) {
        // pgbench and its like say how full pages shall be.
        let storage = options::options(cursor)?;
        if let Some(option) = storage.keys().find(|option| !matches!(option.as_str(), "fillfactor" | "oids")) {
            return Err(cursor.unsupported(format!("the table option {option}")));
        }
    }
    for (clause, name) in [
        ("as", "CREATE TABLE AS"),
        ("partition", "PARTITION BY"),
        ("inherits", "INHERITS"),
        ("using", "USING"),
        ("on", "ON COMMIT"),
        ("tablespace", "TABLESPACE"),
        ("append", "APPEND ONLY"),
        ("format", "FORMAT of a table"),
    ] {
        if cursor.at_words(&[clause]) {
            return Err(cursor.unsupported(name));
        }
    }
    Ok(())
}

fn create_view(cursor: &mut Cursor<'_>, materialized: bool, or_replace: bool) -> Result<Statement, Error> {
    let if_not_exists = cursor.if_not_exists();
    let name = cursor.name()?;
    let columns = if cursor.at(&Token::LParen) { cursor.identifiers_in_parentheses()? } else { vec![] };
    for (index, column) in columns.iter().enumerate() {
        if columns[..index].contains(column) {
            return Err(Error::DuplicateColumn(column.clone()));
        }
    }
    if cursor.at_words(&["with"]) || cursor.at_words(&["using"]) || cursor.at_words(&["tablespace"]) {
        let clause = cursor.peek_word(0).unwrap_or_default().to_uppercase();
        return Err(cursor.unsupported(format!("{clause} of a view")));
    }
    cursor.expect("as")?;
    // sqlparser would take `EMIT` for an alias.
    if (0..cursor.rest().len()).any(|ahead| {
        cursor.peek_word(ahead).as_deref() == Some("emit") && { cursor.peek_word(ahead + 1).as_deref() == Some("on") }
    }) {
        return Err(cursor.unsupported("EMIT ON WINDOW CLOSE"));
    }
    let query = query::query(cursor)?;
    if materialized {
        let _ = cursor.accept(&["with", "data"]);
    }
    for (words, name) in [
        (&["with", "no", "data"][..], "WITH NO DATA"),
        (&["with", "check"], "WITH CHECK OPTION"),
        (&["with", "local"], "WITH CHECK OPTION"),
        (&["with", "cascaded"], "WITH CHECK OPTION"),
    ] {
        if cursor.at_words(words) {
            return Err(cursor.unsupported(name));
        }
    }
    Ok(Statement::CreateView(CreateView { name, materialized, or_replace, if_not_exists, columns, query }))
}

/// `DROP kind [IF EXISTS] names [CASCADE | RESTRICT]`.
pub(super) fn drop(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let start = cursor.rest().to_vec();
    cursor.skip(1);
    let Some(kind) = object_kind(cursor) else { return Err(other(&Cursor::new(cursor.text, start), cursor)) };
    let if_exists = cursor.accept(&["if", "exists"]);
    let mut names = vec![cursor.name()?];
    while cursor.accept_token(&Token::Comma) {
        names.push(cursor.name()?);
    }
    let cascade = cursor.accept(&["cascade"]);
    if !cascade {
        let _ = cursor.accept(&["restrict"]);
    }
    Ok(Statement::Drop(Drop { kind, names, if_exists, cascade }))
}
