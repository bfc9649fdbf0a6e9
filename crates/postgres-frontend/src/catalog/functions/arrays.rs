//! Functions of arrays that DataFusion lacks or has with another meaning.

use super::{Definition, function, strict};
use crate::catalog::cell::{Cell, Kind};

pub(super) fn functions() -> Vec<Definition> {
    vec![
        // Arrays here have one dimension and count from 1.
        strict("array_upper", 2..=2, Kind::Int4, |_, cells| {
            Ok(match (&cells[0], cells[1].int()) {
                (Cell::List(list), Some(1)) if !list.is_empty() => (list.len() as i64).into(),
                _ => Cell::Null,
            })
        }),
        strict("array_lower", 2..=2, Kind::Int4, |_, cells| {
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
        strict("array_remove", 2..=2, Kind::TextArray, |_, cells| {
            Ok(match &cells[0] {
                Cell::List(list) => Cell::List(list.iter().filter(|element| **element != cells[1]).cloned().collect()),
                _ => Cell::Null,
            })
        }),
        function("array_to_string", 2..=3, Kind::Text, |_, cells| {
            let (Cell::List(list), Some(delimiter)) = (&cells[0], cells[1].text()) else { return Ok(Cell::Null) };
            let null = cells.get(2).and_then(Cell::text);
            let shown = list.iter().filter_map(|element| match element {
                Cell::Null => null.map(str::to_owned),
                Cell::Text(text) => Some(text.clone()),
                Cell::Int(value) => Some(value.to_string()),
                Cell::Bool(value) => Some(if *value { "t" } else { "f" }.to_owned()),
                Cell::Real(value) => Some(value.to_string()),
                Cell::List(_) => None,
            });
            Ok(shown.collect::<Vec<_>>().join(delimiter).into())
        }),
    ]
}
