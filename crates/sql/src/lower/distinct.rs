//! `SELECT DISTINCT`, and `UNION` without `ALL`.

use datafusion::logical_expr::Distinct;
use plan::Node;

use super::{Lowering, refused};
use crate::Error;

impl Lowering<'_> {
    pub(super) fn distinct(&self, distinct: &Distinct) -> Result<Node, Error> {
        match distinct {
            Distinct::All(input) => Ok(Node::Distinct(plan::Distinct { input: Box::new(self.node(input)?) })),
            Distinct::On(_) => Err(refused("DISTINCT ON")),
        }
    }
}
