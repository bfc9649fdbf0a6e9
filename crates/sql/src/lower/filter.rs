//! `WHERE`, `HAVING`.

use datafusion::logical_expr::Filter;
use plan::Node;

use super::{Lowering, build};
use crate::Error;

impl Lowering<'_> {
    pub(super) fn filter(&self, filter: &Filter) -> Result<Node, Error> {
        let predicate = self.condition(&filter.predicate, filter.input.schema())?;
        build::filter(self.node(&filter.input)?, &predicate)
    }
}
