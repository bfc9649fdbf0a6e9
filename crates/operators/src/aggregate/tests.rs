use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use plan::{AggregateCall, AggregateFunction, Properties};
use state::Saved;

use super::*;
use crate::table::{Collected, batch, check, complete, feed, get, restored, save, schema};

use AggregateFunction::{Avg, Count, Max, Min, Sum};

const CHANGING: Properties = Properties { append_only: false, unique: None };
const APPEND_ONLY: Properties = Properties { append_only: true, unique: None };

fn call(function: AggregateFunction, argument: Option<usize>, result: DataType) -> AggregateCall {
    AggregateCall { function, argument, distinct: false, filter: None, result }
}

fn distinct(call: AggregateCall) -> AggregateCall {
    AggregateCall { distinct: true, ..call }
}

fn filtered(call: AggregateCall, filter: usize) -> AggregateCall {
    AggregateCall { filter: Some(filter), ..call }
}

pub(crate) fn plan(
    columns: &str,
    properties: Properties,
    keys: &[usize],
    calls: Vec<AggregateCall>,
) -> plan::Aggregate {
    let input = schema(columns);
    let key_fields = keys.iter().map(|&key| input.field(key).clone());
    let call_fields = calls.iter().map(|call| Field::new(call.function.to_string(), call.result.clone(), true));
    let schema = Schema::new(key_fields.chain(call_fields).collect::<Vec<_>>());
    plan::Aggregate { input: Box::new(get(columns, properties)), keys: keys.to_vec(), calls, schema: schema.into() }
}

fn check_calls(columns: &str, properties: Properties, keys: &[usize], calls: Vec<AggregateCall>, script: &str) {
    let plan = plan(columns, properties, keys, calls);
    check(|| Aggregate::new(&plan, true).expect("an aggregate"), &[columns], script);
}

#[test]
fn a_group_comes_changes_and_goes() {
    let calls = vec![
        call(Count, None, DataType::Int64),
        call(Count, Some(1), DataType::Int64),
        call(Sum, Some(1), DataType::Int64),
        call(Avg, Some(1), DataType::Decimal128(38, 1)),
        call(Min, Some(1), DataType::Int64),
        call(Max, Some(1), DataType::Int64),
    ];
    check_calls(
        "k:text v:int",
        CHANGING,
        &[0],
        calls,
        "
        + a 1
        + a 4
        + null null
        ---
        => + a 2 2 5 2.5 1 4
        => + null 1 0 null null null null
        - a 1
        + b 7
        ;
        + a null
        ---
        => - a 2 2 5 2.5 1 4
        => + a 2 1 4 4.0 4 4
        => + b 1 1 7 7.0 7 7
        - a 4
        - a null
        - null null
        ---
        => - a 2 1 4 4.0 4 4
        => - null 1 0 null null null null
        + a 3
        - b 7
        ---
        => + a 1 1 3 3.0 3 3
        => - b 1 1 7 7.0 7 7
        ",
    );
}

#[test]
fn what_cancels_within_an_epoch_does_not_show() {
    check_calls(
        "k:int v:int",
        CHANGING,
        &[0],
        vec![call(Sum, Some(1), DataType::Int64), call(Max, Some(1), DataType::Int64)],
        "
        + 1 5
        ---
        => + 1 5 5
        - 1 9
        ;
        + 1 9
        - 2 1
        ;
        + 2 1
        ---
        - 1 5
        ;
        + 1 5
        ---
        ",
    );
}

#[test]
fn without_keys_there_is_always_one_row() {
    let calls = vec![call(Count, None, DataType::Int64), call(Sum, Some(0), DataType::Int64)];
    check_calls(
        "v:int",
        CHANGING,
        &[],
        calls,
        "
        ---
        => + 0 null
        ---
        + 2
        + 3
        ---
        => - 0 null
        => + 2 5
        - 2
        - 3
        ---
        => - 2 5
        => + 0 null
        ",
    );
}

#[test]
fn without_keys_who_does_not_own_the_group_has_no_row() {
    let plan = plan("v:int", CHANGING, &[], vec![call(Count, None, DataType::Int64)]);
    check(|| Aggregate::new(&plan, false).expect("an aggregate"), &["v:int"], "---");
}

