//! Catalog tables for DataFusion: rows are made when a scan is planned.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema as ArrowSchema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, Session, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::{Schema, SystemTable};
use crate::catalog::cell::{Cell, column};
use crate::catalog::world::Lookup;

/// One of the schemas, for one session.
#[derive(Debug)]
pub(crate) struct SystemSchema {
    tables: BTreeMap<&'static str, Arc<SystemTableProvider>>,
}

impl SystemSchema {
    pub(crate) fn new(schema: &Schema, lookup: Lookup) -> Self {
        let tables = schema.tables().map(|table| {
            let fields: Vec<_> = table.columns.iter().map(|(name, kind)| kind.field(name)).collect();
            let schema = Arc::new(ArrowSchema::new(fields));
            (table.name, Arc::new(SystemTableProvider { table, schema, lookup: lookup.clone() }))
        });
        Self { tables: tables.collect() }
    }
}

#[async_trait]
impl SchemaProvider for SystemSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.keys().map(|name| (*name).to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(self.tables.get(name).map(|table| Arc::clone(table) as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }
}

/// One of the tables, for one session.
struct SystemTableProvider {
    table: &'static SystemTable,
    schema: SchemaRef,
    lookup: Lookup,
}

impl std::fmt::Debug for SystemTableProvider {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("SystemTableProvider").field(&self.table.name).finish()
    }
}

#[async_trait]
impl TableProvider for SystemTableProvider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = (self.table.rows)(&self.lookup.world());
        let batch = batch(&rows, &self.schema)?;
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], Arc::clone(&self.schema), projection.cloned())?)
    }
}

/// Rows as one batch.
fn batch(rows: &[Vec<Cell>], schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let cells: Vec<Cell> = rows.iter().map(|row| row.get(index).cloned().unwrap_or(Cell::Null)).collect();
            column(&cells, field.data_type())
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
