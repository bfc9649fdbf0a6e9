use super::*;
use arrow::array::{Float64Array, Int64Array, StringArray};

fn assign(groups: &mut Groups, keys: &[ArrayRef]) -> Vec<u32> {
    let mut assigned = Vec::new();
    groups.assign(keys, keys[0].len(), &mut assigned).expect("assigns");
    assigned
}

fn integers(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

#[test]
fn equal_keys_share_a_group_and_null_is_a_key() {
    let mut groups = Groups::new(vec![DataType::Int64]).expect("groups");
    let keys = integers(&[Some(7), None, Some(0), Some(7), None]);
    assert_eq!(assign(&mut groups, std::slice::from_ref(&keys)), [0, 1, 2, 0, 1]);
    assert_eq!(assign(&mut groups, &[integers(&[Some(0), Some(8)])]), [2, 3]);
    assert_eq!(groups.keys(&[1, 3, 0]).expect("keys")[0].as_ref(), integers(&[None, Some(8), Some(7)]).as_ref());
}

#[test]
fn floats_that_are_equal_are_one_key() {
    let mut groups = Groups::new(vec![DataType::Float64]).expect("groups");
    let keys = Float64Array::from(vec![0.0, -0.0, f64::NAN, -f64::NAN, 1.0]);
    assert_eq!(assign(&mut groups, &[Arc::new(keys)]), [0, 0, 1, 1, 2]);
}

#[test]
fn several_columns_are_told_apart() {
    let mut groups = Groups::new(vec![DataType::Utf8, DataType::Int64]).expect("groups");
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some(""), None, Some("a"), Some("a")]));
    let numbers = integers(&[Some(1), Some(1), Some(1), None, Some(1)]);
    assert_eq!(assign(&mut groups, &[names, numbers]), [0, 1, 2, 3, 0]);
}

#[test]
fn kept_groups_are_renamed_and_found_again() {
    for types in [vec![DataType::Int64], vec![DataType::Int64, DataType::Int64]] {
        let mut groups = Groups::new(types.clone()).expect("groups");
        let keys = |range: std::ops::Range<i64>| {
            let column: ArrayRef = Arc::new(Int64Array::from_iter(range.map(|key| (key != 500).then_some(key))));
            vec![column; types.len()]
        };
        assert_eq!(assign(&mut groups, &keys(0..1000)), (0..1000).collect::<Vec<_>>());
        groups.keep(&(500..1000).collect::<Vec<_>>());
        assert_eq!(groups.len(), 500);
        assert_eq!(assign(&mut groups, &keys(500..1000)), (0..500).collect::<Vec<_>>());
        assert_eq!(assign(&mut groups, &keys(0..2)), [500, 501]);
        assert_eq!(
            groups.keys(&[0, 1, 501]).expect("keys")[0].as_ref(),
            integers(&[None, Some(501), Some(1)]).as_ref()
        );
    }
}

#[test]
fn saved_keys_are_known_again() {
    let mut groups = Groups::new(vec![DataType::Int64]).expect("groups");
    assign(&mut groups, &[integers(&[Some(5), None])]);
    let mut other = Groups::new(vec![DataType::Int64]).expect("groups");
    let mut assigned = Vec::new();
    other.assign_saved(&[groups.key(1), groups.key(0)], &mut assigned).expect("assigns");
    assert_eq!(assigned, [0, 1]);
    assert_eq!(assign(&mut other, &[integers(&[Some(5), None])]), [1, 0]);
}

#[test]
fn the_empty_key_is_one_group() {
    let mut groups = Groups::new(vec![]).expect("groups");
    let mut assigned = Vec::new();
    groups.assign(&[], 3, &mut assigned).expect("assigns");
    assert_eq!(assigned, [0, 0, 0]);
    assert_eq!((groups.len(), groups.key(0)), (1, [].as_slice()));
}