#[test]
fn distinct_arguments_count_once_and_filters_choose() {
    let calls = vec![
        distinct(call(Count, Some(1), DataType::Int64)),
        distinct(call(Sum, Some(1), DataType::Int64)),
        filtered(call(Count, None, DataType::Int64), 2),
        filtered(distinct(call(Sum, Some(1), DataType::Int64)), 2),
    ];
    check_calls(
        "k:int v:int f:bool",
        CHANGING,
        &[0],
        calls,
        "
        + 1 5 true
        + 1 5 false
        + 1 6 null
        + 1 null true
        ---
        => + 1 2 11 2 5
        - 1 5 true
        ---
        => - 1 2 11 2 5
        => + 1 2 11 1 null
        - 1 5 false
        ---
        => - 1 2 11 1 null
        => + 1 1 6 1 null
        - 1 7 true
        ;
        + 1 7 true
        - 1 6 null
        - 1 null true
        ---
        => - 1 1 6 1 null
        ",
    );
}

#[test]
fn a_sum_that_overflows_is_an_error_until_it_fits_again() {
    let calls = vec![call(Sum, Some(1), DataType::Int64)];
    check_calls(
        "k:text v:int",
        CHANGING,
        &[0],
        calls,
        "
        + a 9223372036854775807
        ---
        => + a 9223372036854775807
        + a 1
        + b 1
        ---
        => - a 9223372036854775807
        => !+ bigint out of range (a)
        => + b 1
        + a 2
        ---
        - a 2
        - a 1
        ---
        => !- bigint out of range (a)
        => + a 9223372036854775807
        + a 1
        ---
        => - a 9223372036854775807
        => !+ bigint out of range (a)
        - a 1
        - a 9223372036854775807
        ---
        => !- bigint out of range (a)
        ",
    );
}

#[test]
fn decimals_are_exact_past_128_bits() {
    let calls = vec![call(Sum, Some(0), DataType::Decimal128(38, 0))];
    check_calls(
        "v:decimal38",
        CHANGING,
        &[],
        calls,
        "
        + 99999999999999999999999999999999999999
        + 99999999999999999999999999999999999999
        + 99999999999999999999999999999999999999
        ---
        => !+ numeric field overflow ()
        - 99999999999999999999999999999999999999
        - 99999999999999999999999999999999999999
        ---
        => !- numeric field overflow ()
        => + 99999999999999999999999999999999999999
        + -99999999999999999999999999999999999999
        + -99999999999999999999999999999999999998
        ---
        => - 99999999999999999999999999999999999999
        => + -99999999999999999999999999999999999998
        ",
    );
}

#[test]
fn the_mean_of_decimals_is_rounded() {
    check_calls(
        "v:decimal",
        CHANGING,
        &[],
        vec![call(Avg, Some(0), DataType::Decimal128(14, 6)), call(Sum, Some(0), DataType::Decimal128(20, 2))],
        "
        + 1.00
        + 0.50
        + 0.50
        ---
        => + 0.666667 2.00
        - 1.00
        - 0.50
        + -1.50
        ---
        => - 0.666667 2.00
        => + -0.500000 -1.00
        ",
    );
}

#[test]
fn floats_can_be_taken_back() {
    let calls = vec![call(Sum, Some(0), DataType::Float64), call(Avg, Some(0), DataType::Float64)];
    check_calls(
        "v:float",
        CHANGING,
        &[],
        calls,
        "
        + 0.1
        + 1e16
        + NaN
        ---
        => + NaN NaN
        - NaN
        + inf
        ---
        => - NaN NaN
        => + inf inf
        - inf
        - 1e16
        ---
        => - inf inf
        => + 0.1 0.1
        + 1e308
        + 1e308
        ---
        => - 0.1 0.1
        => !+ value out of range: overflow ()
        - 1e308
        - 1e308
        + 0.3
        ---
        => !- value out of range: overflow ()
        => + 0.4 0.2
        - 0.3
        - 0.1
        ---
        => - 0.4 0.2
        => + null null
        ",
    );
}

#[test]
fn extremes_of_many_types() {
    let columns = "k:int t:text w:view d:date s:timestamp n:decimal f:float b:bool";
    let types = schema(columns);
    for properties in [CHANGING, APPEND_ONLY] {
        let calls = (1..8).map(|column| {
            let function = if column % 2 == 0 { Min } else { Max };
            call(function, Some(column), types.field(column).data_type().clone())
        });
        let script = "
            + 1 b x 2020-01-02 2020-01-02T00:00:00 1.50 2 true
            + 1 null null null null null null null
            ---
            => + 1 b x 2020-01-02 2020-01-02T00:00:00 1.50 2.0 true
            + 1 abc y 2020-01-03 2020-01-01T00:00:00 -1.50 -2 false
            + 1 a z 2020-01-01 2020-01-03T00:00:00 0.50 NaN false
            ---
            => - 1 b x 2020-01-02 2020-01-02T00:00:00 1.50 2.0 true
            => + 1 b x 2020-01-03 2020-01-01T00:00:00 1.50 -2.0 true
        ";
        check_calls(columns, properties.clone(), &[0], calls.collect(), script);
    }
}

