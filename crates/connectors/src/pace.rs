//! Keeping to a rate without ever waiting. This is where the crate reads the clock; nothing else
//! here does, but for how often the files of a directory are listed.

use std::time::{Duration, Instant};

use crate::Pace;

/// Rows are handed out in portions of about this long, so that a slow source is not one of
/// single rows.
const PORTION: Duration = Duration::from_millis(15);

/// A reader that was held back does not make up for more than this.
const ARREARS_MAX: Duration = Duration::from_secs(1);

/// A reader of a very slow source looks again after this long, whether anything is due or not.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How many rows are due.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// Rows a second; none for no limit.
    rate: Option<f64>,
    started: Option<Instant>,
    /// Rows taken since `started`.
    taken: f64,
}

impl Pacer {
    /// A pacer at `rate` rows a second, which only live reading keeps to.
    pub(crate) fn new(rate: Option<f64>, pace: Pace) -> Self {
        Self { rate: rate.filter(|_| pace == Pace::Live), started: None, taken: 0.0 }
    }

    /// How many rows may be read now, of `rows_max` wanted; or how long until the next ones are due.
    pub(crate) fn due(&mut self, rows_max: usize) -> Result<usize, Duration> {
        if self.rate.is_none() { Ok(rows_max) } else { self.due_at(rows_max, Instant::now()) }
    }

    fn due_at(&mut self, rows_max: usize, now: Instant) -> Result<usize, Duration> {
        let Some(rate) = self.rate else { return Ok(rows_max) };
        let started = *self.started.get_or_insert(now);
        let elapsed = now.saturating_duration_since(started).as_secs_f64();
        self.taken = self.taken.max((elapsed - ARREARS_MAX.as_secs_f64()) * rate);
        let due = elapsed * rate - self.taken;
        let portion = (rate * PORTION.as_secs_f64()).max(1.0);
        // A whole row is due even if rounding says that a trillionth of it is not.
        if due + 1e-6 >= portion {
            return Ok((due + 1e-6).min(rows_max as f64).max(1.0) as usize);
        }
        Err(Duration::try_from_secs_f64((portion - due) / rate).unwrap_or(WAIT_MAX).min(WAIT_MAX))
    }

    /// Notes that rows have been read.
    pub(crate) fn take(&mut self, rows: u64) {
        self.taken += rows as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_to_its_rate() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut pacer = Pacer::new(Some(1000.0), Pace::Live);
        assert_eq!(pacer.due_at(4096, at(0)), Err(PORTION));
        assert_eq!(pacer.due_at(4096, at(20)), Ok(20));
        assert_eq!(pacer.due_at(8, at(20)), Ok(8));
        pacer.take(20);
        assert_eq!(pacer.due_at(4096, at(25)), Err(Duration::from_millis(10)));
        // Held back for a minute: a second is made up for.
        assert_eq!(pacer.due_at(1_000_000, at(60_000)), Ok(1000));
    }

    #[test]
    fn slower_than_a_portion_is_one_row_at_a_time() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Some(2.0), Pace::Live);
        assert_eq!(pacer.due_at(10, start), Err(Duration::from_millis(500)));
        assert_eq!(pacer.due_at(10, start + Duration::from_millis(500)), Ok(1));
        pacer.take(1);
        assert!(pacer.due_at(10, start + Duration::from_millis(600)).is_err());
    }

    #[test]
    fn replays_and_rateless_sources_have_no_limit() {
        assert_eq!(Pacer::new(Some(1.0), Pace::Replay).due(77), Ok(77));
        assert_eq!(Pacer::new(None, Pace::Live).due(77), Ok(77));
    }
}
