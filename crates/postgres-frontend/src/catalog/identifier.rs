//! Names as SQL writes them: folded, quoted, and the words that need quotes.

/// A word of SQL that cannot be any name without quotes.
pub(crate) struct Keyword {
    pub(crate) word: &'static str,
    /// `pg_get_keywords.catcode`.
    pub(crate) category: &'static str,
}

/// PostgreSQL 15's keywords that need quotes somewhere, by category
/// (<https://www.postgresql.org/docs/15/sql-keywords-appendix.html>).
const KEYWORDS: [(&str, &str); 3] = [
    (
        "R",
        "all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
        current_catalog current_date current_role current_time current_timestamp current_user default deferrable
        desc distinct do else end except false fetch for foreign from grant group having in initially intersect
        into lateral leading limit localtime localtimestamp not null offset on only or order placing primary
        references returning select session_user some symmetric table then to trailing true union unique user
        using variadic when where window with",
    ),
    (
        "C",
        "between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping inout
        int integer interval least national nchar none normalize nullif numeric out overlay position precision real
        row setof smallint substring time timestamp treat trim values varchar xmlattributes xmlconcat xmlelement
        xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable",
    ),
    (
        "T",
        "authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join left
        like natural notnull outer overlaps right similar tablesample verbose",
    ),
];

/// All of them.
pub(crate) fn keywords() -> impl Iterator<Item = Keyword> {
    let of_category = |(category, words): (&'static str, &'static str)| {
        words.split_whitespace().map(move |word| Keyword { word, category })
    };
    KEYWORDS.into_iter().flat_map(of_category)
}

/// The parts of a possibly quoted and qualified name, folded as Postgres does.
pub(crate) fn fold(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = name.trim().chars().peekable();
    let mut quoted = false;
    while let Some(character) = characters.next() {
        let part = parts.last_mut().expect("there is always a part");
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => part.push('"'),
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            character if quoted => part.push(character),
            character => part.extend(character.to_lowercase()),
        }
    }
    parts
}

/// A name as it must be written in SQL.
pub(crate) fn quote_ident(name: &str) -> String {
    let is_plain = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    let plain = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.chars().all(is_plain)
        && keywords().all(|keyword| keyword.word != name);
    match plain {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A text as a literal.
pub(crate) fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match text.contains('\\') {
        true => format!("E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}
