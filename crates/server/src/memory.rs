//! What the process holds in memory as the system sees it, told to the budget, and given back to the
//! system where that is much more than anybody has use for.

use std::time::Duration;

use state::Budget;

/// How often the system is asked.
const INTERVAL: Duration = Duration::from_millis(100);
/// Of the budget, what the allocator may keep for later: one part in this.
const KEPT_PART: usize = 8;

/// Watches until the process ends.
///
/// # Errors
/// If there is no thread to be had.
pub(crate) fn watch(budget: Budget) -> std::io::Result<()> {
    let look = move || {
        loop {
            if let Some(bytes) = resident_bytes() {
                budget.observe(bytes);
            }
            if budget.beyond() > budget.limit() / KEPT_PART {
                give_back();
                resident_bytes().into_iter().for_each(|bytes| budget.observe(bytes));
            }
            std::thread::sleep(INTERVAL);
        }
    };
    std::thread::Builder::new().name("freshet-memory".into()).spawn(look).map(|_| ())
}

/// Has the allocator give the system what is free.
#[expect(unsafe_code, reason = "the allocator is called by its C interface")]
fn give_back() {
    // SAFETY: it may be called at any time, from any thread.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// What the process has in memory, in bytes; none where the system does not say.
fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes = line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_has_some_memory() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
