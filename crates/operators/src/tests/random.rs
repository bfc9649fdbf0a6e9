use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use changes::{Bounds, Epoch};
use datafusion::logical_expr::Operator as Symbol;
use datafusion::physical_expr::expressions::{BinaryExpr, Column};
use datafusion::physical_plan::PhysicalExpr;
use plan::{AggregateCall, AggregateFunction, JoinKey, JoinKind, Properties};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use state::Saved;

use crate::expression::out_of_range;
use crate::table::{Collected, LITTLE, batch, complete, divided, feed, get, restored, save, schema};
use crate::{Aggregate, Distinct, Join, Operator, Port};

/// Rows as text, and how often each is there.
type Bag = BTreeMap<String, i64>;

/// What is known of the inputs' rows.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Changing,
    AppendOnly,
    /// The first column is unique, and not null.
    Keyed,
}

impl Kind {
    fn properties(self) -> Properties {
        let unique = (self == Kind::Keyed).then(|| vec![0]);
        Properties { append_only: self == Kind::AppendOnly, unique }
    }
}

/// Random changes to `inputs`, whose rows `row` makes; after each epoch what `operator` has put
/// out so far must be `expected`.
fn check<O: Operator>(
    seed: u64,
    make: impl Fn() -> O,
    inputs: &[&str],
    row: impl Fn(&mut StdRng) -> String,
    kind: Kind,
    expected: impl Fn(&[Bag]) -> Bag,
) {
    let append_only = kind == Kind::AppendOnly;
    println!("seed {seed}");
    // Whether it is interrupted all the time or never makes no difference.
    let bounds = if seed.is_multiple_of(2) { LITTLE } else { Bounds::BATCH };
    let mut random = StdRng::seed_from_u64(seed);
    let schemas = inputs.iter().map(|columns| schema(columns)).collect::<Vec<_>>();
    let (mut operator, mut output, mut saved) = (make(), Collected::bounded(bounds), Saved::default());
    let mut bags = vec![Bag::new(); inputs.len()];
    let mut result = Bag::new();
    for epoch in 1..=40u64 {
        let at = Epoch(epoch * 3);
        let is_last = epoch == 40 && !append_only;
        let mut batches = Vec::new();
        for (port, bag) in bags.iter_mut().enumerate() {
            let mut changes = Vec::new();
            if is_last {
                changes.extend(std::mem::take(bag).into_iter().map(|(row, count)| (-count, row)));
            }
            let length = if is_last { 0 } else { random.random_range(0..30) };
            for _ in 0..length {
                let known = bag.keys().nth(random.random_range(0..bag.len().max(1))).cloned();
                let (diff, row) = match known.filter(|_| !append_only && random.random_bool(0.5)) {
                    Some(row) => (-random.random_range(1..=bag[&row]), row),
                    None if kind == Kind::Keyed => {
                        let row = row(&mut random);
                        let key = row.split(' ').next().expect("a key");
                        // The key's old row goes; in which order is left to chance.
                        let old = bag.keys().find(|old| old.split(' ').next() == Some(key)).cloned();
                        if let Some(old) = old {
                            bag.remove(&old);
                            changes.push((-1, old));
                        }
                        (1, row)
                    }
                    None => (random.random_range(1..=2), row(&mut random)),
                };
                let count = bag.entry(row.clone()).or_default();
                *count += diff;
                if *count == 0 {
                    bag.remove(&row);
                }
                changes.push((diff, row));
            }
            changes.shuffle(&mut random);
            let mut rest = changes.as_slice();
            while !rest.is_empty() {
                let (chunk, later) = rest.split_at(random.random_range(1..=rest.len()));
                batches.push((port, chunk.to_vec()));
                rest = later;
            }
        }
        batches.shuffle(&mut random);
        for (port, rows) in &batches {
            let rows = rows.iter().map(|(diff, row)| (*diff, row.as_str())).collect::<Vec<_>>();
            let changes = batch(&schemas[*port], &rows);
            feed(&mut operator, Port(*port), at, changes, &mut output).expect("takes changes");
        }
        complete(&mut operator, at, &mut output).expect("completes the epoch");
        for (row, diff) in output.net() {
            let count = result.entry(row.clone()).or_default();
            *count += diff;
            if *count == 0 {
                result.remove(&row);
            }
        }
        assert_eq!(result, expected(&bags), "seed {seed}, epoch {epoch}");
        if random.random_bool(0.5) {
            let held = operator.state_rows();
            save(&mut operator, &saved);
            match random.random_range(0..4) {
                0 | 1 => operator = restored(&make, &saved),
                2 => (operator, saved) = divided(&make, &saved, random.random_range(2..=3)),
                _ => {}
            }
            assert_eq!(operator.state_rows(), held, "seed {seed}, epoch {epoch}");
        }
    }
    if !append_only {
        assert_eq!(operator.state_rows(), 0, "seed {seed}");
    }
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn show(value: Option<i64>) -> String {
    value.map_or("null".to_owned(), |value| value.to_string())
}

/// A mean in three decimals, rounded half away from zero.
fn mean(sum: i64, count: i64) -> String {
    let thousandths = (2000 * sum.abs() + count) / (2 * count);
    let sign = if sum < 0 && thousandths > 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", thousandths / 1000, thousandths % 1000)
}

/// What the aggregate's calls give for rows of `key value flag`, computed anew.
fn aggregated(rows: &Bag, is_grouped: bool) -> Bag {
    let mut groups = BTreeMap::<String, Vec<(Option<i64>, bool, i64)>>::new();
    if !is_grouped {
        groups.insert(String::new(), Vec::new());
    }
    for (row, count) in rows {
        let [name, key, value, flag] = row.split(' ').collect::<Vec<_>>()[..] else { panic!("four columns") };
        let key = if is_grouped { format!("{name} {key} ") } else { String::new() };
        groups.entry(key).or_default().push((number(value), flag == "true", *count));
    }
    let of_group = |(key, rows): (String, Vec<(Option<i64>, bool, i64)>)| {
        let values = || rows.iter().filter_map(|(value, flag, count)| value.map(|value| (value, *flag, *count)));
        let all = rows.iter().map(|(_, _, count)| count).sum::<i64>();
        let count = values().map(|(_, _, count)| count).sum::<i64>();
        let sum = values().map(|(value, _, count)| value * count).sum::<i64>();
        let mean = if count > 0 { mean(sum, count) } else { "null".to_owned() };
        let (least, greatest) = (values().map(|value| value.0).min(), values().map(|value| value.0).max());
        let mut different = values().map(|value| value.0).collect::<Vec<_>>();
        different.sort_unstable();
        different.dedup();
        let flagged = rows.iter().filter(|(_, flag, _)| *flag).map(|(_, _, count)| count).sum::<i64>();
        let flagged_sum = values().filter(|value| value.1).map(|(value, _, count)| value * count);
        let flagged_sum = values().any(|value| value.1).then(|| flagged_sum.sum());
        let columns = [
            all.to_string(),
            count.to_string(),
            show((count > 0).then_some(sum)),
            mean,
            show(least),
            show(greatest),
            different.len().to_string(),
            show((!different.is_empty()).then(|| different.iter().sum())),
            flagged.to_string(),
            show(flagged_sum),
        ];
        (format!("{key}{}", columns.join(" ")), 1)
    };
    groups.into_iter().map(of_group).collect()
}

#[test]
fn aggregates_agree_with_computing_anew() {
    use AggregateFunction::{Avg, Count, Max, Min, Sum};
    let columns = "n:text k:int v:int f:bool";
    let call = |function, argument, distinct, filter, result: DataType| AggregateCall {
        function,
        argument,
        distinct,
        filter,
        result,
    };
    let calls = vec![
        call(Count, None, false, None, DataType::Int64),
        call(Count, Some(2), false, None, DataType::Int64),
        call(Sum, Some(2), false, None, DataType::Int64),
        call(Avg, Some(2), false, None, DataType::Decimal128(38, 3)),
        call(Min, Some(2), false, None, DataType::Int64),
        call(Max, Some(2), false, None, DataType::Int64),
        call(Count, Some(2), true, None, DataType::Int64),
        call(Sum, Some(2), true, None, DataType::Int64),
        call(Count, None, false, Some(3), DataType::Int64),
        call(Sum, Some(2), false, Some(3), DataType::Int64),
    ];
    for seed in 0..40 {
        let keys = if seed % 2 == 0 { vec![0, 1] } else { vec![] };
        let keys = if seed % 8 == 7 { vec![0, 1] } else { keys };
        let kind = if seed % 4 == 3 { Kind::AppendOnly } else { Kind::Changing };
        let plan = crate::aggregate::tests::plan(columns, kind.properties(), &keys, calls.clone());
        let row = |random: &mut StdRng| {
            let mut maybe = |value: String| if random.random_bool(0.1) { "null".to_owned() } else { value };
            let name = maybe("abc".to_owned());
            let key = maybe("k".to_owned());
            let value = maybe("v".to_owned());
            let flag = maybe("f".to_owned());
            let key = key.replace('k', &random.random_range(-3..6).to_string());
            let value = value.replace('v', &random.random_range(-20..20).to_string());
            let flag = flag.replace('f', &random.random_bool(0.5).to_string());
            format!("{name} {key} {value} {flag}")
        };
        let is_grouped = !keys.is_empty();
        let make = || Aggregate::new(&plan, true).expect("an aggregate");
        check(seed, make, &[columns], row, kind, |bags| aggregated(&bags[0], is_grouped));
    }
}

/// Texts, floats and sums that fail, for rows of `key text decimal float int`, computed anew.
fn aggregated_values(rows: &Bag, small: &DataType) -> Bag {
    let mut groups = BTreeMap::<&str, Vec<(Vec<&str>, i64)>>::new();
    for (row, count) in rows {
        let values = row.split(' ').collect::<Vec<_>>();
        groups.entry(values[0]).or_default().push((values, *count));
    }
    let of_group = |(key, rows): (&str, Vec<(Vec<&str>, i64)>)| {
        let values = |column: usize| {
            let all = rows.iter().map(move |(values, count)| (values[column], *count));
            all.filter(|(value, _)| *value != "null").collect::<Vec<_>>()
        };
        let floats = values(3).into_iter().map(|(value, count)| (value.parse::<f64>().expect("a float"), count));
        let floats = floats.collect::<Vec<_>>();
        // NaN is above everything, as it is in this order if it is positive.
        let in_order = |left: &f64, right: &f64| left.total_cmp(right);
        let sum = floats.iter().map(|(value, count)| value * *count as f64).reduce(|one, other| one + other);
        let show = |value: Option<f64>| value.map_or("null".to_owned(), |value| format!("{value:?}"));
        let cents = |value: &str| value.replace('.', "").parse::<i64>().expect("a decimal");
        let cents = values(2).iter().map(|(value, count)| cents(value) * count).collect::<Vec<_>>();
        let integers = values(4)
            .iter()
            .map(|(value, count)| value.parse::<i128>().expect("an integer") * i128::from(*count))
            .collect::<Vec<_>>();
        let (cents_sum, integer_sum) = (cents.iter().sum::<i64>(), integers.iter().sum::<i128>());
        let failure = |data_type: &DataType| (format!("! {} ({key})", out_of_range(data_type)), 1);
        // Of several functions that fail it is the first that is told of.
        if cents_sum.abs() >= 10_000 {
            return failure(small);
        }
        let Ok(integer_sum) = i64::try_from(integer_sum) else {
            return failure(&DataType::Int64);
        };
        let cents_text =
            format!("{}{}.{:02}", if cents_sum < 0 { "-" } else { "" }, cents_sum.abs() / 100, cents_sum.abs() % 100);
        let columns = [
            key.to_owned(),
            values(1).iter().map(|(text, _)| *text).min().unwrap_or("null").to_owned(),
            values(1).iter().map(|(text, _)| *text).max().unwrap_or("null").to_owned(),
            if cents.is_empty() { "null".to_owned() } else { cents_text },
            show(floats.iter().map(|(value, _)| *value).min_by(in_order)),
            show(floats.iter().map(|(value, _)| *value).max_by(in_order)),
            show(sum),
            if integers.is_empty() { "null".to_owned() } else { integer_sum.to_string() },
        ];
        (columns.join(" "), 1)
    };
    groups.into_iter().map(of_group).collect()
}

#[test]
fn aggregates_of_texts_and_floats_and_those_that_fail_agree_with_computing_anew() {
    use AggregateFunction::{Max, Min, Sum};
    let columns = "k:int t:text d:decimal f:float v:int";
    let small = DataType::Decimal128(4, 2);
    let call = |function, column, result| AggregateCall {
        function,
        argument: Some(column),
        distinct: false,
        filter: None,
        result,
    };
    let calls = vec![
        call(Min, 1, DataType::Utf8),
        call(Max, 1, DataType::Utf8),
        call(Sum, 2, small.clone()),
        call(Min, 3, DataType::Float64),
        call(Max, 3, DataType::Float64),
        call(Sum, 3, DataType::Float64),
        call(Sum, 4, DataType::Int64),
    ];
    for seed in 0..40 {
        let kind = if seed % 4 == 3 { Kind::AppendOnly } else { Kind::Changing };
        let plan = crate::aggregate::tests::plan(columns, kind.properties(), &[0], calls.clone());
        let row = |random: &mut StdRng| {
            let key = random.random_range(0..8);
            let text = ["a", "b", "ab", "zz", "a-text-that-is-not-short", "null"][random.random_range(0..6)];
            let decimal = ["0.25", "-1.50", "60.00", "-60.00", "null"][random.random_range(0..5)];
            let float = ["1.5", "-2.0", "0.25", "64.0", "NaN", "inf", "-inf", "null"][random.random_range(0..8)];
            let integer = ["1", "-5", "9000000000000000000", "null"][random.random_range(0..4)];
            format!("{key} {text} {decimal} {float} {integer}")
        };
        let make = || Aggregate::new(&plan, true).expect("an aggregate");
        check(seed, make, &[columns], row, kind, |bags| aggregated_values(&bags[0], &small));
    }
}

#[test]
fn distinct_agrees_with_computing_anew() {
    let columns = "k:int t:text f:float";
    for seed in 0..20 {
        let kind = if seed % 4 == 3 { Kind::AppendOnly } else { Kind::Changing };
        let plan = plan::Distinct { input: Box::new(get(columns, kind.properties())) };
        let row = |random: &mut StdRng| {
            let text = ["a", "b", "a-text-that-is-not-short-at-all", "null"][random.random_range(0..4)];
            format!("{} {text} {}", random.random_range(0..4), ["1.5", "NaN", "null"][random.random_range(0..3)])
        };
        let make = || Distinct::new(&plan).expect("a distinct");
        check(seed, make, &[columns], row, kind, |bags| bags[0].keys().map(|row| (row.clone(), 1)).collect());
    }
}

fn joined(bags: &[Bag], on: &[(usize, usize)], null_equal: bool, has_residual: bool) -> Bag {
    let mut result = Bag::new();
    for (left, left_count) in &bags[0] {
        for (right, right_count) in &bags[1] {
            let left_values = left.split(' ').collect::<Vec<_>>();
            let right_values = right.split(' ').collect::<Vec<_>>();
            let equal = |&(l, r): &(usize, usize)| {
                left_values[l] == right_values[r] && (null_equal || left_values[l] != "null")
            };
            let (left_text, right_text) = (left_values[1], right_values[1]);
            let is_less = left_text < right_text && left_text != "null" && right_text != "null";
            if on.iter().all(equal) && (is_less || !has_residual) {
                let row = format!("{} {} {}", right_values[1], left_values[1], left_values[0]);
                *result.entry(row).or_default() += left_count * right_count;
            }
        }
    }
    result
}

#[test]
fn joins_agree_with_computing_anew() {
    for seed in 0..420 {
        let kind = [Kind::Changing, Kind::AppendOnly, Kind::Keyed][seed as usize % 3];
        let inputs =
            if kind == Kind::Keyed { ["k:int! a:text", "k:int! b:text"] } else { ["k:int a:text", "k:int b:text"] };
        let on = [vec![(0, 0)], vec![(0, 0), (1, 1)], vec![], vec![(1, 1)]][seed as usize % 4].clone();
        let fields = [schema(inputs[0]).fields().to_vec(), schema(inputs[1]).fields().to_vec()].concat();
        let output = vec![3, 1, 0];
        let output_fields = output.iter().map(|&column: &usize| fields[column].clone()).collect::<Vec<_>>();
        let (on, null_equal) = (on.as_slice(), seed % 5 == 4);
        // A residual that is sometimes there: the left text is less than the right one.
        let has_residual = seed % 7 >= 5;
        let column = |place| Arc::new(Column::new("c", place)) as Arc<dyn PhysicalExpr>;
        let residual: Vec<Arc<dyn PhysicalExpr>> = match has_residual {
            true => vec![Arc::new(BinaryExpr::new(column(1), Symbol::Lt, column(3)))],
            false => Vec::new(),
        };
        let plan = plan::Join {
            kind: JoinKind::Inner,
            left: Box::new(get(inputs[0], kind.properties())),
            right: Box::new(get(inputs[1], kind.properties())),
            on: on.iter().map(|&(left, right)| JoinKey { left, right, null_equal }).collect(),
            residual,
            output,
            schema: arrow::datatypes::Schema::new(output_fields).into(),
        };
        let row = |random: &mut StdRng| {
            let key = random.random_range(if kind == Kind::Keyed { 0..12 } else { -1..6 });
            let key = if key < 0 { "null".to_owned() } else { key.to_string() };
            format!("{key} {}", ["x", "y", "z", "null"][random.random_range(0..4)])
        };
        let make = || Join::new(&plan).expect("a join");
        check(seed, make, &inputs, row, kind, |bags| joined(bags, on, null_equal, has_residual));
    }
}
