use std::collections::HashMap;

use arrow::array::{
    BooleanArray, Decimal128Array, FixedSizeBinaryArray, Float64Array, Int64Array, ListArray, StringArray,
};
use arrow::datatypes::Int32Type;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use arrow::array::Array;
use arrow::compute;

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

fn sequence(range: std::ops::Range<i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter(range.map(|key| (key != 500).then_some(key))))
}

#[test]
fn released_numbers_are_given_to_others() {
    for columns in [1, 2] {
        let mut groups = Groups::new(vec![DataType::Int64; columns]).expect("groups");
        let keys = |range| vec![sequence(range); columns];
        assert_eq!(assign(&mut groups, &keys(0..1000)), (0..1000).collect::<Vec<_>>());
        groups.release(&(0..700).collect::<Vec<_>>());
        assert_eq!(groups.len(), 300);
        assert_eq!(assign(&mut groups, &keys(700..1000)), (700..1000).collect::<Vec<_>>());
        let mut again = assign(&mut groups, &keys(0..700));
        assert_eq!(groups.keys(&again).expect("keys")[0].as_ref(), sequence(0..700).as_ref());
        again.sort_unstable();
        assert_eq!(again, (0..700).collect::<Vec<_>>());
    }
}

#[test]
fn groups_come_and_go_as_in_a_map() {
    let mut random = StdRng::seed_from_u64(7);
    for keys_max in [20, 2_000, 100_000] {
        let mut groups = Groups::new(vec![DataType::Int64, DataType::Utf8]).expect("groups");
        let (mut model, mut room) = (HashMap::<i64, u32>::new(), Pages::<i64>::default());
        for _ in 0..40 {
            let length = random.random_range(0..keys_max / 4);
            let keys = (0..length).map(|_| random.random_range(0..keys_max as i64)).collect::<Vec<_>>();
            let texts = keys.iter().map(|key| Some("x".repeat((key % 40) as usize))).collect::<StringArray>();
            let columns: [ArrayRef; 2] = [Arc::new(Int64Array::from(keys.clone())), Arc::new(texts)];
            let assigned = assign(&mut groups, &columns);
            groups.take_rooms().into_iter().for_each(|change| room.set_room(change));
            for (key, group) in keys.iter().zip(assigned) {
                match model.get(key) {
                    Some(known) => assert_eq!((*known, room[group]), (group, *key)),
                    None => room[group] = *key,
                }
                model.insert(*key, group);
            }
            let share = random.random_range(0.0..0.6);
            let gone = model.iter().filter(|_| random.random_bool(share)).map(|(key, _)| *key).collect::<Vec<_>>();
            let numbers = gone.iter().map(|key| model.remove(key).expect("is there")).collect::<Vec<_>>();
            groups.release(&numbers);
            groups.take_rooms().into_iter().for_each(|change| room.set_room(change));
            assert_eq!(groups.len(), model.len());
            assert!(model.iter().all(|(key, group)| room[*group] == *key));
        }
    }
}

#[test]
fn work_follows_the_change_and_not_the_groups() {
    let work = [10_000, 100_000, 1_000_000].map(|keys| {
        let mut groups = Groups::new(vec![DataType::Int64]).expect("groups");
        for start in (0..keys).step_by(10_000) {
            assign(&mut groups, &[sequence(start..start + 10_000)]);
        }
        work::take_groups();
        // A hundred that are known, a hundred that go, and as many that come.
        assign(&mut groups, &[sequence(1000..1100)]);
        let gone = assign(&mut groups, &[sequence(2000..2100)]);
        groups.release(&gone);
        assign(&mut groups, &[sequence(keys..keys + 100)]);
        work::take_groups()
    });
    // A part of the table may have grown meanwhile.
    assert!(work.iter().all(|work| (400..8_000).contains(work)), "{work:?} groups");
}

#[test]
fn parts_do_not_grow_or_shrink_all_at_once() {
    let mut groups = Groups::new(vec![DataType::Int64]).expect("groups");
    const STEP: usize = 10_000;
    let mut living = Vec::new();
    let is_steady = |living: usize| {
        let moved = work::take_groups();
        assert!(living < 10 * STEP || moved < 8 * STEP, "{moved} groups were moved for {STEP} of {living}");
    };
    for start in (0..2_000_000).step_by(STEP) {
        living.extend(assign(&mut groups, &[sequence(start..start + STEP as i64)]));
        is_steady(living.len());
    }
    // In no order that the table knows of.
    while !living.is_empty() {
        groups.release(&living.split_off(living.len() - STEP));
        is_steady(living.len());
    }
}

#[test]
fn memory_is_given_back() {
    let mut groups = Groups::new(vec![DataType::Int64]).expect("groups");
    assign(&mut groups, &[sequence(0..10)]);
    let few = groups.bytes();
    assert!(few < 2000, "{few} bytes for 10 groups");
    let many = assign(&mut groups, &[sequence(10..100_000)]);
    let most = groups.bytes();
    groups.release(&many);
    assert!(groups.bytes() < most / 20, "{} of {most} bytes", groups.bytes());
}

#[test]
fn keys_of_any_type_come_back() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some(""), Some("a long text, not short")]));
    let as_type = |data_type| compute::cast(&texts, &data_type).expect("casts");
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)]), None, Some(vec![]), None]);
    let columns: Vec<ArrayRef> = vec![
        as_type(DataType::Utf8View),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)])),
        Arc::new(list),
        as_type(DataType::Binary),
        Arc::new(Float64Array::from(vec![Some(1.5), None, Some(-2.0), Some(0.0)])),
        Arc::new(Decimal128Array::from(vec![Some(7), None, Some(-7), Some(i128::MAX)])),
        Arc::new(
            FixedSizeBinaryArray::try_from(vec![b"abc".as_slice(), b"abd", b"\0\0\0", b"abc"]).expect("of one width"),
        ),
        as_type(DataType::LargeUtf8),
        integers(&[Some(1), None, Some(3), Some(4)]),
    ];
    let types = columns.iter().map(|column| column.data_type().clone()).collect::<Vec<_>>();
    let mut groups = Groups::new(types.clone()).expect("groups");
    let assigned = assign(&mut groups, &columns);
    assert_eq!(assigned, [0, 1, 2, 3]);
    assert_eq!(groups.keys(&assigned).expect("keys"), columns);
    let (mut other, mut restored) = (Groups::new(types).expect("groups"), Vec::new());
    let saved = assigned.iter().map(|&group| groups.key(group)).collect::<Vec<_>>();
    other.assign_saved(&saved, &mut restored).expect("assigns");
    assert_eq!(assign(&mut other, &columns), restored);
    assert!(other.assign_saved(&[b"x"], &mut restored).is_err());
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
