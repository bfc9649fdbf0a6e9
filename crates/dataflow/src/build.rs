//! From plan to dataflow: one match from plan node to operator.
//!
//! All workers build the same dataflow from the same plan, in the same order, as timely asks for.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use changes::{ChangeBatch, Epoch, KeyHasher, partition_of};
use operators::{Aggregate, Distinct, Fault, Filter, Join, Operator, Project, Union};
use plan::{Node, RelationId};
use state::Identity;
use timely::dataflow::operators::{Input as _, Probe};
use timely::dataflow::{InputHandle, ProbeHandle, Scope};
use timely::worker::Worker;

use crate::adapter::{Flow, Route, SharedOperator, connect};
use crate::exchange::{ByKey, Changes};
use crate::memory::Shares;
use crate::publish::Publish;
use crate::relation::Relation;
use crate::sink::Blackhole;
use crate::statistics::Counters;

pub(crate) type Handle = InputHandle<u64, NoBuilder>;
type NoBuilder = timely::container::NoopBuilder<Changes>;

/// Where a dataflow's output goes.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Into a relation's storage, a partition for each worker.
    Relation(Relation),
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
    /// What its operators hold, a part for each worker.
    pub(crate) memory: Shares,
}

impl Spec {
    /// What readers see of it.
    pub(crate) fn relation(&self) -> Option<&Relation> {
        match &self.target {
            Target::Relation(relation) => Some(relation),
            Target::Blackhole => None,
        }
    }

    /// The relations that it reads.
    pub(crate) fn reads(&self) -> HashSet<RelationId> {
        self.plan.gets().iter().map(|get| get.relation).collect()
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
    pub(crate) inputs: Vec<(Feed, Handle)>,
    pub(crate) operators: Vec<SharedOperator>,
    pub(crate) probe: ProbeHandle<u64>,
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

/// The columns of a plan's result by whose hash its rows lie on their workers, in the hash's order; none if no
/// columns say it.
fn spread_by(node: &Node) -> Option<Vec<usize>> {
    match node {
        Node::Filter(filter) => spread_by(&filter.input),
        Node::Aggregate(aggregate) => Some((0..aggregate.keys.len()).collect()),
        Node::Distinct(distinct) => Some((0..distinct.input.schema().fields().len()).collect()),
        Node::Project(_) | Node::Get(_) | Node::Constant(_) | Node::Union(_) | Node::Join(_) => None,
    }
}

/// Builds `spec` on this worker; its first epoch is `first`.
pub(crate) fn build(worker: &mut Worker, spec: &Spec, first: Epoch) -> Result<Built, Fault> {
    let index = worker.next_dataflow_index();
    let (worker_index, workers) = (worker.index(), worker.peers());
    let built = worker.dataflow_named(&spec.name, |scope| {
        let mut builder =
            Builder { scope, spec, first, worker: worker_index, workers, inputs: Vec::new(), operators: Vec::new() };
        let stream = builder.node(&spec.plan)?;
        let last: Box<dyn Operator> = match &spec.target {
            Target::Relation(relation) => Box::new(Publish::new(relation, worker_index)),
            Target::Blackhole => Box::new(Blackhole::new(Arc::clone(&spec.counters))),
        };
        let route = match spec.target {
            Target::Relation(_) => builder.to_owner(&spec.plan)?,
            Target::Blackhole => Route::Local,
        };
        let stream = builder.place("target", last, vec![(stream, route)]);
        let probe = ProbeHandle::new();
        let _ = stream.changes.probe_with(&probe);
        Ok(Built { inputs: builder.inputs, operators: builder.operators, probe, index })
    });
    if built.is_err() {
        // Of a plan that an operator refuses, timely knows the part before it.
        worker.drop_dataflow(index);
    }
    built
}

struct Builder<'a, 'scope> {
    scope: Scope<'scope, u64>,
    spec: &'a Spec,
    first: Epoch,
    worker: usize,
    workers: usize,
    inputs: Vec<(Feed, Handle)>,
    operators: Vec<SharedOperator>,
}

impl<'scope> Builder<'_, 'scope> {
    fn node(&mut self, node: &Node) -> Result<Flow<'scope>, Fault> {
        Ok(match node {
            Node::Get(get) => self.input(Feed::Relation { id: get.relation, columns: get.columns.clone() }),
            Node::Constant(constant) => self.input(Feed::Constant(ChangeBatch::inserts(constant.rows.clone()))),
            Node::Filter(filter) => {
                let input = self.node(&filter.input)?;
                self.place("filter", Box::new(Filter::new(filter)?), vec![(input, Route::Local)])
            }
            Node::Project(project) => {
                let input = self.node(&project.input)?;
                self.place("project", Box::new(Project::new(project)?), vec![(input, Route::Local)])
            }
            Node::Union(union) => {
                let inputs = union.inputs.iter().map(|input| Ok((self.node(input)?, Route::Local)));
                let inputs = inputs.collect::<Result<_, Fault>>()?;
                self.place("union", Box::new(Union::new(union)), inputs)
            }
            Node::Join(join) => {
                let (left_on, right_on) = join.keys();
                let left = self.node(&join.left)?;
                let right = self.node(&join.right)?;
                let left = (left, self.by_key(join.left.schema(), &left_on)?);
                let right = (right, self.by_key(join.right.schema(), &right_on)?);
                self.place("join", Box::new(Join::new(join)?), vec![left, right])
            }
            Node::Aggregate(aggregate) => {
                let input = self.node(&aggregate.input)?;
                let route = self.by_key(aggregate.input.schema(), &aggregate.keys)?;
                // A key of no columns hashes to zero: that worker has the one group.
                let owns_empty_group = partition_of(0, self.workers) == self.worker;
                let operator = Aggregate::new(aggregate, owns_empty_group)?;
                self.place("aggregate", Box::new(operator), vec![(input, route)])
            }
            Node::Distinct(distinct) => {
                let input = self.node(&distinct.input)?;
                let schema = distinct.input.schema();
                let columns = (0..schema.fields().len()).collect::<Vec<_>>();
                let route = self.by_key(schema, &columns)?;
                self.place("distinct", Box::new(Distinct::new(distinct)?), vec![(input, route)])
            }
        })
    }

