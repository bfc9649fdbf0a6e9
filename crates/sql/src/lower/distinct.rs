//! `SELECT DISTINCT`, and `UNION` without `ALL`.

use datafusion::logical_expr::Distinct;
use plan::Node;

use super::{Lowering, check_storable, refused};
use crate::Error;

impl Lowering<'_> {
    pub(super) fn distinct(&self, distinct: &Distinct) -> Result<Node, Error> {
        match distinct {
            Distinct::All(input) => {
                let input = self.node(input)?;
                for field in input.schema().fields() {
                    check_storable(field.data_type())?;
                }
                Ok(Node::Distinct(plan::Distinct { input: Box::new(input) }))
            }
            Distinct::On(_) => Err(refused("DISTINCT ON")),
        }
    }
}
