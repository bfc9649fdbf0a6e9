fn main() {
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|t| t.parse().ok()).unwrap_or(default);
    let (from, to) = (number("FROM", 1), number("TO", 3));
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("rt");
    for seed in from..=to {
        let o = testkit::oracle::Options {
            seed,
            steps: number("FRESHET_STEPS", 40) as usize,
            workers: number("FRESHET_WORKERS", 1 + seed % 2) as usize,
        };
        let t = std::time::Instant::now();
        let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if std::env::var("SPLIT").is_ok() {
                rt.block_on(testkit::oracle::run_splits(o)).map(|n| (n, 0))
            } else {
                rt.block_on(testkit::oracle::run(o)).map(|r| (r.views, r.view_epochs))
            }
        }));
        match r {
            Ok(Ok(r)) => println!("seed {seed} ok {r:?} {:?}", t.elapsed()),
            Ok(Err(e)) => println!("FAIL {e:#}\n"),
            Err(_) => println!("PANIC seed {seed}"),
        }
    }
}
