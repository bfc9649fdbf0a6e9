//! Text to [`Statement`]s.
//!
//! Our own statements are read here, word by word; expressions, queries and table changes are
//! sqlparser's. What Postgres has and Freshet doesn't is refused by name. Nothing is looked up:
//! whether a table is there is not known here.

mod create;
mod cursor;
mod dialect;
mod explain;
mod literals;
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

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, TokenizerError, Word};

use self::cursor::Cursor;
use self::dialect::FreshetDialect;
use self::literals::Scanned;
use self::text::Text;
use crate::{Error, ObjectKind, Parsed, Statement};

/// The longest chain of operators without a parenthesis or comma. Each link is a level of the
/// syntax tree, and code that walks trees does so on the stack.
const CHAIN_MAX: usize = 500;

/// The same for `+ - * / %`. DataFusion's time to bind them is the cube of their number: a second at 200.
const ARITHMETIC_MAX: usize = 150;

/// How deeply expressions, queries and types may nest.
const NESTING_MAX: usize = 100;

/// How many tries (see [`is_tried`]) may be around one another.
const TRIES_MAX: usize = 12;

/// So many tries make no text long to read.
const QUICK_TRIES: usize = 4;

/// The statements of a string, in order. Empty ones and comments leave nothing.
pub fn parse(sql: &str) -> Result<Vec<Parsed>, Error> {
    let text = Text::new(sql);
    let mut parsed = Vec::new();
    let (mut at, mut location) = (0, Location { line: 1, column: 1 });
    loop {
        let rest = sql[at..].trim_start_matches(|character: char| character == ';' || character.is_ascii_whitespace());
        let before = at;
        at = sql.len() - rest.len();
        location = literals::location_after(&sql[before..at], location);
        let Some(Scanned { rows, start, end }) = literals::scan(rest, location) else { break };
        let after = literals::location_after(&rest[..end], location);
        let mut tokens = tokens_of(&text, &rest[..start], location)?;
        tokens.extend(no_row());
        let is_alone = rest[end..].trim_ascii_start().bytes().next().is_none_or(|byte| byte == b';');
        let mut others = vec![];
        let mut own = &rest[..end];
        if !is_alone {
            others = statements_of(tokens_of(&text, &rest[end..], after)?);
            if let Some(last) = others.first().and_then(|tokens| tokens.last()) {
                own = &sql[at..text.byte(last.span.end)];
            }
            tokens.extend(others.drain(..1.min(others.len())).flatten());
        }
        check_chains(&tokens)?;
        let mut statement = one_of(&text, tokens)?;
        if let Statement::Insert(insert) = &mut statement {
            insert.literals = Some(rows);
        }
        parsed.push(Parsed { statement, sql: own.to_owned() });
        if !is_alone {
            parsed.extend(all_of(&text, others)?);
            return Ok(parsed);
        }
        (at, location) = (at + end, after);
    }
    parsed.extend(all_of(&text, statements_of(tokens_of(&text, &sql[at..], location)?))?);
    Ok(parsed)
}

/// The tokens of a part of the text, which stands at `location`.
fn tokens_of(text: &Text<'_>, part: &str, location: Location) -> Result<Vec<TokenWithSpan>, Error> {
    tokens_at(part, location).map_err(|error| text.error_in_token(&error))
}

/// The same with sqlparser's own errors.
fn tokens_at(part: &str, location: Location) -> Result<Vec<TokenWithSpan>, TokenizerError> {
    let shifted = |inner: Location| match inner.line {
        0 => inner,
        1 => Location { line: location.line, column: location.column + inner.column - 1 },
        line => Location { line: location.line + line - 1, column: inner.column },
    };
    let mut tokens = Vec::new();
    let tokenized = Tokenizer::new(&FreshetDialect, part).tokenize_with_location_into_buf(&mut tokens);
    if let Err(error) = tokenized {
        return Err(TokenizerError { location: shifted(error.location), ..error });
    }
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    if location != (Location { line: 1, column: 1 }) {
        for token in &mut tokens {
            token.span = Span { start: shifted(token.span.start), end: shifted(token.span.end) };
        }
    }
    Ok(tokens)
}

/// What stands for rows that have been read already.
fn no_row() -> [TokenWithSpan; 3] {
    let null = Token::Word(Word { value: "NULL".to_owned(), quote_style: None, keyword: Keyword::NULL });
    [Token::LParen, null, Token::RParen].map(TokenWithSpan::wrap)
}

/// The tokens of each statement.
fn statements_of(tokens: Vec<TokenWithSpan>) -> Vec<Vec<TokenWithSpan>> {
    let mut statements = vec![vec![]];
    for token in tokens {
        match statements.last_mut() {
            Some(last) if token.token != Token::SemiColon => last.push(token),
            _ => statements.push(vec![]),
        }
    }
    statements
}

