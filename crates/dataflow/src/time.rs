//! What time it is in an epoch, and which dataflows wait for a time.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plan::RelationId;

/// Where the clock gets the time of day from.
pub trait TimeOfDay: Debug + Send + Sync {
    /// Microseconds since 1970 (UTC).
    fn now_us(&self) -> i64;
}

/// The time of day of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTimeOfDay;

impl TimeOfDay for SystemTimeOfDay {
    fn now_us(&self) -> i64 {
        // Before 1970 no clock was right.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// When a dataflow of a worker wants to be told of the end of an epoch, in microseconds since 1970;
/// none if it does not wait for any time.
pub(crate) type Wish = (RelationId, Option<i64>);

/// The time of the epochs, which never goes back, and who waits for it.
pub(crate) struct Timetable {
    time_of_day: Arc<dyn TimeOfDay>,
    latest_us: i64,
    /// By worker and dataflow.
    wishes: HashMap<(usize, RelationId), i64>,
    in_order: BTreeSet<(i64, usize, RelationId)>,
}

impl Timetable {
    /// Time begins at `latest_us`, or later.
    pub(crate) fn new(time_of_day: Arc<dyn TimeOfDay>, latest_us: i64) -> Timetable {
        Timetable { time_of_day, latest_us, wishes: HashMap::new(), in_order: BTreeSet::new() }
    }

    /// The time for what happens now.
    pub(crate) fn now_us(&mut self) -> i64 {
        self.latest_us = self.latest_us.max(self.time_of_day.now_us());
        self.latest_us
    }

    /// How long until the first wish; nothing if there is none.
    pub(crate) fn pause(&mut self) -> Option<Duration> {
        let (first_us, ..) = *self.in_order.first()?;
        let pause_us = first_us.saturating_sub(self.now_us());
        Some(Duration::from_micros(u64::try_from(pause_us).unwrap_or(0)))
    }

    /// The dataflows whose time has come.
    pub(crate) fn due(&self, now_us: i64) -> BTreeSet<RelationId> {
        self.in_order.iter().take_while(|(time_us, ..)| *time_us <= now_us).map(|(.., id)| *id).collect()
    }

    /// Notes what a worker's dataflows wish for from now on.
    pub(crate) fn note(&mut self, worker: usize, wishes: Vec<Wish>) {
        for (id, time_us) in wishes {
            let earlier = match time_us {
                Some(time_us) => {
                    self.in_order.insert((time_us, worker, id));
                    self.wishes.insert((worker, id), time_us)
                }
                None => self.wishes.remove(&(worker, id)),
            };
            if let Some(earlier_us) = earlier.filter(|earlier| Some(*earlier) != time_us) {
                self.in_order.remove(&(earlier_us, worker, id));
            }
        }
    }

    /// Forgets dataflows.
    pub(crate) fn forget(&mut self, ids: &[RelationId]) {
        self.in_order.retain(|(.., id)| !ids.contains(id));
        self.wishes.retain(|(_, id), _| !ids.contains(id));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[derive(Debug)]
    struct Hand(AtomicI64);

    impl TimeOfDay for Hand {
        fn now_us(&self) -> i64 {
            self.0.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn time_does_not_go_back_and_wishes_come_in_its_order() {
        let hand = Arc::new(Hand(AtomicI64::new(100)));
        let mut timetable = Timetable::new(Arc::clone(&hand) as Arc<dyn TimeOfDay>, 0);
        assert_eq!((timetable.now_us(), timetable.pause()), (100, None));
        hand.0.store(50, Ordering::SeqCst);
        assert_eq!(timetable.now_us(), 100);

        let (a, b) = (RelationId(1), RelationId(2));
        timetable.note(0, vec![(a, Some(300)), (b, Some(200))]);
        timetable.note(1, vec![(a, Some(150))]);
        assert_eq!(timetable.pause(), Some(Duration::from_micros(50)));
        assert_eq!(timetable.due(150), BTreeSet::from([a]));
        timetable.note(1, vec![(a, None)]);
        timetable.note(0, vec![(a, Some(250))]);
        assert_eq!(timetable.due(240), BTreeSet::from([b]));
        timetable.forget(&[b]);
        assert_eq!(timetable.pause(), Some(Duration::from_micros(150)));
        assert_eq!(timetable.due(300), BTreeSet::from([a]));
    }
}