#[test]
fn many_groups_that_went_are_forgotten() {
    let plan = plan(
        "k:int v:int",
        CHANGING,
        &[0],
        vec![distinct(call(Count, Some(1), DataType::Int64)), call(Min, Some(1), DataType::Int64)],
    );
    let mut aggregate = Aggregate::new(&plan, true).expect("an aggregate");
    let mut output = Collected::default();
    let mut bytes = 0;
    for epoch in 0..50 {
        let row = |number: i64| format!("{} {number}", number);
        let come = (0..200).map(|number| row(epoch * 200 + number)).collect::<Vec<_>>();
        let go = (0..200).map(|number| row((epoch - 1) * 200 + number)).collect::<Vec<_>>();
        let mut rows = come.iter().map(|row| (1, row.as_str())).collect::<Vec<_>>();
        if epoch > 0 {
            rows.extend(go.iter().map(|row| (-1, row.as_str())));
        }
        let changes = crate::table::batch(plan.input.schema(), &rows);
        let epoch = Epoch(epoch as u64 + 1);
        feed(&mut aggregate, Port(0), epoch, changes, &mut output).expect("takes changes");
        complete(&mut aggregate, epoch, &mut output).expect("completes");
        assert_eq!(aggregate.state_rows(), 600);
        assert_eq!(aggregate.groups.len(), 200);
        if epoch == Epoch(2) {
            bytes = aggregate.state_bytes();
        }
        assert!(epoch < Epoch(3) || aggregate.state_bytes() < 2 * bytes, "{} bytes", aggregate.state_bytes());
    }
}

#[test]
fn a_row_that_goes_without_having_come_is_a_fault() {
    let plan = plan("k:int", CHANGING, &[0], vec![]);
    let mut aggregate = Aggregate::new(&plan, true).expect("an aggregate");
    let mut output = Collected::default();
    let changes = crate::table::batch(plan.input.schema(), &[(-1, "7")]);
    feed(&mut aggregate, Port(0), Epoch(1), changes, &mut output).expect("waits");
    let fault = complete(&mut aggregate, Epoch(1), &mut output).expect_err("7 never came");
    assert_eq!(fault.to_string(), "aggregate: 1 retractions of rows that are not there, such as one of group (7)");
}

#[test]
fn what_has_no_incremental_form_is_refused() {
    let refused = |columns: &str, call| {
        let plan = plan(columns, CHANGING, &[], vec![call]);
        Aggregate::new(&plan, true).map(|_| ()).expect_err("is refused").to_string()
    };
    let message = refused("b:bool", call(Sum, Some(0), DataType::Int64));
    assert_eq!(message, "This feature is not implemented: sum(Boolean) as Int64 in a materialized view");
}

#[test]
fn rows_and_bytes_of_state_follow_the_values_that_come_and_go() {
    let calls = || vec![call(Min, Some(1), DataType::Utf8), call(Max, Some(2), DataType::Int64)];
    let plan = plan("k:int t:text v:int", CHANGING, &[0], calls());
    let mut aggregate = Aggregate::new(&plan, true).expect("an aggregate");
    let mut output = Collected::default();
    let mut epoch = Epoch::ZERO;
    let mut after = |rows: &[(i64, &str)]| {
        let changes = crate::table::batch(plan.input.schema(), rows);
        epoch = epoch.next();
        feed(&mut aggregate, Port(0), epoch, changes, &mut output).expect("takes changes");
        complete(&mut aggregate, epoch, &mut output).expect("completes");
        (aggregate.state_rows(), aggregate.state_bytes())
    };
    let text = "x".repeat(1000);
    let [one, equal, other] = [format!("1 {text} 5"), format!("1 {text} 5"), format!("1 {text}y 5")];
    let (rows, bytes) = after(&[(1, &one)]);
    assert!(rows == 3 && bytes > 1000, "{rows} rows, {bytes} bytes");
    assert_eq!(after(&[(1, &equal)]), (3, bytes));
    let (rows, more) = after(&[(1, &other)]);
    assert!(rows == 4 && more > bytes + 1000, "{rows} rows, {more} bytes");
    assert_eq!(after(&[(-1, &other)]), (3, bytes));
    let (rows, least) = after(&[(-2, &one)]);
    assert!(rows == 0 && least + 1000 < bytes, "{rows} rows, {least} bytes");
}

