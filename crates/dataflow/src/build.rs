//! From plan to dataflow: one match from plan node to operator.
//!
//! What needs no exchange becomes a stage. Stages that read only what the worker feeds them are its own to
//! run; those behind an exchange are operators of timely. All workers build the same dataflow from the
//! same plan, in the same order, as timely asks for.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::datatypes::SchemaRef;
use changes::{ChangeBatch, Epoch, KeyHasher, partition_of};
use operators::{Aggregate, Distinct, Fault, Filter, Join, Operator, Project, Union};
use plan::{Node, RelationId};
use state::Identity;
use timely::dataflow::operators::{Input as _, Probe};
use timely::dataflow::{InputHandle, ProbeHandle, Scope};
use timely::worker::Worker;

use crate::adapter::{Deadline, Flow, Route, Time, connect};
use crate::exchange::{ByKey, Changes};
use crate::memory::Shares;
use crate::relation::Relation;
use crate::sink::Blackhole;
use crate::stage::{SharedOperator, Stage};
use crate::statistics::Counters;

pub(crate) type Handle = InputHandle<u64, NoBuilder>;
type NoBuilder = timely::container::NoopBuilder<Changes>;

/// Makes the operator that writes a worker's part of a relation.
pub(crate) type MakeTarget = fn(&Relation, usize) -> Box<dyn Operator>;

/// Where a dataflow's output goes.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Into a relation's storage, a partition for each worker.
    Relation(Relation, MakeTarget),
    /// Away.
    Blackhole,
}

/// What to build: the same for every worker.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) id: RelationId,
    pub(crate) name: String,
    pub(crate) plan: Node,
    pub(crate) target: Target,
    pub(crate) counters: Arc<Counters>,
    /// Whether a checkpoint has the plan's form, which never changes.
    pub(crate) is_form_saved: AtomicBool,
    /// What its operators hold, a part for each worker.
    pub(crate) memory: Shares,
}

impl Spec {
    /// What readers see of it.
    pub(crate) fn relation(&self) -> Option<&Relation> {
        match &self.target {
            Target::Relation(relation, _) => Some(relation),
            Target::Blackhole => None,
        }
    }

    /// The relations that it reads.
    pub(crate) fn reads(&self) -> HashSet<RelationId> {
        self.plan.gets().iter().map(|get| get.relation).collect()
    }

    /// The columns by whose hash the rows of a view have yet to be brought to their owner, which is where their
    /// retractions must come too, whatever the number of workers is; none if they lie there already, or are never
    /// retracted.
    fn owner(&self) -> Option<Vec<usize>> {
        self.relation()?;
        let columns = match identity_of(&self.plan) {
            Identity::AppendOnly => return None,
            Identity::Key(key) => key,
            Identity::Row => (0..self.plan.schema().fields().len()).collect(),
        };
        (self.plan.spread_by().as_ref() != Some(&columns)).then_some(columns)
    }

    /// Whether several workers must bring rows together.
    fn has_exchange(&self) -> bool {
        self.owner().is_some() || has_exchange(&self.plan)
    }
}

/// Where an input's changes come from.
pub(crate) enum Feed {
    /// These columns of a relation's changes.
    Relation { id: RelationId, columns: Vec<usize> },
    /// Rows that come in the first epoch.
    Constant(ChangeBatch),
}

/// A dataflow that was built, as its worker drives it.
pub(crate) struct Built {
    pub(crate) inputs: Vec<Input>,
    /// Stages that the worker runs.
    pub(crate) fronts: Vec<Front>,
    /// All of them; who reads comes after those that it reads, and the target is the last.
    pub(crate) operators: Vec<SharedOperator>,
    /// What lies behind exchanges, if any.
    pub(crate) back: Option<Back>,
}

/// Where rows go in.
pub(crate) struct Input {
    pub(crate) feed: Feed,
    /// Into which stage, at which of its inputs.
    pub(crate) front: usize,
    pub(crate) port: usize,
}

/// A stage that the worker runs, and where what it puts out goes on.
pub(crate) struct Front {
    pub(crate) stage: Stage,
    pub(crate) next: Option<Handle>,
}

/// The part of a dataflow that timely runs.
pub(crate) struct Back {
    pub(crate) probe: ProbeHandle<u64>,
    /// When stages in it want to be told of the end of an epoch.
    pub(crate) deadlines: Vec<Deadline>,
    /// Timely's number for it.
    pub(crate) index: usize,
}

