//! Random expressions that fail on some rows, each with a condition that says on which it does not.

use super::expression::{Scope, column};
use super::random::Random;
use super::schema::Type;

/// An expression, and what is known of it.
#[derive(Clone, Debug)]
pub struct Failing {
    pub text: String,
    pub data_type: Type,
    /// True for the rows on which the expression has a value, false for the others; never null.
    pub succeeds: String,
    /// What Postgres says where it fails.
    pub code: &'static str,
}

impl Failing {
    /// The expression, or null where it fails.
    pub fn guarded(&self) -> String {
        format!("CASE WHEN {} THEN {} END", self.succeeds, self.text)
    }
}

const DIVISION_BY_ZERO: &str = "22012";
const OUT_OF_RANGE: &str = "22003";
const BAD_TEXT: &str = "22P02";

/// An expression over some columns in scope; none if they are of no use for that.
///
/// Results are made small where they might not be, so that nothing else overflows on them.
pub fn failing(random: &mut Random, scope: &Scope) -> Option<Failing> {
    let start = random.below(KINDS.len());
    (0..KINDS.len()).find_map(|offset| KINDS[(start + offset) % KINDS.len()](random, scope))
}

type Kind = fn(&mut Random, &Scope) -> Option<Failing>;

const KINDS: &[Kind] = &[
    quotient,
    remainder,
    numeric_quotient,
    float_quotient,
    sum,
    product,
    large_product,
    narrowed,
    short,
    read,
    rounded,
];

fn of(text: String, data_type: Type, succeeds: String, code: &'static str) -> Option<Failing> {
    Some(Failing { text, data_type, succeeds: format!("({succeeds})"), code })
}

fn quotient(random: &mut Random, scope: &Scope) -> Option<Failing> {
    let (x, y) = (column(random, scope, Type::Int)?, column(random, scope, Type::Int)?);
    of(format!("({x} / {y})"), Type::Int, format!("{x} IS NULL OR {y} IS NULL OR {y} <> 0"), DIVISION_BY_ZERO)
}

fn remainder(random: &mut Random, scope: &Scope) -> Option<Failing> {
    let (x, y) = (column(random, scope, Type::Big)?, column(random, scope, Type::Int)?);
    of(format!("({x} % {y})"), Type::Big, format!("{x} IS NULL OR {y} IS NULL OR {y} <> 0"), DIVISION_BY_ZERO)
}

fn numeric_quotient(random: &mut Random, scope: &Scope) -> Option<Failing> {
    let (x, y) = (column(random, scope, Type::Numeric)?, column(random, scope, Type::Int)?);
    let succeeds = format!("{x} IS NULL OR {y} IS NULL OR {y} <> 0");
    of(format!("({x} / {y})::numeric(20,2)"), Type::Numeric, succeeds, DIVISION_BY_ZERO)
}

fn float_quotient(random: &mut Random, scope: &Scope) -> Option<Failing> {
    let (x, y) = (column(random, scope, Type::Float)?, column(random, scope, Type::Float)?);
    let succeeds = format!("{x} IS NULL OR {y} IS NULL OR {y} <> 0");
    of(format!("({x} / {y})"), Type::Inexact, succeeds, DIVISION_BY_ZERO)
}

fn sum(random: &mut Random, scope: &Scope) -> Option<Failing> {
    let x = column(random, scope, Type::Int)?;
    of(format!("(({x} + 2147483645) % 5)"), Type::Int, format!("{x} IS NULL OR {x} <= 2"), OUT_OF_RANGE)
}

fn product(random: &mut Random, scope: &Scope) -> Option<Failing> {
    let x = column(random, scope, Type::Int)?;
    let succeeds = format!("{x} IS NULL OR {x} BETWEEN -2 AND 2");
    of(format!("(({x} * 1000000000) % 7)"), Type::Int, succeeds, OUT_OF_RANGE)
}

fn large_product(random: &mut Random, scope: &Scope) -> Option<Failing> {
    let x = column(random, scope, Type::Big)?;
    let succeeds = format!("{x} IS NULL OR {x} BETWEEN -2 AND 1");
    of(format!("(({x} * 4611686018427387904) % 11)"), Type::Big, succeeds, OUT_OF_RANGE)
}

fn narrowed(random: &mut Random, scope: &Scope) -> Option<Failing> {
    let x = column(random, scope, Type::Big)?;
    let succeeds = format!("{x} IS NULL OR {x} BETWEEN -2147483648 AND 2147483647");
    of(format!("({x}::int % 1000)"), Type::Int, succeeds, OUT_OF_RANGE)
}

fn short(random: &mut Random, scope: &Scope) -> Option<Failing> {
    let x = column(random, scope, Type::Int)?;
    let succeeds = format!("{x} IS NULL OR {x} BETWEEN -1 AND 1");
    of(format!("({x} * 20000)::smallint"), Type::Small, succeeds, OUT_OF_RANGE)
}

fn read(random: &mut Random, scope: &Scope) -> Option<Failing> {
    let x = column(random, scope, Type::Text)?;
    let succeeds = format!("{x} IS NULL OR {x} ~ '^-?[0-9]{{1,9}}$'");
    let (text, data_type) = match random.below(2) {
        0 => (format!("({x}::int % 1000)"), Type::Int),
        _ => (format!("({x}::numeric(20,2))"), Type::Numeric),
    };
    of(text, data_type, succeeds, BAD_TEXT)
}

fn rounded(random: &mut Random, scope: &Scope) -> Option<Failing> {
    let x = column(random, scope, Type::Numeric)?;
    let succeeds = format!("{x} IS NULL OR abs({x}) < 10");
    of(format!("({x}::numeric(3,2) + 0.25)::numeric(20,2)"), Type::Numeric, succeeds, OUT_OF_RANGE)
}
