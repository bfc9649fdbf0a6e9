//! sqlparser's Postgres, less what makes it slow.
//!
//! It reads each argument of a function first as the name of a named one, which may be any
//! expression, and then as the argument: twice the time for each level of calls in calls. Here such a name is
//! an identifier, as it is in Postgres. And it tries each value as the name of a type first, which a bulk `INSERT`
//! would spend most of its time on: what begins with a number or a text is that.

use std::any::TypeId;

use sqlparser::ast::{Expr, Value};
use sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// The dialect that every statement is read in.
#[derive(Debug)]
pub(super) struct FreshetDialect;

macro_rules! as_postgres {
    ($($name:ident)*) => {
        $(fn $name(&self) -> bool {
            PostgreSqlDialect {}.$name()
        })*
    };
}

impl Dialect for FreshetDialect {
    fn dialect(&self) -> TypeId {
        PostgreSqlDialect {}.dialect()
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        PostgreSqlDialect {}.identifier_quote_style(identifier)
    }

    fn is_delimited_identifier_start(&self, character: char) -> bool {
        PostgreSqlDialect {}.is_delimited_identifier_start(character)
    }

    fn is_identifier_start(&self, character: char) -> bool {
        PostgreSqlDialect {}.is_identifier_start(character)
    }

    fn is_identifier_part(&self, character: char) -> bool {
        PostgreSqlDialect {}.is_identifier_part(character)
    }

    // No operator but Postgres' own is known here, so that none is made of several: `x>-1` is a comparison
    // with `-1`, and `x>--y` one with what stands in the next line, as in Postgres.
    fn is_custom_operator_part(&self, _: char) -> bool {
        false
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        PostgreSqlDialect {}.is_reserved_for_identifier(keyword)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        PostgreSqlDialect {}.get_next_precedence(parser)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        PostgreSqlDialect {}.prec_value(precedence)
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let is_collated =
            matches!(&parser.peek_nth_token_ref(1).token, Token::Word(word) if word.keyword == Keyword::COLLATE);
        let token = parser.peek_token_ref();
        let value = match &token.token {
            _ if is_collated => return None,
            Token::Number(number, is_long) => Value::Number(number.clone(), *is_long),
            Token::SingleQuotedString(text) => Value::SingleQuotedString(text.clone()),
            _ => return None,
        };
        let value = value.with_span(token.span);
        parser.advance_token();
        Some(Ok(Expr::Value(value)))
    }

    as_postgres! {
        supports_unicode_string_literal
        supports_filter_during_aggregation
        supports_group_by_expr
        allow_extract_custom
        allow_extract_single_quotes
        supports_create_index_with_clause
        supports_explain_with_utility_options
        supports_listen_notify
        supports_factorial_operator
        supports_bitwise_shift_operators
        supports_comment_on
        supports_load_extension
        supports_named_fn_args_with_colon_operator
        supports_empty_projections
        supports_nested_comments
        supports_string_escape_constant
        supports_numeric_literal_underscores
        supports_array_typedef_with_brackets
        supports_geometric_types
        supports_set_names
        supports_alter_column_type_using
        supports_notnull_operator
        supports_interval_options
        supports_insert_table_alias
        supports_create_table_like_parenthesized
        supports_select_wildcard_with_alias
        supports_comma_separated_trim
        supports_xml_expressions
        supports_comment_optimizer_hint
    }
}
