//! The sources that somebody reads, a pump each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use changes::Epoch;
use plan::RelationId;
use state::{Budget, Owner};

use crate::clock::Request;
use crate::source::Pump;
use crate::transaction::Tables;

/// The pumps, by their source.
pub(crate) struct Sources {
    pumps: HashMap<RelationId, Pump>,
    budget: Budget,
    /// To wake the clock.
    wake: Sender<Request>,
}

impl Sources {
    pub(crate) fn new(budget: Budget, wake: Sender<Request>) -> Sources {
        Sources { pumps: HashMap::new(), budget, wake }
    }

    /// Starts the sources among `read`, and stops those that nobody reads any more. They begin where
    /// they were at `now`.
    pub(crate) fn read_only(&mut self, read: &HashSet<RelationId>, tables: &Tables, now: Epoch) {
        self.pumps.retain(|id, _| read.contains(id));
        for id in read {
            let Some(relation) = tables.relation(*id).filter(|_| !self.pumps.contains_key(id)) else {
                continue;
            };
            let Some(source) = relation.source() else {
                continue;
            };
            let account = self.budget.open(Owner::Queue, relation.counters().name());
            match Pump::start(Arc::clone(source), relation.position_at(now), account, self.wake.clone()) {
                Ok(pump) => {
                    self.pumps.insert(*id, pump);
                }
                Err(error) => tracing::error!(%error, relation = %id, "no thread for the source"),
            }
        }
    }

    /// Adds what has come to the epoch in progress.
    pub(crate) fn take(&mut self, epoch: Epoch, tables: &mut Tables, changed: &mut HashSet<RelationId>) {
        let mut has_more = false;
        for (id, pump) in &mut self.pumps {
            if let Some(taken) = pump.take() {
                has_more = true;
                tables.append(epoch, *id, taken, changed);
            }
        }
        if has_more {
            // There may be more than one epoch took.
            let _ = self.wake.send(Request::Wake);
        }
    }

    /// Whether all that have an end have been read to it.
    pub(crate) fn have_ended(&self, tables: &Tables) -> bool {
        let is_finite =
            |id| tables.relation(id).and_then(|relation| relation.source()).is_some_and(|one| one.is_finite());
        self.pumps.iter().all(|(id, pump)| pump.has_ended || !is_finite(*id))
    }
}
