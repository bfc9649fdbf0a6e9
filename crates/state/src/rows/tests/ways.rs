//! The ways in which rows are found: several look-ups, and an order, against searching a list.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::compute::SortOptions;
use changes::Epoch;

use super::{Row, batch, rows_of, schema, sorted};
use crate::rows::{Identity, LookUp, Order, OrderKey, Pairs, RowId, Rows, SortColumn, Walk};

/// Those that a history's rows have beside their identity.
#[derive(Clone, Copy)]
pub(super) struct Ways {
    /// A null is never found.
    by_name: LookUp,
    by_key: LookUp,
    /// A null equals null.
    by_both: LookUp,
    /// By name, the last first and null before all, and then by key.
    order: Order,
}

impl Ways {
    pub(super) fn add(rows: &mut Rows) -> Ways {
        let column = |column, descending| SortColumn { column, options: SortOptions { descending, nulls_first: true } };
        Ways {
            by_name: rows.add_lookup(vec![1], vec![0]).expect("hashed"),
            by_key: rows.add_lookup(vec![0], vec![0]).expect("hashed"),
            by_both: rows.add_lookup(vec![1, 0], vec![1]).expect("hashed"),
            order: rows.add_order(&[column(1, true), column(0, false)]).expect("sorted"),
        }
    }

    /// All of them find what there is.
    pub(super) fn check(self, rows: &Rows, living: &[Row]) {
        let names: ArrayRef = Arc::new(StringArray::from(vec![Some("n1"), None, Some("n3"), Some("never")]));
        let of = |name: &str| living.iter().filter(|row| row.1.as_deref() == Some(name)).cloned().collect::<Vec<_>>();
        assert_eq!(found(rows, self.by_name, vec![names]), sorted([of("n1"), of("n3")].concat()));
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..5));
        let of_keys = living.iter().filter(|row| row.0 < 5).cloned().collect::<Vec<_>>();
        assert_eq!(found(rows, self.by_key, vec![keys.clone()]), sorted(of_keys));
        let nulls: ArrayRef = Arc::new(StringArray::new_null(5));
        let of_nulls = living.iter().filter(|row| row.0 < 5 && row.1.is_none()).cloned().collect::<Vec<_>>();
        assert_eq!(found(rows, self.by_both, vec![nulls, keys]), sorted(of_nulls));
        self.check_order(rows, living);
    }

    fn check_order(self, rows: &Rows, living: &[Row]) {
        let mut ordered = living.to_vec();
        ordered.sort_by(|left, right| by_name(left, &right.1).then(left.0.cmp(&right.0)));
        assert_eq!(walked(rows, rows.walk(self.order, Bound::Unbounded, Bound::Unbounded)), ordered);
        let names = [Some("n3"), Some("n1"), None].map(|name| name.map(str::to_owned));
        let keys: ArrayRef = Arc::new(StringArray::from(names.to_vec()));
        let keys = rows.order_keys(self.order, &[keys]).expect("keys");
        for (first, from) in names.iter().zip(&keys) {
            for (last, to) in names.iter().zip(&keys) {
                for (starts, from) in ends(from, [Ordering::Equal, Ordering::Greater]) {
                    for (stops, to) in ends(to, [Ordering::Equal, Ordering::Less]) {
                        let is_in = |row: &&Row| {
                            (starts.contains(&by_name(row, first)) || by_name(row, first) == Ordering::Greater)
                                && (stops.contains(&by_name(row, last)) || by_name(row, last) == Ordering::Less)
                        };
                        let wanted = ordered.iter().filter(is_in).cloned().collect::<Vec<_>>();
                        assert_eq!(walked(rows, rows.walk(self.order, from, to)), wanted, "{first:?} to {last:?}");
                    }
                }
            }
        }
    }
}

