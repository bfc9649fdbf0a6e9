//! What is being built while others go on: its name is taken from the start, and nobody can read it before
//! it is done. Whoever builds it may be cancelled at any time, or it may be dropped: then nothing is left.

use std::sync::Arc;

use dataflow::{Build, Relation, Runtime};

use crate::catalog::{Change, Entry};
use crate::{Engine, Error};

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

    /// Waits until it is done and others can read it.
    pub(super) async fn finish(self) -> Result<(), Error> {
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
