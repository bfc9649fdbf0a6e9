//! From a bound query to a plan that is maintained, and dataflows that are not forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;

use dataflow::Runtime;
use datafusion::common::TableReference;
use datafusion::sql::sqlparser::ast;
use plan::{Node, RelationId};
use sql::{RelationInfo, Relations};

use crate::Error;
use crate::bind::Binder;
use crate::catalog::CatalogSnapshot;
use crate::read::Reader;

/// A view's plan, and the OIDs of the objects that its query names.
pub(crate) struct ViewPlan {
    pub(crate) node: Node,
    pub(crate) reads: BTreeSet<u32>,
}

/// Plans `query` for maintenance, on the pool. `columns`: names for the result's columns, as far as they go.
///
/// # Errors
/// 0A000 for what has no incremental form yet, and all that binding gives.
pub(crate) async fn plan_view(
    binder: &Binder,
    reader: &Reader,
    query: &ast::Query,
    columns: &[String],
) -> Result<ViewPlan, Error> {
    let reader = Arc::new(reader.clone().for_view());
    let pool = binder.pool()?;
    let (binder, query, columns) = (binder.clone(), query.clone(), columns.to_vec());
    let plan = async move {
        let bound = binder.bind(&query, &reader, vec![]).await?;
        let state = binder.state();
        let plan = sql::name_columns(bound.plan, &columns)?;
        let plan = sql::analyse(plan, state)?;
        sql::check_deterministic(&plan)?;
        let plan = sql::optimise_for_view(plan, state)?;
        let node = sql::lower(&plan, state, &Known(&reader.catalog))?;
        Ok(ViewPlan { node, reads: bound.reads })
    };
    pool.plan(plan).await
}

/// What the catalog tells of relations.
struct Known<'a>(&'a CatalogSnapshot);

impl Relations for Known<'_> {
    fn get(&self, table: &TableReference) -> Option<RelationInfo> {
        let entry = self.0.find_public(table.table())?;
        let relation = entry.relation.as_ref()?;
        Some(RelationInfo {
            id: relation.id(),
            schema: Arc::clone(&entry.object.columns),
            properties: entry.properties.clone(),
        })
    }
}

/// A dataflow that nobody has a name for yet, or ever will: it is dropped with its last user.
pub(crate) struct Unnamed {
    runtime: Runtime,
    id: Option<RelationId>,
}

impl Unnamed {
    pub(crate) fn new(runtime: &Runtime, id: RelationId) -> Unnamed {
        Unnamed { runtime: runtime.clone(), id: Some(id) }
    }

    /// It is in the catalog now, or was never started.
    pub(crate) fn keep(mut self) {
        self.id = None;
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.runtime.discard(vec![id]);
        }
    }
}
