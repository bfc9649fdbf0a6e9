//! What Linux says about a process. Elsewhere nothing is known.

use std::time::Duration;

/// Ticks of a second in `/proc/*/stat` (`USER_HZ`), which Linux fixes for programs.
const TICKS_PER_SECOND: u64 = 100;

/// The peak of this process's memory since [`forget_peak`].
pub fn peak_bytes() -> Option<u64> {
    status_bytes("self", "VmHWM:")
}

/// Starts a new peak from what is in use now.
pub fn forget_peak() {
    // 5 resets the peak; where that is not allowed, the peak is that of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The memory of a process that is in use now.
pub fn resident_bytes(process_id: u32) -> Option<u64> {
    status_bytes(&process_id.to_string(), "VmRSS:")
}

/// The memory of this process that is in use now.
pub fn own_resident_bytes() -> Option<u64> {
    status_bytes("self", "VmRSS:")
}

/// CPU time that a process has used.
pub fn cpu(process_id: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process_id}/stat")).ok()?;
    // The name in parentheses may hold anything; the numbers follow it.
    let numbers: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let (user, system): (u64, u64) = (numbers.get(11)?.parse().ok()?, numbers.get(12)?.parse().ok()?);
    Some(Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND))
}

fn status_bytes(process: &str, key: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}
