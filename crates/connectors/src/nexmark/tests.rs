//! That rows are a function of the options and their number, and of nothing else.

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimestampMicrosecondType};
use std::sync::Arc;

use crate::{Error, Pace, Position, Read, Source, SourceOptions, create};

fn source(options: &str) -> Arc<dyn Source> {
    create(&source_options(options)).unwrap_or_else(|error| panic!("{options}: {error}"))
}

/// Options as `key=value key=value`.
fn source_options(options: &str) -> SourceOptions {
    let pairs = options.split_whitespace().map(|pair| pair.split_once('=').expect("a key and a value"));
    let mut with: std::collections::BTreeMap<String, String> =
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    with.insert("connector".into(), "nexmark".into());
    SourceOptions { columns: None, with, encode: None }
}

fn position(events: u64) -> Position {
    Position(events.to_string())
}

/// All rows, and after how many rows each epoch ended.
fn read_all(
    source: &Arc<dyn Source>,
    from: u64,
    until: Option<u64>,
    rows_max: usize,
) -> (RecordBatch, Vec<usize>, Position) {
    let until = until.map(position);
    let mut reader = source.open(Some(&position(from)), until.as_ref(), Pace::Replay).expect("it opens");
    let (mut batches, mut rows_so_far, mut epochs, mut last) = (Vec::new(), 0, Vec::new(), position(from));
    loop {
        match reader.read(rows_max).expect("generating does not fail") {
            Read::Rows { rows, errors, position, ends_epoch } => {
                assert!(errors.is_empty() && rows.num_rows() <= rows_max + 50);
                rows_so_far += rows.num_rows();
                last = position;
                batches.push(rows);
                if ends_epoch {
                    epochs.push(rows_so_far);
                }
            }
            Read::Idle(_) => panic!("a replay does not wait"),
            Read::End => return (concat_batches(&source.schema(), &batches).expect("one schema"), epochs, last),
        }
    }
}

#[test]
fn shares_of_the_tables() {
    for (table, rows) in [("person", 20), ("auction", 60), ("bid", 920)] {
        let source = source(&format!("table={table} total=1000"));
        assert!(source.is_finite());
        let (all, _, last) = read_all(&source, 0, None, 7);
        assert_eq!((all.num_rows(), last), (rows, position(1000)), "{table}");
        assert!(source.schema().fields().iter().all(|field| !field.is_nullable()));
    }
}

#[test]
fn the_same_however_it_is_read() {
    for table in ["person", "auction", "bid"] {
        for options in
            ["", "seed=3", "epoch_events=70", "epoch_events=70 pregenerate=false", "pregenerate=true rate=500"]
        {
            let source = source(&format!("table={table} total=2000 {options}"));
            let (all, epochs, _) = read_all(&source, 0, None, 8192);
            for rows_max in [1, 13, 400] {
                assert_eq!(
                    read_all(&source, 0, None, rows_max),
                    (all.clone(), epochs.clone(), position(2000)),
                    "{table} {options}"
                );
            }
            for split in [1, 50, 123, 999, 1400, 1999] {
                let (head, head_epochs, reached) = read_all(&source, 0, Some(split), 100);
                assert_eq!(reached, position(split));
                let (tail, tail_epochs, _) = read_all(&source, split, None, 100);
                assert_eq!(
                    concat_batches(&source.schema(), [&head, &tail]).expect("one schema"),
                    all,
                    "{table} {options} {split}"
                );
                assert_eq!(head_epochs.len() + tail_epochs.len(), epochs.len(), "{table} {options} {split}");
            }
        }
    }
}

#[test]
fn made_beforehand_or_not_is_the_same() {
    for table in ["person", "auction", "bid"] {
        let options = format!("table={table} total=3333 seed=5 epoch_events=1000");
        let stored = read_all(&source(&options), 0, None, 8192);
        let generated = read_all(&source(&format!("{options} pregenerate=false")), 0, None, 8192);
        assert_eq!(stored, generated);
        assert_eq!(stored.1.len(), 4);
    }
}

#[test]
fn batches_made_beforehand_are_shared() {
    let options = "table=bid total=5000 seed=77 epoch_events=1000";
    let (one, other) = (source(options), source(options));
    let first = |source: &Arc<dyn Source>| match source.open(None, None, Pace::Replay).expect("it opens").read(8192) {
        Ok(Read::Rows { rows, .. }) => rows,
        other => panic!("{other:?}"),
    };
    let data = |rows: &RecordBatch| rows.column(0).as_primitive::<Int64Type>().values().inner().as_ptr();
    assert_eq!(data(&first(&one)), data(&first(&other)));
}

