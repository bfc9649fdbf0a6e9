//! What is known about a node's rows without looking at them. Operators drop state and work by it.

use crate::{AggregateFunction, Node};

/// Facts that hold for a node's output at every epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// No row ever goes: all diffs are +1.
    pub append_only: bool,
    /// Columns whose values together occur in at most one row. `Some(vec![])`: at most one row.
    pub unique: Option<Vec<usize>>,
}

impl Node {
    /// The columns by whose hash, in this order, the rows of the result lie on the workers; none if no columns say it.
    #[must_use]
    pub fn spread_by(&self) -> Option<Vec<usize>> {
        match self {
            // A relation's rows lie where the hash of its key says.
            Node::Get(get) => get.properties.unique.clone().filter(|_| !get.properties.append_only),
            Node::Filter(filter) => filter.input.spread_by(),
            Node::Project(project) => {
                let place = |column: &usize| {
                    project.expressions.iter().position(|expression| column_of(expression) == Some(*column))
                };
                project.input.spread_by()?.iter().map(place).collect()
            }
            Node::Aggregate(aggregate) => Some((0..aggregate.keys.len()).collect()),
            Node::Distinct(distinct) => Some((0..distinct.input.schema().fields().len()).collect()),
            Node::Constant(_) | Node::Union(_) | Node::Join(_) => None,
        }
    }

    /// What is known of this node's rows.
    #[must_use]
    pub fn properties(&self) -> Properties {
        match self {
            Node::Get(get) => get.properties.clone(),
            Node::Constant(_) => Properties { append_only: true, unique: None },
            Node::Filter(filter) => filter.input.properties(),
            Node::Project(project) => {
                let input = project.input.properties();
                let place = |column: &usize| {
                    project.expressions.iter().position(|expression| column_of(expression) == Some(*column))
                };
                let unique = input.unique.and_then(|key| key.iter().map(place).collect());
                Properties { append_only: input.append_only, unique }
            }
            Node::Union(union) => Properties {
                append_only: union.inputs.iter().all(|input| input.properties().append_only),
                unique: None,
            },
            Node::Join(join) => {
                let (left, right) = (join.left.properties(), join.right.properties());
                let width = join.left.schema().fields().len();
                // A pair is known by both its rows; where a side's own key is joined on, the
                // other side's key alone will do.
                let is_key_joined = |unique: &Option<Vec<usize>>, joined: &[usize]| {
                    unique.as_ref().is_some_and(|key| key.iter().all(|column| joined.contains(column)))
                };
                let (left_on, right_on) = join.keys();
                let left_key = left.unique.clone();
                let right_key = right.unique.clone().map(|key| key.iter().map(|column| column + width).collect());
                let pair: Option<Vec<usize>> = if is_key_joined(&right.unique, &right_on) {
                    left_key
                } else if is_key_joined(&left.unique, &left_on) {
                    right_key
                } else {
                    left_key.zip(right_key).map(|(left, right): (Vec<_>, Vec<_>)| [left, right].concat())
                };
                let place = |column: &usize| join.output.iter().position(|output| output == column);
                Properties {
                    append_only: left.append_only && right.append_only,
                    unique: pair.and_then(|key| key.iter().map(place).collect()),
                }
            }
            Node::Aggregate(aggregate) => {
                Properties { append_only: false, unique: Some((0..aggregate.keys.len()).collect()) }
            }
            Node::Distinct(distinct) => Properties {
                append_only: distinct.input.properties().append_only,
                unique: Some((0..distinct.input.schema().fields().len()).collect()),
            },
        }
    }
}

impl AggregateFunction {
    /// Whether the function needs to remember every argument if rows can go.
    #[must_use]
    pub fn is_order_based(self) -> bool {
        matches!(self, AggregateFunction::Min | AggregateFunction::Max)
    }
}

fn column_of(expression: &std::sync::Arc<dyn datafusion::physical_plan::PhysicalExpr>) -> Option<usize> {
    expression
        .downcast_ref::<datafusion::physical_expr::expressions::Column>()
        .map(datafusion::physical_expr::expressions::Column::index)
}
