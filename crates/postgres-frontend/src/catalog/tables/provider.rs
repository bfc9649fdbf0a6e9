//! Catalog tables for DataFusion: rows are made when a scan is planned.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, Session, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::{SystemTable, all};
use crate::catalog::cell::{Cell, Row, column};
use crate::catalog::world::Lookup;

/// One of the schemas, for one session.
#[derive(Debug)]
pub(crate) struct SystemSchema {
    name: &'static str,
    lookup: Lookup,
}

impl SystemSchema {
    pub(crate) fn new(name: &'static str, lookup: Lookup) -> Self {
        Self { name, lookup }
    }

    fn tables(&self) -> impl Iterator<Item = &'static SystemTable> {
        all().filter(|table| table.schema == self.name)
    }

    fn find(&self, name: &str) -> Option<&'static SystemTable> {
        self.tables().find(|table| table.name == name)
    }
}

#[async_trait]
impl SchemaProvider for SystemSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables().map(|table| table.name.to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let provider = |table| Arc::new(SystemTableProvider { table, lookup: self.lookup.clone() });
        Ok(self.find(name).map(|table| provider(table) as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}

/// One of the tables, for one session.
struct SystemTableProvider {
    table: &'static SystemTable,
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
        Arc::clone(&self.table.arrow)
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
        let batch = self.table.batch(rows)?;
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], self.schema(), projection.cloned())?)
    }
}

impl SystemTable {
    /// Rows as one batch, with defaults for what they do not say.
    pub(super) fn batch(&self, rows: Vec<Row>) -> Result<RecordBatch> {
        let mut columns: Vec<Vec<Cell>> =
            self.columns.iter().map(|column| vec![column.default.clone(); rows.len()]).collect();
        for (index, row) in rows.into_iter().enumerate() {
            for (name, cell) in row {
                let position = self
                    .columns
                    .iter()
                    .position(|column| column.name == name)
                    .ok_or_else(|| DataFusionError::Internal(format!("{} has no column {name}", self.name)))?;
                columns[position][index] = cell;
            }
        }
        let columns = columns.iter().zip(self.arrow.fields()).map(|(cells, field)| column(cells, field.data_type()));
        Ok(RecordBatch::try_new(Arc::clone(&self.arrow), columns.collect::<Result<_>>()?)?)
    }
}