/// How rows of a plan's result are found again.
pub(crate) fn identity_of(plan: &Node) -> Identity {
    let properties = plan.properties();
    match properties.unique {
        _ if properties.append_only => Identity::AppendOnly,
        Some(key) => Identity::Key(key),
        None => Identity::Row,
    }
}

/// Builds `spec` on this worker, whose time is `time`; its first epoch is `first`.
pub(crate) fn build(worker: &mut Worker, spec: &Spec, first: Epoch, time: &Time) -> Result<Built, Fault> {
    let (index_of_worker, workers) = (worker.index(), worker.peers());
    if workers == 1 || !spec.has_exchange() {
        let mut builder = Builder::new(None, spec, first, time, index_of_worker, workers);
        let part = builder.whole()?;
        builder.front(part.stage, part.sources, None);
        let Builder { inputs, fronts, operators, .. } = builder;
        return Ok(Built { inputs, fronts, operators, back: None });
    }
    let index = worker.next_dataflow_index();
    let built = worker.dataflow_named(&spec.name, |scope| {
        let mut builder = Builder::new(Some(scope), spec, first, time, index_of_worker, workers);
        let part = builder.whole()?;
        let probe = ProbeHandle::new();
        let _ = builder.flow(part).changes.probe_with(&probe);
        let Builder { inputs, fronts, operators, deadlines, .. } = builder;
        Ok(Built { inputs, fronts, operators, back: Some(Back { probe, deadlines, index }) })
    });
    if built.is_err() {
        // Of a plan that an operator refuses, timely knows the part before it.
        worker.drop_dataflow(index);
    }
    built
}

/// Whether several workers must bring rows together for a plan's result.
fn has_exchange(node: &Node) -> bool {
    match node {
        Node::Get(_) | Node::Constant(_) => false,
        Node::Filter(filter) => has_exchange(&filter.input),
        Node::Project(project) => has_exchange(&project.input),
        Node::Union(union) => union.inputs.iter().any(has_exchange),
        Node::Join(_) | Node::Aggregate(_) | Node::Distinct(_) => true,
    }
}

/// Operators that need no exchange, and what they read.
struct Part<'scope> {
    stage: Stage,
    /// By input of the stage.
    sources: Vec<Source<'scope>>,
}

/// What a part reads.
enum Source<'scope> {
    Feed(Feed),
    /// Another part, behind an exchange.
    Exchange(Flow<'scope>, ByKey),
}

struct Builder<'a, 'scope> {
    /// Where timely's part is built, if there is any.
    scope: Option<Scope<'scope, u64>>,
    spec: &'a Spec,
    first: Epoch,
    time: &'a Time,
    worker: usize,
    workers: usize,
    inputs: Vec<Input>,
    fronts: Vec<Front>,
    operators: Vec<SharedOperator>,
    deadlines: Vec<Deadline>,
}

impl<'a, 'scope> Builder<'a, 'scope> {
    fn new(
        scope: Option<Scope<'scope, u64>>,
        spec: &'a Spec,
        first: Epoch,
        time: &'a Time,
        worker: usize,
        workers: usize,
    ) -> Builder<'a, 'scope> {
        let (inputs, fronts, operators, deadlines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Builder { scope, spec, first, time, worker, workers, inputs, fronts, operators, deadlines }
    }

    /// The plan and its target.
    fn whole(&mut self) -> Result<Part<'scope>, Fault> {
        let part = self.node(&self.spec.plan)?;
        let part = match self.spec.owner() {
            Some(columns) => self.by_key(part, self.spec.plan.schema(), &columns)?,
            None => part,
        };
        let target: Box<dyn Operator> = match &self.spec.target {
            Target::Relation(relation, make) => make(relation, self.worker),
            Target::Blackhole => Box::new(Blackhole::new(Arc::clone(&self.spec.counters))),
        };
        Ok(self.place("target", target, vec![part]))
    }

