//! Arithmetic of `numeric` that queries and operators share, so that they cannot differ.

use arrow::datatypes::i256;

/// The scale of the `avg` of whole numbers, and of a quotient: the digits that Postgres gives at
/// least.
pub const MEAN_SCALE: i8 = 16;

/// `sum * factor / count`, rounded as [`quotient`] rounds: what `avg` gives of `count` numbers, in a scale that is
/// larger than theirs by the factor's power of ten.
#[must_use]
pub fn mean(sum: i256, factor: i256, count: i64) -> Option<i256> {
    let narrow = sum.to_i128().zip(factor.to_i128()).and_then(|(sum, factor)| sum.checked_mul(factor));
    if let Some(mean) = narrow.and_then(|sum| narrow_quotient(sum, i128::from(count))) {
        return Some(i256::from_i128(mean));
    }
    quotient(sum.checked_mul(factor)?, i256::from_i128(i128::from(count)))
}

/// `dividend / divisor`, rounded to the nearest whole number, halves away from zero. None for a
/// division by zero and where the quotient does not fit.
#[must_use]
pub fn quotient(dividend: i256, divisor: i256) -> Option<i256> {
    let narrow = dividend.to_i128().zip(divisor.to_i128());
    if let Some(quotient) = narrow.and_then(|(dividend, divisor)| narrow_quotient(dividend, divisor)) {
        return Some(i256::from_i128(quotient));
    }
    let quotient = dividend.checked_div(divisor)?;
    let rest = dividend.wrapping_sub(quotient.wrapping_mul(divisor)).wrapping_abs();
    let away = if dividend.is_negative() == divisor.is_negative() { i256::ONE } else { i256::MINUS_ONE };
    // Not twice the rest, which might not fit.
    if rest >= divisor.wrapping_abs().wrapping_sub(rest) { quotient.checked_add(away) } else { Some(quotient) }
}

fn narrow_quotient(dividend: i128, divisor: i128) -> Option<i128> {
    let quotient = dividend.checked_div(divisor)?;
    let rest = (dividend - quotient * divisor).unsigned_abs();
    let away = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
    if rest >= divisor.unsigned_abs() - rest { quotient.checked_add(away) } else { Some(quotient) }
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
        for (sum, count, expected) in [(2, 3, 67), (-2, 3, -67), (1, 8, 13), (10, 2, 500)] {
            assert_eq!(mean(narrow(sum), narrow(100), count), Some(narrow(expected)), "{sum} / {count}");
            let wide_mean = mean(wide(sum), narrow(100), count).and_then(|mean| quotient(mean, wide(1)));
            assert_eq!(wide_mean, Some(narrow(expected)), "{sum} / {count}, wide");
        }
        assert_eq!(mean(i256::MAX, narrow(10), 1), None);
        assert_eq!(quotient(narrow(1), narrow(0)), None);
        assert_eq!(quotient(wide(1), narrow(0)), None);
        assert_eq!(quotient(narrow(i128::MIN), narrow(-1)), narrow(i128::MIN).checked_neg());
        assert_eq!(quotient(i256::MIN, narrow(-1)), None);
        assert_eq!(quotient(narrow(i128::MAX), narrow(i128::MIN)), Some(narrow(-1)));
    }
}
