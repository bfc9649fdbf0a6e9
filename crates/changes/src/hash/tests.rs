use std::sync::Arc;

use arrow::array::{
    Decimal128Array, DurationMicrosecondArray, FixedSizeBinaryArray, Float64Array, Int64Array,
    IntervalMonthDayNanoArray, StringArray, Time32SecondArray,
};
use arrow::datatypes::IntervalMonthDayNano;

use super::*;

fn hashes(columns: &[ArrayRef]) -> Vec<u64> {
    let types = columns.iter().map(|column| column.data_type().clone()).collect();
    let mut hashes = Vec::new();
    KeyHasher::new(types).expect("hashes").hash(columns, columns[0].len(), &mut hashes).expect("hashes");
    hashes
}

/// Stored state holds these: a test that has to be changed says that it cannot be read any more.
#[test]
fn hashes_are_fixed_for_all_time() {
    let uuid = [1u8, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
    let two_words = combine(mix(1), mix(2));
    let columns: [(ArrayRef, u64); 8] = [
        (Arc::new(Int64Array::from(vec![7])), mix(7)),
        (Arc::new(Time32SecondArray::from(vec![7])), mix(7)),
        (Arc::new(DurationMicrosecondArray::from(vec![-1])), mix(u64::MAX)),
        (Arc::new(Float64Array::from(vec![-0.0])), mix(0)),
        (Arc::new(Decimal128Array::from(vec![(2 << 64) | 1])), two_words),
        (Arc::new(FixedSizeBinaryArray::try_from_iter([uuid].iter()).expect("16 bytes")), two_words),
        (Arc::new(IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(0, 1, 2)])), two_words),
        (Arc::new(StringArray::from(vec!["a"])), 0xE6C6_32B6_1E96_4E1F),
    ];
    for (column, expected) in columns {
        assert_eq!(hashes(std::slice::from_ref(&column)), [expected], "{}", column.data_type());
    }
    assert_eq!(mix(1), 0xB456_BCFC_34C2_CB2C);
    let null: ArrayRef = Arc::new(Int64Array::from(vec![None]));
    let one: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    assert_eq!(hashes(std::slice::from_ref(&null)), [NULL_HASH]);
    assert_eq!(hashes(&[one, null]), [combine(mix(1), NULL_HASH)]);
}

#[test]
fn partitions_own_ranges_of_virtual_nodes() {
    for partitions in [1, 2, 3, 7, 256, 300] {
        let owners = (0..VIRTUAL_NODES as u64).map(|node| partition_of(node << 40 | 0xFF, partitions));
        let owners = owners.collect::<Vec<_>>();
        assert!(owners.is_sorted() && owners[0] == 0 && owners[255] < partitions);
        let most = VIRTUAL_NODES.div_ceil(partitions);
        assert!(owners.chunk_by(|one, next| one == next).all(|owned| owned.len() <= most));
    }
}
