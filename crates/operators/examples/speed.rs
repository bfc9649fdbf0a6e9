//! Temporary.
use arrow::array::*;
use arrow::datatypes::*;
use changes::{ChangeBatch, Epoch};
use operators::*;
use plan::{AggregateCall, AggregateFunction as F, Get, Node, Properties, RelationId};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::sync::Arc;
use std::time::Instant;

fn get(schema: &SchemaRef, append_only: bool) -> Node {
    Node::Get(Get {
        relation: RelationId(1),
        name: "t".into(),
        columns: (0..schema.fields().len()).collect(),
        schema: schema.clone(),
        properties: Properties { append_only, unique: None },
    })
}
fn call(function: F, argument: Option<usize>, filter: Option<usize>, result: DataType) -> AggregateCall {
    AggregateCall { function, argument, distinct: false, filter, result }
}
fn run(name: &str, operator: &mut dyn Operator, batches: &[(usize, ChangeBatch)]) {
    let mut output = Output::default();
    let start = Instant::now();
    let mut rows = 0;
    let mut out = 0;
    for (epoch, (port, batch)) in batches.iter().enumerate() {
        rows += batch.len();
        operator.on_changes(Port(*port), batch.clone(), &mut output).unwrap();
        operator.on_epoch_complete(Epoch(epoch as u64 + 1), &mut output).unwrap();
        out += output.take_changes().iter().map(|b| b.len()).sum::<usize>();
    }
    let t = start.elapsed().as_secs_f64();
    println!(
        "{name}: {:.1} M rows/s, {:.0} ns/row, {out} out, {} state",
        rows as f64 / t / 1e6,
        t * 1e9 / rows as f64,
        operator.state_rows()
    );
}
fn main() {
    let mut random = StdRng::seed_from_u64(1);
    let only = std::env::args().nth(1).unwrap_or_default();
    let schema =
        Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("v", DataType::Int64, true)]));
    for keys in [100i64, 10_000, 1_000_000] {
        let batches = (0..150)
            .map(|_| {
                let k = Int64Array::from_iter_values((0..40_000).map(|_| random.random_range(0..keys)));
                let v = Int64Array::from_iter_values((0..40_000).map(|_| random.random_range(0..1000)));
                (0, ChangeBatch::inserts(RecordBatch::try_new(schema.clone(), vec![Arc::new(k), Arc::new(v)]).unwrap()))
            })
            .collect::<Vec<_>>();
        for append_only in [true, false] {
            let calls = vec![
                call(F::Count, None, None, DataType::Int64),
                call(F::Sum, Some(1), None, DataType::Int64),
                call(F::Max, Some(1), None, DataType::Int64),
            ];
            let out = Arc::new(Schema::new(vec![
                Field::new("k", DataType::Int64, true),
                Field::new("c", DataType::Int64, true),
                Field::new("s", DataType::Int64, true),
                Field::new("m", DataType::Int64, true),
            ]));
            let plan =
                plan::Aggregate { input: Box::new(get(&schema, append_only)), keys: vec![0], calls, schema: out };
            let name = format!("count sum max, {keys} keys, append {append_only}");
            if name.contains(&only) {
                run(&name, &mut Aggregate::new(&plan, true).unwrap(), &batches);
            }
        }
    }
    // q17: auction, day; count, 3 counts, min, max, avg, sum
    {
        let s = Arc::new(Schema::new(vec![
            Field::new("auction", DataType::Int64, true),
            Field::new("day", DataType::Utf8, true),
            Field::new("price", DataType::Int64, true),
            Field::new("pf", DataType::Float64, true),
            Field::new("f1", DataType::Boolean, true),
            Field::new("f2", DataType::Boolean, true),
            Field::new("f3", DataType::Boolean, true),
        ]));
        let mut base = 1000i64;
        let batches = (0..150)
            .map(|_| {
                let n = 36_800;
                let k = Int64Array::from_iter_values((0..n).map(|i| {
                    if i % 16 == 0 {
                        base += 1;
                    }
                    if random.random_range(0..2) > 0 { base / 100 * 100 } else { base - random.random_range(0..100) }
                }));
                let d = StringArray::from_iter_values((0..n).map(|_| "2026-11-21"));
                let v: Vec<i64> = (0..n).map(|_| 10f64.powf(random.random_range(0.0..6.0)) as i64 * 100).collect();
                let b = |lo: i64, hi: i64| {
                    Arc::new(BooleanArray::from(v.iter().map(|&v| v >= lo && v < hi).collect::<Vec<_>>())) as ArrayRef
                };
                let f = Float64Array::from_iter_values(v.iter().map(|&v| v as f64));
                let cols: Vec<ArrayRef> = vec![
                    Arc::new(k),
                    Arc::new(d),
                    Arc::new(Int64Array::from(v.clone())),
                    Arc::new(f),
                    b(0, 10000),
                    b(10000, 1000000),
                    b(1000000, i64::MAX),
                ];
                (0, ChangeBatch::inserts(RecordBatch::try_new(s.clone(), cols).unwrap()))
            })
            .collect::<Vec<_>>();
        let i = DataType::Int64;
        let calls = vec![
            call(F::Count, None, None, i.clone()),
            call(F::Count, None, Some(4), i.clone()),
            call(F::Count, None, Some(5), i.clone()),
            call(F::Count, None, Some(6), i.clone()),
            call(F::Min, Some(2), None, i.clone()),
            call(F::Max, Some(2), None, i.clone()),
            call(F::Avg, Some(3), None, DataType::Float64),
            call(F::Sum, Some(2), None, i.clone()),
        ];
        let mut fields = vec![s.field(0).clone(), s.field(1).clone()];
        fields.extend(calls.iter().map(|c| Field::new("c", c.result.clone(), true)));
        let plan = plan::Aggregate {
            input: Box::new(get(&s, true)),
            keys: vec![0, 1],
            calls,
            schema: Arc::new(Schema::new(fields)),
        };
        if "q17".contains(&only) {
            run("q17", &mut Aggregate::new(&plan, true).unwrap(), &batches);
        }
    }
    // avg retracting by category
    {
        let s = Arc::new(Schema::new(vec![
            Field::new("c", DataType::Int64, true),
            Field::new("v", DataType::Float64, true),
        ]));
        let batches = (0..150)
            .map(|_| {
                let k = Int64Array::from_iter_values((0..40_000).map(|_| random.random_range(10..15)));
                let v = Float64Array::from_iter_values((0..40_000).map(|_| random.random_range(0..1000) as f64));
                (
                    0,
                    ChangeBatch::new(
                        RecordBatch::try_new(s.clone(), vec![Arc::new(k), Arc::new(v)]).unwrap(),
                        (0..40_000).map(|i| if i % 3 == 0 { -1 } else { 1 }).collect::<Vec<i64>>().into(),
                    ),
                )
            })
            .collect::<Vec<_>>();
        let plan = plan::Aggregate {
            input: Box::new(get(&s, false)),
            keys: vec![0],
            calls: vec![call(F::Avg, Some(1), None, DataType::Float64)],
            schema: Arc::new(Schema::new(vec![s.field(0).clone(), Field::new("a", DataType::Float64, true)])),
        };
        if "avg5".contains(&only) {
            run("avg5", &mut Aggregate::new(&plan, true).unwrap(), &batches);
        }
    }
    // q4 join: auctions 6% & bids 92%
    {
        let a = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("category", DataType::Int64, false),
            Field::new("dt", DataType::Int64, false),
            Field::new("ex", DataType::Int64, false),
        ]));
        let b = Arc::new(Schema::new(vec![
            Field::new("auction", DataType::Int64, false),
            Field::new("price", DataType::Int64, false),
            Field::new("dt", DataType::Int64, false),
        ]));
        let mut last = 0i64;
        let mut batches = Vec::new();
        for _ in 0..150 {
            let ids = Int64Array::from_iter_values(last..last + 2400);
            let o = || Arc::new(Int64Array::from_iter_values((0..2400).map(|i| i % 5))) as ArrayRef;
            batches.push((
                0,
                ChangeBatch::inserts(RecordBatch::try_new(a.clone(), vec![Arc::new(ids), o(), o(), o()]).unwrap()),
            ));
            last += 2400;
            let n = 36_800;
            let k = Int64Array::from_iter_values((0..n).map(|i| {
                let b = last - 2400 + i * 2400 / n;
                if random.random_range(0..2) > 0 { b / 100 * 100 } else { (b - random.random_range(0..100)).max(0) }
            }));
            let o = || Arc::new(Int64Array::from_iter_values((0..n).map(|i| i % 1000))) as ArrayRef;
            batches
                .push((1, ChangeBatch::inserts(RecordBatch::try_new(b.clone(), vec![Arc::new(k), o(), o()]).unwrap())));
        }
        let output = vec![0, 1, 2, 3, 5, 6];
        let fields = [a.fields().to_vec(), b.fields().to_vec()].concat();
        let plan = plan::Join {
            left: Box::new(get(&a, true)),
            right: Box::new(get(&b, true)),
            on: vec![(0, 0)],
            schema: Arc::new(Schema::new(output.iter().map(|&c: &usize| fields[c].clone()).collect::<Vec<_>>())),
            output,
        };
        if "q4join".contains(&only) {
            run("q4join", &mut Join::new(&plan).unwrap(), &batches);
        }
        // (id, category) max(price)
        let s = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("c", DataType::Int64, true),
            Field::new("p", DataType::Int64, true),
        ]));
        let plan = plan::Aggregate {
            input: Box::new(get(&s, true)),
            keys: vec![0, 1],
            calls: vec![call(F::Max, Some(2), None, DataType::Int64)],
            schema: s.clone(),
        };
        let agg = batches
            .iter()
            .filter(|(p, _)| *p == 1)
            .map(|(_, b)| {
                let id = b.column(0).clone();
                let c: ArrayRef = Arc::new(id.as_primitive::<Int64Type>().unary::<_, Int64Type>(|v| v % 5));
                (0, ChangeBatch::inserts(RecordBatch::try_new(s.clone(), vec![id, c, b.column(1).clone()]).unwrap()))
            })
            .collect::<Vec<_>>();
        if "q4max".contains(&only) {
            run("q4max", &mut Aggregate::new(&plan, true).unwrap(), &agg);
        }
    }
}
