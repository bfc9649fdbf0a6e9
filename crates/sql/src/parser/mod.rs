//! Text to [`Statement`]s.
//!
//! Our own statements are read here, word by word; expressions, queries and table changes are
//! sqlparser's. What Postgres has and Freshet doesn't is refused by name. Nothing is looked up:
//! whether a table is there is not known here.

mod create;
mod cursor;
mod explain;
mod options;
mod query;
mod settings;
mod show;
mod source;
mod subscribe;
mod text;
mod transaction;
mod unsupported;

#[cfg(test)]
mod tests;

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use self::cursor::Cursor;
use self::text::Text;
use crate::{Error, ObjectKind, Parsed, Statement};

/// The longest chain of operators without a parenthesis or comma. Each link is a level of the
/// syntax tree, and code that walks trees does so on the stack.
const CHAIN_MAX: usize = 500;

/// The same for `+ - * / %`. DataFusion's time to bind them is the cube of their number: a second at 200.
const ARITHMETIC_MAX: usize = 150;

/// The statements of a string, in order. Empty ones and comments leave nothing.
pub fn parse(sql: &str) -> Result<Vec<Parsed>, Error> {
    let text = Text::new(sql);
    let mut tokens = Vec::new();
    let tokenized = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location_into_buf(&mut tokens);
    if let Err(error) = tokenized {
        return Err(text.error_in_token(&error));
    }
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    check_chains(&tokens)?;
    tokens
        .split(|token| token.token == Token::SemiColon)
        .filter_map(|tokens| Some((tokens, tokens.first()?, tokens.last()?)))
        .map(|(tokens, first, last)| {
            let mut cursor = Cursor::new(&text, tokens.to_vec());
            let statement = statement(&mut cursor)?;
            cursor.end()?;
            Ok(Parsed { statement, sql: text.slice(first, last).to_owned() })
        })
        .collect()
}

fn statement(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    if cursor.at(&Token::LParen) {
        return query::query_statement(cursor);
    }
    let Some(word) = cursor.peek_word(0) else { return Err(cursor.unexpected("a statement")) };
    match word.as_str() {
        "select" | "with" | "values" | "table" => query::query_statement(cursor),
        "insert" => query::insert(cursor),
        "update" => query::update(cursor),
        "delete" => query::delete(cursor),
        "create" => create::create(cursor),
        "drop" => create::drop(cursor),
        "show" => show::show(cursor),
        "describe" | "desc" => show::describe(cursor),
        "explain" => explain::explain(cursor),
        "subscribe" => subscribe::subscribe(cursor),
        "set" => settings::set(cursor),
        "reset" => settings::reset(cursor),
        "discard" => settings::discard(cursor),
        "deallocate" => settings::deallocate(cursor),
        "begin" | "start" => transaction::begin(cursor),
        "commit" | "end" => transaction::commit(cursor),
        "rollback" | "abort" => transaction::rollback(cursor),
        "flush" => {
            cursor.skip(1);
            Ok(Statement::Flush)
        }
        _ => Err(unsupported::statement(cursor)),
    }
}

/// `TABLE`, `SOURCE`, `[MATERIALIZED] VIEW` or `SINK`.
fn object_kind(cursor: &mut Cursor<'_>) -> Option<ObjectKind> {
    let kinds: [(&[&str], ObjectKind); 5] = [
        (&["table"], ObjectKind::Table),
        (&["source"], ObjectKind::Source),
        (&["materialized", "view"], ObjectKind::MaterializedView),
        (&["view"], ObjectKind::View),
        (&["sink"], ObjectKind::Sink),
    ];
    kinds.into_iter().find(|(words, _)| cursor.accept(words)).map(|(_, kind)| kind)
}

fn check_chains(tokens: &[TokenWithSpan]) -> Result<(), Error> {
    let mut chains = vec![Chain::default()];
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket => chains.push(Chain::default()),
            Token::RParen | Token::RBracket if chains.len() > 1 => {
                chains.pop();
            }
            Token::Comma | Token::SemiColon => {
                chains.last_mut().into_iter().for_each(|chain| *chain = Chain::default())
            }
            token => chains.last_mut().into_iter().for_each(|chain| chain.add(token)),
        }
        if chains.last().is_some_and(Chain::is_too_long) {
            return Err(Error::TooComplex);
        }
    }
    Ok(())
}

/// The operators so far between two parentheses or commas.
#[derive(Default)]
struct Chain {
    operators: usize,
    arithmetic: usize,
}

impl Chain {
    fn add(&mut self, token: &Token) {
        match token {
            Token::Word(word) if word.quote_style.is_some() => {}
            Token::Word(word) => {
                let is_operator = ["and", "or", "not", "union", "intersect", "except", "join", "when"]
                    .iter()
                    .any(|operator| word.value.eq_ignore_ascii_case(operator));
                self.operators += usize::from(is_operator);
            }
            // Operands, and operators that don't make chains.
            Token::Number(..) | Token::SingleQuotedString(_) | Token::Period | Token::Placeholder(_) => {}
            Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq => {}
            Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod => {
                self.operators += 1;
                self.arithmetic += 1;
            }
            _ => self.operators += 1,
        }
    }

    fn is_too_long(&self) -> bool {
        self.operators > CHAIN_MAX || self.arithmetic > ARITHMETIC_MAX
    }
}