    fn input(&mut self, feed: Feed) -> Flow<'scope> {
        let (mut handle, stream) = self.scope.new_input_with_builder::<NoBuilder>();
        handle.advance_to(self.first.0);
        self.inputs.push((feed, handle));
        Flow::new(stream)
    }

    fn place(&mut self, name: &str, operator: Box<dyn Operator>, inputs: Vec<(Flow<'scope>, Route)>) -> Flow<'scope> {
        let operator = SharedOperator::new(operator.into());
        let stream = connect(name, &operator, inputs, self.first, Arc::clone(&self.spec.counters));
        self.operators.push(operator);
        stream
    }

    /// To the worker that owns a row of the result, which is where its retraction must come too, whatever the
    /// number of workers is. Rows that are never retracted may lie anywhere.
    fn to_owner(&self, plan: &Node) -> Result<Route, Fault> {
        let columns = match identity_of(plan) {
            Identity::AppendOnly => return Ok(Route::Local),
            Identity::Key(key) => key,
            Identity::Row => (0..plan.schema().fields().len()).collect(),
        };
        if spread_by(plan).as_ref() == Some(&columns) {
            return Ok(Route::Local);
        }
        self.by_key(plan.schema(), &columns)
    }

    fn by_key(&self, schema: &SchemaRef, columns: &[usize]) -> Result<Route, Fault> {
        if self.workers == 1 {
            return Ok(Route::Local);
        }
        let types = columns.iter().map(|&column| schema.field(column).data_type().clone()).collect();
        Ok(Route::Exchange(ByKey::new(columns.to_vec(), KeyHasher::new(types)?)))
    }
}