fn all_of(text: &Text<'_>, statements: Vec<Vec<TokenWithSpan>>) -> Result<Vec<Parsed>, Error> {
    statements.iter().try_for_each(|tokens| check_chains(tokens))?;
    let parsed = statements.into_iter().filter_map(|tokens| {
        let sql = text.slice(tokens.first()?, tokens.last()?).to_owned();
        Some(one_of(text, tokens).map(|statement| Parsed { statement, sql }))
    });
    parsed.collect()
}

fn one_of(text: &Text<'_>, tokens: Vec<TokenWithSpan>) -> Result<Statement, Error> {
    let mut cursor = Cursor::new(text, tokens);
    let statement = statement(&mut cursor)?;
    cursor.end()?;
    Ok(statement)
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
        "savepoint" => transaction::savepoint(cursor),
        "release" => transaction::release(cursor),
        "unlisten" | "close" => match transaction::give_up(cursor)? {
            Some(statement) => Ok(statement),
            None => Err(unsupported::statement(cursor)),
        },
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

/// Refuses what takes too deep a stack or too long to parse and bind.
fn check_chains(tokens: &[TokenWithSpan]) -> Result<(), Error> {
    let mut chains = vec![Chain::default()];
    let mut previous = &Token::EOF;
    for TokenWithSpan { token, .. } in tokens {
        let innermost = chains.len() - 1;
        match token {
            Token::LParen | Token::LBracket => {
                let tries = chains[innermost].tries + usize::from(is_tried(previous));
                chains.push(Chain { tries, ..Chain::default() });
            }
            // The arms of a CASE are a list.
            token if is_word(token, "case") => {
                let tries = chains[innermost].tries;
                chains.push(Chain { tries, ..Chain::default() });
            }
            Token::RParen | Token::RBracket if innermost > 0 => chains.truncate(innermost),
            token if is_word(token, "end") && innermost > 0 => chains.truncate(innermost),
            token if *token == Token::Comma || ["when", "then", "else"].iter().any(|word| is_word(token, word)) => {
                chains[innermost].restart();
            }
            Token::SemiColon => chains = vec![Chain::default()],
            Token::SingleQuotedString(_) => {}
            token => {
                let is_nested_type = *token == Token::Lt && is_word(previous, "array");
                chains[innermost].tries += usize::from(is_word(previous, "interval") || is_nested_type);
                chains[innermost].add(token);
            }
        }
        previous = token;
        if chains.len() > NESTING_MAX || chains.last().is_some_and(Chain::is_too_long) {
            return Err(Error::TooComplex);
        }
    }
    Ok(())
}

/// Words that sqlparser takes for the start of an expression, and, if that fails, for a function's
/// name: a mistake within them is looked for twice as long for each of them that is around it.
const TRIED: [&str; 24] = [
    "array",
    "box",
    "case",
    "cast",
    "ceil",
    "circle",
    "convert",
    "exists",
    "extract",
    "floor",
    "interval",
    "line",
    "lseg",
    "not",
    "overlay",
    "path",
    "point",
    "polygon",
    "position",
    "safe_cast",
    "substr",
    "substring",
    "trim",
    "try_cast",
];

fn is_tried(token: &Token) -> bool {
    TRIED.iter().any(|word| is_word(token, word))
}

/// Whether a text is read in about as long as it is long: not many times over, as one with a mistake
/// deep within calls may be.
#[must_use]
pub fn is_read_quickly(sql: &str) -> bool {
    let words = sql.split(|character: char| !character.is_alphanumeric() && character != '_');
    words.filter(|word| TRIED.iter().any(|tried| tried.eq_ignore_ascii_case(word))).count() <= QUICK_TRIES
}

fn is_word(token: &Token, text: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(text))
}

/// What there is so far between two parentheses or commas.
#[derive(Default)]
struct Chain {
    operators: usize,
    arithmetic: usize,
    /// How many tries are around it.
    tries: usize,
}

impl Chain {
    fn add(&mut self, token: &Token) {
        match token {
            Token::Word(word) if word.quote_style.is_some() => {}
            Token::Word(word) => {
                let is_operator = ["and", "or", "not", "union", "intersect", "except", "join"]
                    .iter()
                    .any(|operator| word.value.eq_ignore_ascii_case(operator));
                self.operators += usize::from(is_operator);
            }
            // Operands, and operators that don't make chains.
            Token::Number(..) | Token::Period | Token::Placeholder(_) => {}
            Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq => {}
            Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod => {
                self.operators += 1;
                self.arithmetic += 1;
            }
            _ => self.operators += 1,
        }
    }

    fn restart(&mut self) {
        *self = Chain { tries: self.tries, ..Chain::default() };
    }

    fn is_too_long(&self) -> bool {
        self.operators > CHAIN_MAX || self.arithmetic > ARITHMETIC_MAX || self.tries > TRIES_MAX
    }
}
