//! `COPY (query) TO STDOUT` and `COPY table TO STDOUT`, in text format and as a simple query of its own.
//!
//! psql shows the rows of any other query when it ends, which a SUBSCRIBE does not: `COPY (SUBSCRIBE v) TO STDOUT`
//! shows each change as it comes.

use engine::Outcome;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::copy::{CopyDone, CopyOutResponse};

use super::Connection;
use super::rows::{Progress, Rows};
use crate::encode::Layout;
use crate::error::Error;
use crate::wire::Channel;

/// The query of a `COPY ... TO STDOUT`; none for any other statement.
pub(super) fn query_of(text: &str) -> Option<Result<String, Error>> {
    let text = text.trim().trim_end_matches(';').trim_end();
    let (word, rest) = text.split_at_checked(4)?;
    if !word.eq_ignore_ascii_case("copy") || !rest.starts_with(|next: char| next.is_whitespace() || next == '(') {
        return None;
    }
    // In ASCII, so that places stay the same.
    let lower = rest.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    if words.windows(2).any(|pair| pair[0] == "from" && pair[1].starts_with("stdin"))
        && !rest.trim_start().starts_with('(')
    {
        return Some(Err(Error::unsupported("COPY ... FROM STDIN")));
    }
    let to = lower.rfind("stdout")?;
    let before = lower[..to].trim_end().strip_suffix("to")?;
    if !before.ends_with(|last: char| last.is_whitespace() || last == ')') {
        return None;
    }
    let options = rest[to + "stdout".len()..].trim();
    if !options.is_empty() {
        return Some(Err(Error::unsupported(format_args!("COPY ... TO STDOUT {options}"))));
    }
    let source = rest[..before.len()].trim();
    Some(Ok(match source.strip_prefix('(').and_then(|query| query.strip_suffix(')')) {
        Some(query) => query.to_owned(),
        None => match source.split_once('(') {
            Some((table, columns)) => format!("SELECT {} FROM {table}", columns.trim_end_matches(')')),
            None => format!("SELECT * FROM {source}"),
        },
    }))
}

impl Connection {
    /// Runs a query and sends its rows as the output of `COPY`.
    pub(super) async fn copy_out(&mut self, channel: &mut Channel, query: &str) -> Result<(), Error> {
        let steps = self.read(channel, query).await?;
        let [step] = steps.as_slice() else {
            return Err(Error::request("42601", "COPY takes one query"));
        };
        let (tag, schema, stream) = match self.execute(channel, step, &[]).await? {
            Outcome::Rows { tag, schema, rows } => (Some(tag), schema, rows),
            Outcome::Subscription { schema, rows } => (None, schema, rows),
            Outcome::Done(_) | Outcome::Empty => return Err(Error::request("42601", "COPY query must return rows")),
        };
        let columns = schema.fields().len();
        let layout = Layout::new(schema, &[], self.zone())?;
        let columns = i16::try_from(columns).map_err(|_| Error::unsupported("a result this wide"))?;
        let start = CopyOutResponse::new(0, columns, vec![0; columns as usize]);
        channel.put(PgWireBackendMessage::CopyOutResponse(start))?;
        let mut rows = Rows::new(tag, layout, stream).into_copy();
        match rows.send(channel, &self.control, usize::MAX).await? {
            Progress::Complete(tag) => {
                channel.put(PgWireBackendMessage::CopyDone(CopyDone::new()))?;
                self.complete(channel, tag)
            }
            Progress::Suspended => unreachable!("there are never usize::MAX rows"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::query_of;

    #[test]
    fn finds_the_query() {
        for (text, query) in [
            ("COPY (SUBSCRIBE mv) TO STDOUT", Some("SUBSCRIBE mv")),
            ("copy (select ')' || 'to stdout') to stdout;", Some("select ')' || 'to stdout'")),
            ("copy t to\nstdout", Some("SELECT * FROM t")),
            ("copy public.t (a, b) to stdout", Some("SELECT a, b FROM public.t ")),
            ("copyright", None),
            ("select 1", None),
            ("", None),
        ] {
            let found = query_of(text).map(|query| query.expect("no options"));
            assert_eq!(found.as_deref(), query, "{text}");
        }
        for refused in
            ["copy t to stdout (format binary)", "copy t (a) from stdin;", "COPY t FROM STDIN WITH (FORMAT csv)"]
        {
            assert!(query_of(refused).is_some_and(|query| query.is_err()), "{refused}");
        }
    }
}
