//! Arithmetic of `numeric` that queries and operators share, so that they cannot differ.

use arrow::datatypes::i256;

/// The scale of the `avg` of whole numbers, and of a quotient: the digits that Postgres gives at
/// least.
pub const MEAN_SCALE: i8 = 16;

/// `dividend / divisor`, rounded to the nearest whole number, halves away from zero. None for a
/// division by zero and where the quotient does not fit.
#[must_use]
pub fn quotient(dividend: i256, divisor: i256) -> Option<i256> {
    if let (Some(dividend), Some(divisor)) = (dividend.to_i128(), divisor.to_i128())
        && let (Some(quotient), Some(rest)) = (dividend.checked_div(divisor), dividend.checked_rem(divisor))
    {
        let is_half = rest.unsigned_abs() >= divisor.unsigned_abs() - rest.unsigned_abs();
        let away = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
        return Some(i256::from_i128(quotient).wrapping_add(i256::from_i128(if is_half { away } else { 0 })));
    }
    let (quotient, rest) = (dividend.checked_div(divisor)?, dividend.checked_rem(divisor)?);
    let (rest, size) = (rest.wrapping_abs(), divisor.wrapping_abs());
    let away = if dividend.is_negative() == divisor.is_negative() { i256::ONE } else { i256::MINUS_ONE };
    if rest >= size.wrapping_sub(rest) { quotient.checked_add(away) } else { Some(quotient) }
}

/// Ten to the power of `exponent`. None where it does not fit.
#[must_use]
pub fn power_of_ten(exponent: u32) -> Option<i256> {
    i256::from_i128(10).checked_pow(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_rounded_half_away_from_zero() {
        let narrow = |value: i128| i256::from_i128(value);
        // The same numbers times so much do not fit 128 bits.
        let wide = |value: i128| i256::from_i128(value).wrapping_mul(power_of_ten(40).expect("it fits"));
        for (dividend, divisor, expected) in [
            (7, 2, 4),
            (-7, 2, -4),
            (7, -2, -4),
            (-7, -2, 4),
            (6, 4, 2),
            (5, 4, 1),
            (-5, 4, -1),
            (1, 3, 0),
            (2, 3, 1),
            (0, 5, 0),
            (9, 3, 3),
            (1, 2, 1),
        ] {
            assert_eq!(quotient(narrow(dividend), narrow(divisor)), Some(narrow(expected)), "{dividend} / {divisor}");
            assert_eq!(quotient(wide(dividend), wide(divisor)), Some(narrow(expected)), "{dividend} / {divisor}, wide");
        }
        assert_eq!(quotient(narrow(1), narrow(0)), None);
        assert_eq!(quotient(wide(1), narrow(0)), None);
        assert_eq!(quotient(narrow(i128::MIN), narrow(-1)), narrow(i128::MIN).checked_neg());
        assert_eq!(quotient(i256::MIN, narrow(-1)), None);
        assert_eq!(quotient(narrow(i128::MAX), narrow(i128::MIN)), Some(narrow(-1)));
    }
}
