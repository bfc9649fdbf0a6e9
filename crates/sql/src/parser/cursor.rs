//! A walk over one statement's tokens: our own words by text, everything else by sqlparser.

use sqlparser::ast;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::NESTING_MAX;
use super::dialect::FreshetDialect;
use super::text::Text;
use crate::{Error, Name};

/// One statement's tokens (no white space, no semicolon), and how far it is read.
pub(super) struct Cursor<'a> {
    pub(super) text: &'a Text<'a>,
    pub(super) parser: Parser<'static>,
    tokens: Vec<TokenWithSpan>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a Text<'a>, tokens: Vec<TokenWithSpan>) -> Self {
        let parser =
            Parser::new(&FreshetDialect).with_recursion_limit(NESTING_MAX).with_tokens_with_locations(tokens.clone());
        Cursor { text, parser, tokens }
    }

    /// The tokens that are not read yet.
    pub(super) fn rest(&self) -> &[TokenWithSpan] {
        &self.tokens[self.parser.index().min(self.tokens.len())..]
    }

    /// The next token, or none at the end.
    pub(super) fn peek(&self) -> Option<&TokenWithSpan> {
        self.rest().first()
    }

    /// The unquoted word `ahead` tokens from here, in lower case.
    pub(super) fn peek_word(&self, ahead: usize) -> Option<String> {
        match &self.rest().get(ahead)?.token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
            _ => None,
        }
    }

    pub(super) fn at(&self, token: &Token) -> bool {
        self.peek().is_some_and(|next| next.token == *token)
    }

    pub(super) fn at_words(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| self.peek_word(ahead).as_deref() == Some(word))
    }

    /// Reads these words if they are next.
    pub(super) fn accept(&mut self, words: &[&str]) -> bool {
        let found = self.at_words(words);
        if found {
            self.skip(words.len());
        }
        found
    }

    pub(super) fn accept_token(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    pub(super) fn skip(&mut self, count: usize) {
        (0..count).for_each(|_| self.parser.advance_token());
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), Error> {
        if self.accept(&[word]) { Ok(()) } else { Err(self.unexpected(&word.to_uppercase())) }
    }

    pub(super) fn expect_token(&mut self, token: &Token) -> Result<(), Error> {
        if self.accept_token(token) { Ok(()) } else { Err(self.unexpected(&format!("\"{token}\""))) }
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(token) => Err(self.text.error_at(Some(token), Some("end of statement"))),
        }
    }

    pub(super) fn unexpected(&self, expected: &str) -> Error {
        self.text.error_at(self.peek(), Some(expected))
    }

    /// A feature that is not there, at the next token.
    pub(super) fn unsupported(&self, feature: impl Into<String>) -> Error {
        let position = self.peek().and_then(|token| self.text.position(token.span.start));
        Error::Unsupported { feature: feature.into(), position }
    }

    /// Runs one of sqlparser's own parsers here.
    pub(super) fn delegate<T>(
        &mut self,
        parse: impl FnOnce(&mut Parser<'static>) -> Result<T, ParserError>,
    ) -> Result<T, Error> {
        let result = parse(&mut self.parser);
        result.map_err(|error| self.text.error_from(error, &self.tokens, self.parser.index()))
    }

    pub(super) fn identifier(&mut self) -> Result<String, Error> {
        Ok(fold(&self.delegate(|parser| parser.parse_identifier())?))
    }

    pub(super) fn name(&mut self) -> Result<Name, Error> {
        let name = self.delegate(|parser| parser.parse_object_name(false))?;
        self.fold_name(&name)
    }

    pub(super) fn fold_name(&self, name: &ast::ObjectName) -> Result<Name, Error> {
        let parts = name.0.iter().map(|part| part.as_ident().map(fold)).collect::<Option<Vec<_>>>();
        match parts.unwrap_or_default().as_slice() {
            [name] => Ok(Name { schema: None, name: name.clone() }),
            [schema, name] => Ok(Name { schema: Some(schema.clone()), name: name.clone() }),
            // The database may only be the one that is connected to, so that it says nothing.
            [_, schema, name] => Ok(Name { schema: Some(schema.clone()), name: name.clone() }),
            _ => Err(self.unexpected("a name")),
        }
    }

    /// `(a, b)`.
    pub(super) fn identifiers_in_parentheses(&mut self) -> Result<Vec<String>, Error> {
        self.expect_token(&Token::LParen)?;
        let mut names = vec![self.identifier()?];
        while self.accept_token(&Token::Comma) {
            names.push(self.identifier()?);
        }
        self.expect_token(&Token::RParen)?;
        Ok(names)
    }

    pub(super) fn if_not_exists(&mut self) -> bool {
        self.accept(&["if", "not", "exists"])
    }
}

/// An identifier as Postgres folds it.
pub(super) fn fold(identifier: &ast::Ident) -> String {
    match identifier.quote_style {
        Some(_) => identifier.value.clone(),
        None => identifier.value.to_lowercase(),
    }
}
