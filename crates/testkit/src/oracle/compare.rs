//! Two bags of rows, compared, and told apart in few lines.

/// Differences shown of each kind.
const SHOWN_MAX: usize = 6;

/// What is wrong with `held`, given that it should be `expected`; both sorted.
pub fn difference(held: &[String], expected: &[String]) -> Option<String> {
    let (mut wrong, mut missing) = (Vec::new(), Vec::new());
    let (mut left, mut right) = (held.iter().peekable(), expected.iter().peekable());
    loop {
        match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(one), Some(other)) if one == other => {
                left.next();
                right.next();
            }
            (Some(one), other) if other.is_none_or(|other| one < other) => wrong.extend(left.next()),
            _ => missing.extend(right.next()),
        }
    }
    if wrong.is_empty() && missing.is_empty() {
        return None;
    }
    let mut text = format!("{} rows, {} expected\n", held.len(), expected.len());
    for (rows, sign) in [(wrong, '+'), (missing, '-')] {
        for row in rows.iter().take(SHOWN_MAX) {
            text.push_str(&format!("  {sign} {row}\n"));
        }
        if rows.len() > SHOWN_MAX {
            text.push_str(&format!("  {sign} ... and {} more\n", rows.len() - SHOWN_MAX));
        }
    }
    text.push_str("(+ are too many, - are missing)");
    Some(text)
}