#[test]
fn results_and_keys_may_be_of_more_bytes_than_an_array_holds() {
    const GROUPS: usize = 2200;
    let is_key_long = |key: &[usize]| key == [1];
    for key in [[0], [1]] {
        // The longest of these columns is a key or a result.
        let calls = if is_key_long(&key) { vec![] } else { vec![call(Max, Some(1), DataType::Utf8)] };
        let plan = plan("k:int t:text", APPEND_ONLY, &key, calls);
        let mut aggregate = Aggregate::new(&plan, true).expect("an aggregate");
        let mut output = Output::default();
        let text = "x".repeat(1 << 20);
        for numbers in (0..GROUPS).collect::<Vec<_>>().chunks(20) {
            let texts = numbers.iter().map(|number| format!("{number:04}{text}"));
            let columns: Vec<ArrayRef> = vec![
                Arc::new(numbers.iter().map(|&number| Some(number as i64)).collect::<Int64Array>()),
                Arc::new(StringArray::from_iter_values(texts)),
            ];
            let rows = RecordBatch::try_new(plan.input.schema().clone(), columns).expect("rows");
            let changes = ChangeBatch::inserts(rows);
            let progress = aggregate.on_changes(Port(0), Epoch(1), changes, &mut output).expect("takes changes");
            assert_eq!(progress, Progress::Done);
        }
        let mut rows = 0;
        let mut progress =
            aggregate.on_epoch_complete(&Moment { epoch: Epoch(1), now_us: 0 }, &mut output).expect("completes");
        loop {
            for changes in output.take_changes() {
                let bytes = changes::bytes_of(changes.rows().columns(), 0..changes.len());
                assert!(bytes <= changes::BATCH_BYTES_MAX, "{bytes} bytes in a batch");
                rows += changes.len();
            }
            if progress == Progress::Done {
                break;
            }
            progress = aggregate.resume(&mut output).expect("goes on");
        }
        assert_eq!(rows, GROUPS);
    }
}

#[test]
fn functions_of_one_input_share_what_is_known() {
    let calls = || {
        vec![
            call(Sum, Some(1), DataType::Int64),
            call(Avg, Some(1), DataType::Decimal128(38, 1)),
            distinct(call(Sum, Some(1), DataType::Int64)),
            distinct(call(Avg, Some(1), DataType::Decimal128(38, 1))),
            filtered(call(Sum, Some(1), DataType::Int64), 2),
        ]
    };
    let plan = plan("k:int v:int f:bool", CHANGING, &[0], calls());
    assert_eq!(Aggregate::new(&plan, true).expect("an aggregate").calls.len(), 3);
    check_calls(
        "k:int v:int f:bool",
        CHANGING,
        &[0],
        calls(),
        "
        + 1 5 true
        + 1 5 false
        + 1 6 false
        ---
        => + 1 16 5.3 11 5.5 5
        ",
    );
}

#[test]
fn a_checkpoint_has_the_values_that_changed_and_not_all_of_their_group() {
    let calls = vec![call(Min, Some(1), DataType::Int64), call(Max, Some(2), DataType::Utf8)];
    let plan = plan("k:int v:int t:text", CHANGING, &[0], calls);
    let make = || Aggregate::new(&plan, true).expect("an aggregate");
    let (mut aggregate, mut output) = (make(), Collected::default());
    let rows = (0..5_000).map(|value| (1, format!("1 {value} t{value}"))).collect::<Vec<_>>();
    let rows = rows.iter().map(|(diff, row)| (*diff, row.as_str())).collect::<Vec<_>>();
    let mut change = |aggregate: &mut Aggregate, epoch, rows: &[(i64, &str)]| {
        let changes = batch(plan.input.schema(), rows);
        feed(aggregate, Port(0), Epoch(epoch), changes, &mut output).expect("takes changes");
        complete(aggregate, Epoch(epoch), &mut output).expect("completes");
    };
    change(&mut aggregate, 1, &rows);
    let (all, changed) = (Saved::default(), Saved::default());
    save(&mut aggregate, &all);
    assert_eq!(all.len(), 10_001);
    // One that stays, one that comes, one that goes, and one that was never there when anybody looked.
    change(&mut aggregate, 2, &[(1, "1 7 t7"), (1, "1 -1 t"), (-1, "1 9 t9"), (1, "1 -2 -"), (-1, "1 -2 -")]);
    save(&mut aggregate, &changed);
    assert_eq!(changed.len(), 5);
    let mut restored = restored(make, &all);
    assert_eq!(restored.state_rows(), 1 + 10_000);
    save(&mut restored, &changed);
    assert_eq!(changed.len(), 5, "all of it is in the checkpoint that it goes on with");
}
