//! What is being built while others go on: its name is taken from the start, and nobody can read it before
//! it is done. Whoever builds it may be cancelled at any time, or it may be dropped: then nothing is left.

use std::sync::Arc;
use std::time::SystemTime;

use dataflow::{Build, BuildProgress, Relation, Runtime};

use crate::catalog::{Change, Entry};
use crate::session::Session;
use crate::{Engine, Error, Notice};

/// A thing in the catalog that is not done. Dropped before [`Building::finish`] is through, it is taken out.
pub(super) struct Building<T> {
    build: Build<T>,
    unfinished: Unfinished,
}

struct Unfinished {
    engine: Arc<Engine>,
    oid: u32,
    is_done: bool,
}

impl<T: Built> Building<T> {
    /// Puts `entry` into the catalog, and has `build` begin. Ends the change: building may take long.
    pub(super) fn begin(
        engine: &Arc<Engine>,
        change: Change<'_>,
        entry: Entry,
        build: impl FnOnce(&Runtime) -> Result<Build<T>, dataflow::Error>,
    ) -> Result<Building<T>, Error> {
        let unfinished = Unfinished { engine: Arc::clone(engine), oid: entry.object.oid, is_done: false };
        change.put(Entry { is_building: true, ..entry });
        // Within the change, so that whoever drops it asks for that later.
        let build = build(engine.runtime())?;
        drop(change);
        Ok(Building { build, unfinished })
    }

    /// Waits until it is done and others can read it, and tells the session's client how far it is.
    pub(super) async fn finish_for(self, session: &Session, name: &str) -> Result<(), Error> {
        let (engine, oid) = (Arc::clone(&self.unfinished.engine), self.unfinished.oid);
        let wants = session.settings().wants("NOTICE");
        let progress = || {
            let build = engine.runtime().builds().into_iter().find(|build| wants && build.id.0 == oid)?;
            Some(Notice::new(told(name, &build, SystemTime::now())))
        };
        session.news.tell_while(self.finish(), progress).await
    }

    /// Waits until it is done and others can read it.
    async fn finish(self) -> Result<(), Error> {
        let Building { build, mut unfinished } = self;
        let made = build.finish().await?;
        let Unfinished { engine, oid, .. } = &unfinished;
        if !engine.catalog().finish(*oid, made.relation()) {
            return Err(dataflow::Error::Dropped.into());
        }
        unfinished.is_done = true;
        Ok(())
    }

    /// Has it be built while the session goes on; how that ends is in the log.
    pub(super) fn finish_in_background(self, name: &str)
    where
        T: Send + 'static,
    {
        let name = name.to_owned();
        tokio::spawn(async move {
            match self.finish().await {
                Ok(()) => tracing::info!(name, "created in the background"),
                Err(error) => tracing::error!(name, %error, "not created in the background"),
            }
        });
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_done {
            self.engine.catalog().abandon(self.oid);
        }
    }
}

/// How far a build is, for a person.
fn told(name: &str, build: &BuildProgress, now: SystemTime) -> String {
    let known = build.rows_known.map_or_else(String::new, |rows| format!(" of {rows}"));
    let seconds = now.duration_since(build.started_at).map_or(0.0, |time| time.as_secs_f64());
    let rate = build.rows_done as f64 / seconds.max(f64::MIN_POSITIVE);
    format!("creating \"{name}\": {}{known} rows done, {rate:.0} rows/s", build.rows_done)
}

/// What a build gives.
pub(super) trait Built {
    /// Where its rows are, if it has any.
    fn relation(self) -> Option<Relation>;
}

impl Built for Relation {
    fn relation(self) -> Option<Relation> {
        Some(self)
    }
}

impl Built for () {
    fn relation(self) -> Option<Relation> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use plan::RelationId;

    use super::*;

    #[test]
    fn a_client_is_told_rows_and_rate() {
        let started_at = SystemTime::UNIX_EPOCH;
        let build = BuildProgress { id: RelationId(1), rows_done: 3_000_000, rows_known: Some(10_000_000), started_at };
        let now = started_at + Duration::from_secs(6);
        assert_eq!(told("v", &build, now), "creating \"v\": 3000000 of 10000000 rows done, 500000 rows/s");
        let of_source = BuildProgress { rows_known: None, ..build };
        assert_eq!(told("v", &of_source, now), "creating \"v\": 3000000 rows done, 500000 rows/s");
    }
}