    fn node(&mut self, node: &Node) -> Result<Part<'scope>, Fault> {
        Ok(match node {
            Node::Get(get) => self.input(Feed::Relation { id: get.relation, columns: get.columns.clone() }),
            Node::Constant(constant) => self.input(Feed::Constant(ChangeBatch::inserts(constant.rows.clone()))),
            Node::Filter(filter) => {
                let input = self.node(&filter.input)?;
                self.place("filter", Box::new(Filter::new(filter)?), vec![input])
            }
            Node::Project(project) => {
                let input = self.node(&project.input)?;
                self.place("project", Box::new(Project::new(project)?), vec![input])
            }
            Node::Union(union) => {
                let inputs = union.inputs.iter().map(|input| self.node(input)).collect::<Result<_, Fault>>()?;
                self.place("union", Box::new(Union::new(union)), inputs)
            }
            Node::Join(join) => {
                let (left_on, right_on) = join.keys();
                let left = self.node(&join.left)?;
                let right = self.node(&join.right)?;
                let left = self.by_key(left, join.left.schema(), &left_on)?;
                let right = self.by_key(right, join.right.schema(), &right_on)?;
                self.place("join", Box::new(Join::new(join)?), vec![left, right])
            }
            Node::Aggregate(aggregate) => {
                let input = self.node(&aggregate.input)?;
                let input = self.by_key(input, aggregate.input.schema(), &aggregate.keys)?;
                // A key of no columns hashes to zero: that worker has the one group.
                let owns_empty_group = partition_of(0, self.workers) == self.worker;
                let operator = Aggregate::new(aggregate, owns_empty_group)?;
                self.place("aggregate", Box::new(operator), vec![input])
            }
            Node::Distinct(distinct) => {
                let input = self.node(&distinct.input)?;
                let schema = distinct.input.schema();
                let columns = (0..schema.fields().len()).collect::<Vec<_>>();
                let input = self.by_key(input, schema, &columns)?;
                self.place("distinct", Box::new(Distinct::new(distinct)?), vec![input])
            }
        })
    }

    fn input(&self, feed: Feed) -> Part<'scope> {
        Part { stage: Stage::wire(&self.spec.counters), sources: vec![Source::Feed(feed)] }
    }

    fn place(&mut self, name: &'static str, operator: Box<dyn Operator>, parts: Vec<Part<'scope>>) -> Part<'scope> {
        let operator = SharedOperator::new(operator.into());
        let (stages, sources): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (part.stage, part.sources)).unzip();
        let stage = Stage::behind(stages, name, &operator, &self.spec.counters);
        self.operators.push(operator);
        Part { stage, sources: sources.into_iter().flatten().collect() }
    }

    /// Brings each row to the worker that owns its key.
    fn by_key(&mut self, part: Part<'scope>, schema: &SchemaRef, columns: &[usize]) -> Result<Part<'scope>, Fault> {
        if self.workers == 1 {
            return Ok(part);
        }
        let types = columns.iter().map(|&column| schema.field(column).data_type().clone()).collect();
        let by_key = ByKey::new(columns.to_vec(), KeyHasher::new(types)?);
        let flow = self.flow(part);
        Ok(Part { stage: Stage::wire(&self.spec.counters), sources: vec![Source::Exchange(flow, by_key)] })
    }

    /// What a part puts out, for timely.
    fn flow(&mut self, part: Part<'scope>) -> Flow<'scope> {
        let scope = self.scope.expect("what has an exchange has a scope");
        let Part { stage, sources } = part;
        if sources.iter().all(|source| matches!(source, Source::Feed(_))) {
            let (mut next, stream) = scope.new_input_with_builder::<NoBuilder>();
            next.advance_to(self.first.0);
            self.front(stage, sources, Some(next));
            return Flow::new(stream);
        }
        let inputs = sources.into_iter().map(|source| match source {
            Source::Exchange(flow, by_key) => (flow, Route::Exchange(by_key)),
            feed @ Source::Feed(_) => {
                let part = Part { stage: Stage::wire(&self.spec.counters), sources: vec![feed] };
                (self.flow(part), Route::Local)
            }
        });
        let inputs = inputs.collect();
        let (flow, deadline) = connect(scope, &self.spec.name, stage, inputs, self.first, self.time);
        self.deadlines.push(deadline);
        flow
    }

    /// A stage for the worker, which reads feeds alone.
    fn front(&mut self, stage: Stage, sources: Vec<Source<'scope>>, next: Option<Handle>) {
        let front = self.fronts.len();
        self.fronts.push(Front { stage, next });
        for (port, source) in sources.into_iter().enumerate() {
            if let Source::Feed(feed) = source {
                self.inputs.push(Input { feed, front, port });
            }
        }
    }
}
