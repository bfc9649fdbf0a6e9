//! Two bags of rows, compared, and told apart in few lines.

/// Differences shown of each kind.
const SHOWN_MAX: usize = 6;

/// What is wrong with `view`, given that it should hold the rows of `query`; both sorted.
pub fn difference(view: &[String], query: &[String]) -> Option<String> {
    let (mut wrong, mut missing) = (Vec::new(), Vec::new());
    let (mut left, mut right) = (view.iter().peekable(), query.iter().peekable());
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
    let mut text = format!("the view has {} rows, its query {}\n", view.len(), query.len());
    for (rows, sign) in [(wrong, '+'), (missing, '-')] {
        for row in rows.iter().take(SHOWN_MAX) {
            text.push_str(&format!("  {sign} {row}\n"));
        }
        if rows.len() > SHOWN_MAX {
            text.push_str(&format!("  {sign} ... and {} more\n", rows.len() - SHOWN_MAX));
        }
    }
    text.push_str("(+ only in the view, - only in the query)");
    Some(text)
}