/// Including the key and without it, and how a row may compare with it there.
fn ends(key: &OrderKey, [equal, beyond]: [Ordering; 2]) -> [(Vec<Ordering>, Bound<&OrderKey>); 2] {
    [(vec![equal, beyond], Bound::Included(key)), (vec![beyond], Bound::Excluded(key))]
}

/// Where a row is relative to those of a name: the last name first, null before all.
fn by_name(row: &Row, name: &Option<String>) -> Ordering {
    row.1.is_some().cmp(&name.is_some()).then(name.cmp(&row.1))
}

fn found(rows: &Rows, lookup: LookUp, keys: Vec<ArrayRef>) -> Vec<Row> {
    let count = keys[0].len();
    let mut probe = rows.probe(lookup, keys, count).expect("probes");
    let (mut pairs, mut found) = (Pairs::default(), Vec::new());
    while !probe.is_done() {
        rows.next_pairs(&mut probe, 3, &mut pairs).expect("finds pairs");
        assert!(pairs.ids.len() <= 3);
        found.extend(gathered(rows, &pairs.ids));
    }
    sorted(found)
}

fn walked(rows: &Rows, mut walk: Walk) -> Vec<Row> {
    let (mut ids, mut found) = (Vec::new(), Vec::new());
    while !walk.is_done() {
        rows.next_in_order(&mut walk, 3, &mut ids);
        assert!(ids.len() <= 3);
        found.extend(gathered(rows, &ids));
    }
    found
}

fn gathered(rows: &Rows, ids: &[RowId]) -> Vec<Row> {
    let gathered = rows.gather(ids, &[0, 1]).expect("gathers");
    rows_of(&RecordBatch::try_new(schema(), gathered).expect("two columns"))
}

#[test]
fn a_walk_goes_on_where_it_was_when_rows_change() {
    let row = |key: i64| (key, Some("n".to_owned()));
    let mut rows = Rows::new(schema(), Identity::Row).expect("hashed");
    let order = Ways::add(&mut rows).order;
    rows.insert(Epoch(1), &batch(&[row(5), row(1), row(3), row(7)])).expect("inserts");
    let mut walk = rows.walk(order, Bound::Unbounded, Bound::Unbounded);
    let mut ids = Vec::new();
    rows.next_in_order(&mut walk, 2, &mut ids);
    assert_eq!(gathered(&rows, &ids), [row(1), row(3)]);
    rows.delete(Epoch(2), &batch(&[row(3), row(5)])).expect("deletes");
    rows.insert(Epoch(2), &batch(&[row(2), row(6), row(3)])).expect("inserts");
    // The other 3 is younger than the one at which the walk was.
    assert_eq!(walked(&rows, walk), [row(3), row(6), row(7)]);
}

#[test]
fn equal_floats_are_one_in_an_order() {
    use arrow::array::Float64Array;
    use arrow::datatypes::{DataType, Field, Schema};
    let values = [f64::NAN, 0.0, -1.0, -0.0, -f64::NAN, f64::INFINITY];
    let column: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
    let schema = Arc::new(Schema::new(vec![Field::new("f", DataType::Float64, false)]));
    let mut rows = Rows::new(schema.clone(), Identity::Row).expect("hashed");
    let order = rows.add_order(&[SortColumn { column: 0, options: SortOptions::default() }]).expect("sorted");
    let first = rows.insert(Epoch(1), &RecordBatch::try_new(schema, vec![column.clone()]).expect("one column"));
    assert_eq!(first.expect("inserts"), 0..6);
    let keys = rows.order_keys(order, &[column]).expect("keys");
    let mut ids = Vec::new();
    rows.next_in_order(&mut rows.walk(order, Bound::Unbounded, Bound::Unbounded), 9, &mut ids);
    assert_eq!(ids, [2, 1, 3, 5, 0, 4]);
    rows.next_in_order(&mut rows.walk(order, Bound::Included(&keys[3]), Bound::Included(&keys[1])), 9, &mut ids);
    assert_eq!(ids, [1, 3]);
}