#[test]
fn stretches_meet() {
    // Where the generator starts over, on both sides, and far away with a seed.
    for (seed, middle) in [(0, 1_000_000), (0, 7_000_000_000), (1_000_000_000, 2_000_000)] {
        let source = source(&format!("table=bid seed={seed}"));
        let (all, _, _) = read_all(&source, middle - 500, Some(middle + 500), 8192);
        assert_eq!(all.num_rows(), 920);
        let times = all.column(5).as_primitive::<TimestampMicrosecondType>();
        assert!(times.values().is_sorted());
        let step = times.value(919) - times.value(0);
        assert!((99_000..=100_000).contains(&step), "{step}");
        let (auctions, bidders) =
            (all.column(0).as_primitive::<Int64Type>(), all.column(1).as_primitive::<Int64Type>());
        // Auctions in flight, and people that are active, are recent ones.
        let newest = 1000 + (middle as i64 + 500) / 50 * 3;
        assert!(auctions.values().iter().all(|id| (newest - 300..newest + 20).contains(id)), "{seed} {middle}");
        let newest = 1000 + (middle as i64 + 500) / 50;
        assert!(bidders.values().iter().all(|id| (newest - 1100..newest + 20).contains(id)), "{seed} {middle}");
    }
}

#[test]
fn ids_start_over_with_each_seed() {
    for seed in [0, 1, 42] {
        let (people, ..) = read_all(&source(&format!("table=person total=500 seed={seed}")), 0, None, 8192);
        assert_eq!(people.column(0).as_primitive::<Int64Type>().values().to_vec(), (1000..1010).collect::<Vec<i64>>());
        let (bids, ..) = read_all(&source(&format!("table=bid total=500 seed={seed}")), 0, None, 8192);
        let auctions = bids.column(0).as_primitive::<Int64Type>();
        assert!(auctions.values().iter().all(|id| (1000..1050).contains(id)));
    }
    let names =
        |seed| read_all(&source(&format!("table=person total=500 seed={seed}")), 0, None, 8192).0.column(1).clone();
    assert_ne!(&names(0), &names(1));
}

#[test]
fn times_follow_the_rate() {
    let (bids, ..) = read_all(&source("table=bid total=100 rate=10"), 0, None, 8192);
    let times = bids.column(5).as_primitive::<TimestampMicrosecondType>();
    // The first bid is event 4, a tenth of a second for each.
    assert_eq!(times.value(0), 1_436_918_400_400_000);
    assert_eq!(times.value(1), 1_436_918_400_500_000);
    let gap = read_all(&source("table=bid total=100 nexmark.min.event.gap.in.ns=100000000"), 0, None, 8192).0;
    assert_eq!(gap, bids);
}

#[test]
fn live_reading_keeps_to_the_rate() {
    let source = source("table=bid rate=1000");
    assert!(!source.is_finite());
    let mut reader = source.open(None, None, Pace::Live).expect("it opens");
    assert!(matches!(reader.read(8192), Ok(Read::Idle(wait)) if !wait.is_zero()));
}

#[test]
fn declared_columns_choose() {
    let mut options = source_options("nexmark.table.type=Bid nexmark.event.num=500");
    let declared = |fields: Vec<Field>| Some(Arc::new(Schema::new(fields)));
    options.columns =
        declared(vec![Field::new("price", DataType::Int64, true), Field::new("auction", DataType::Int64, true)]);
    let source = create(&options).expect("both are columns of bid");
    let (rows, ..) = read_all(&source, 0, None, 8192);
    assert_eq!((rows.num_columns(), rows.schema().field(0).name().as_str(), rows.num_rows()), (2, "price", 460));

    options.columns = declared(vec![Field::new("prize", DataType::Int64, true)]);
    assert!(
        matches!(create(&options), Err(Error::Unsupported(message)) if message.contains("Did you mean \"price\"?"))
    );
    options.columns = declared(vec![Field::new("price", DataType::Utf8, true)]);
    assert!(matches!(create(&options), Err(Error::Unsupported(message)) if message.contains("as text; it is bigint")));
}

#[test]
fn wrong_options() {
    for (options, expected) in [
        ("", "option \"table\": missing"),
        ("table=bids", "option \"table\": expected person, auction or bid, not \"bids\""),
        ("table=bid rat=5", "unknown option \"rat\""),
        ("table=bid rate=-1", "option \"rate\": expected a number of rows a second"),
        ("table=bid rate=fast", "option \"rate\": expected a number of rows a second"),
        ("table=bid total=-1", "option \"total\": expected a number of events"),
        ("table=bid total=5 nexmark.event.num=6", "another name of \"total\""),
        ("table=bid pregenerate=true", "option \"total\": missing"),
        ("table=bid epoch_events=0 total=5", "option \"epoch_events\": at least 1"),
        ("table=bid hot.seller.ratio=0", "option \"hot.seller.ratio\": expected 1 to"),
        ("table=bid seed=9999999999", "option \"seed\": at most"),
    ] {
        let error = create(&source_options(options)).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{options}: {error}");
    }
    let source = source("table=bid");
    assert!(source.open(Some(&Position("{}".into())), None, Pace::Live).is_err());
}

#[test]
fn large_events_come_in_few_rows() {
    for options in ["avg.bid.byte.size=100000", "avg.bid.byte.size=100000 total=2000 pregenerate=true"] {
        let source = source(&format!("table=bid {options}"));
        let mut reader = source.open(None, None, Pace::Replay).expect("it opens");
        let Read::Rows { rows, .. } = reader.read(65_536).expect("generating does not fail") else { panic!("rows") };
        assert!((1..=400).contains(&rows.num_rows()), "{} rows", rows.num_rows());
    }
}
