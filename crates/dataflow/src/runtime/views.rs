//! Views and sinks as the layers above ask for them, and how they wait for them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures::channel::oneshot;
use plan::{Node, RelationId};
use state::Owner;

use super::{Counted, Runtime};
use crate::Error;
use crate::backfill::BuildProgress;
use crate::build::{self, MakeTarget, Spec, Target};
use crate::clock::Request;
use crate::memory::Shares;
use crate::publish::Publish;
use crate::relation::Relation;
use crate::statistics::Counters;

impl Runtime {
    /// Begins to build a materialized view, beside everything else. It can be read when the build is
    /// finished.
    ///
    /// # Errors
    /// If a column's type cannot be kept, or the server is shutting down.
    pub fn build_view(&self, id: RelationId, name: &str, plan: Node) -> Result<Build<Relation>, Error> {
        let (relation, spec) = self.view(id, name, plan)?;
        self.build(spec, relation)
    }

    /// Begins to build a dataflow whose changes are counted and dropped.
    ///
    /// # Errors
    /// If the server is shutting down.
    pub fn build_sink(&self, id: RelationId, name: &str, plan: Node) -> Result<Build<()>, Error> {
        self.build(self.sink(id, name, plan), ())
    }

    /// A materialized view. Returns when it holds all that its inputs hold, and can be read. If the
    /// future is dropped before, nothing of the view is left.
    ///
    /// # Errors
    /// As for [`Build::finish`].
    pub async fn create_view(&self, id: RelationId, name: &str, plan: Node) -> Result<Relation, Error> {
        self.build_view(id, name, plan)?.finish().await
    }

    /// What is being built.
    #[must_use]
    pub fn builds(&self) -> Vec<BuildProgress> {
        self.0.builds.lock().iter().map(|(id, progress)| progress.read(*id)).collect()
    }

    /// A view that nobody knows yet, and how it is built.
    pub(crate) fn view(&self, id: RelationId, name: &str, plan: Node) -> Result<(Relation, Spec), Error> {
        self.view_by(id, name, plan, Publish::boxed)
    }

    /// The same, with another operator at its end.
    pub(crate) fn view_by(
        &self,
        id: RelationId,
        name: &str,
        plan: Node,
        target: MakeTarget,
    ) -> Result<(Relation, Spec), Error> {
        let identity = build::identity_of(&plan);
        let relation = self.relation(id, name, Arc::clone(plan.schema()), identity, None, None)?;
        let counters = Arc::clone(relation.counters());
        let spec = self.spec(id, name, plan, Target::Relation(relation.clone(), target), counters);
        Ok((relation, spec))
    }

    /// How a sink is built that nobody knows yet.
    pub(crate) fn sink(&self, id: RelationId, name: &str, plan: Node) -> Spec {
        let counters = Arc::new(Counters::new(name, self.0.workers));
        self.0.counted.lock().push(Counted { id, counters: Arc::clone(&counters), relation: None });
        self.spec(id, name, plan, Target::Blackhole, counters)
    }

    fn spec(&self, id: RelationId, name: &str, plan: Node, target: Target, counters: Arc<Counters>) -> Spec {
        let memory = Shares::new(self.0.budget.open(Owner::Operators, name), self.0.workers);
        let is_form_saved = AtomicBool::new(false);
        Spec { id, name: name.to_owned(), plan, target, counters, is_form_saved, memory }
    }

    pub(crate) fn build<T>(&self, spec: Spec, made: T) -> Result<Build<T>, Error> {
        let (reply, answer) = oneshot::channel();
        let build = Build { made, answer, unfinished: Unfinished { runtime: self.clone(), id: Some(spec.id) } };
        self.0.requests.send(Request::Build { spec: Arc::new(spec), reply }).map_err(|_| Error::Closed)?;
        Ok(build)
    }
}

/// A view or sink that is being built. Dropped before it is finished, nothing of it is left.
#[derive(Debug)]
#[must_use = "what is being built ends with this"]
pub struct Build<T> {
    made: T,
    answer: oneshot::Receiver<Result<(), Error>>,
    unfinished: Unfinished,
}

#[derive(Debug)]
struct Unfinished {
    runtime: Runtime,
    id: Option<RelationId>,
}

impl<T> Build<T> {
    /// Waits until it follows the clock.
    ///
    /// # Errors
    /// If the operators refuse the plan, a source cannot be read again, it is dropped meanwhile, or
    /// the server is shutting down.
    pub async fn finish(mut self) -> Result<T, Error> {
        self.answer.await.map_err(|_| Error::Closed)??;
        self.unfinished.id = None;
        Ok(self.made)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.runtime.discard(vec![id]);
        }
    }
}
