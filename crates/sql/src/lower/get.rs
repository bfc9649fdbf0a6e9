//! A scan of a relation.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::TableScan;
use datafusion::physical_expr::expressions::Column;
use plan::{Get, Node, Properties};

use super::expression::Expression;
use super::{Lowering, build, refused};
use crate::Error;

impl Lowering<'_> {
    pub(super) fn get(&self, scan: &TableScan) -> Result<Node, Error> {
        if scan.fetch.is_some() {
            return Err(refused("LIMIT"));
        }
        let Some(relation) = self.relations.get(&scan.table_name) else {
            return Err(refused(&format!("reading {}", scan.table_name)));
        };
        let width = relation.schema.fields().len();
        let projection = scan.projection.clone().unwrap_or_else(|| (0..width).collect());
        // A row must have some column to be there.
        let mut columns = if projection.is_empty() { vec![0] } else { projection.clone() };
        if !scan.filters.is_empty() {
            // Filters may read what the scan then leaves out.
            columns = (0..width).collect();
        }
        let place = |column: &usize| columns.iter().position(|kept| kept == column);
        let unique = relation.properties.unique.as_ref().and_then(|key| key.iter().map(place).collect());
        let mut node = Node::Get(Get {
            relation: relation.id,
            name: scan.table_name.table().to_owned(),
            schema: build::select(&relation.schema, columns.iter().copied()),
            properties: Properties { unique, append_only: relation.properties.append_only },
            columns,
        });
        if scan.filters.is_empty() {
            return Ok(node);
        }
        let schema = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?;
        for filter in &scan.filters {
            node = build::filter(node, &self.condition(filter, &schema)?)?;
        }
        let expressions = projection
            .iter()
            .map(|&column| Arc::new(Column::new(relation.schema.field(column).name(), column)) as Expression);
        build::project(node, expressions.collect(), Arc::clone(scan.projected_schema.inner()))
    }
}
