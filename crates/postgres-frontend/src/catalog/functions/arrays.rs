//! Functions of arrays that DataFusion lacks or has with another meaning.

use super::{Definition, function, strict};
use crate::catalog::cell::{Cell, Kind};

pub(super) fn functions() -> Vec<Definition> {
    vec![
        // Arrays here have one dimension and count from 1. The bounds are wider than in Postgres, as
        // generate_series wants them.
        strict("array_upper", 2..=2, Kind::Int8, |_, cells| {
            Ok(match (&cells[0], cells[1].int()) {
                (Cell::List(list), Some(1)) if !list.is_empty() => (list.len() as i64).into(),
                _ => Cell::Null,
            })
        }),
        strict("array_lower", 2..=2, Kind::Int8, |_, cells| {
            Ok(match (&cells[0], cells[1].int()) {
                (Cell::List(list), Some(1)) if !list.is_empty() => 1.into(),
                _ => Cell::Null,
            })
        }),
        // What `unnest` takes apart, in place of generate_subscripts.
        strict("array_subscripts", 2..=2, Kind::Int2Array, |_, cells| {
            Ok(match &cells[0] {
                Cell::List(list) => (1..=list.len() as i64).collect::<Vec<_>>().into(),
                _ => Cell::Null,
            })
        }),
        // In place of ARRAY(SELECT ...), which is never null.
        function("array_or_empty", 1..=1, Kind::TextArray, |_, cells| {
            Ok(match &cells[0] {
                Cell::Null => Cell::List(Vec::new()),
                list => list.clone(),
            })
        }),
        // Text arrays alone, which is what the catalogs have.
        strict("catalog_array_remove", 2..=2, Kind::TextArray, |_, cells| {
            Ok(match &cells[0] {
                Cell::List(list) => Cell::List(list.iter().filter(|element| **element != cells[1]).cloned().collect()),
                _ => Cell::Null,
            })
        }),
    ]
}
