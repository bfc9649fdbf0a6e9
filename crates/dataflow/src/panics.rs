//! What becomes of a panic: on a thread that all state depends on, the end of the process, since the
//! other threads would wait for it for ever; elsewhere, an error.
//!
//! Suites panic on purpose with the environment variable [`ON_PURPOSE`]. Only who starts the
//! process can set it: no statement, setting or option reaches it.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{LazyLock, Once};

/// Names a thread that is to panic when it closes its first epoch: `clock`, `worker 0`, ...
const ON_PURPOSE: &str = "FRESHET_TEST_PANIC";

thread_local! {
    /// What the thread is working on.
    static PLACE: RefCell<Option<Rc<str>>> = const { RefCell::new(None) };
    /// Where in the code it panicked last.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that was caught.
#[derive(Debug)]
pub(crate) struct Panic {
    message: String,
    location: String,
    place: String,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked at {}: {}", self.location, self.message)
    }
}

/// Has all later panics remember where they happened, beside what the hook does that is there.
pub(crate) fn remember_locations() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            LOCATION.set(panic.location().map(ToString::to_string));
            others(panic);
        }));
    });
}

/// Notes what this thread works on from here on.
pub(crate) fn enter(place: &Rc<str>) {
    PLACE.set(Some(Rc::clone(place)));
}

/// Runs `run`; a panic is the end of the process, at once. `thread`: what people know it by.
pub(crate) fn or_abort(thread: &str, run: impl FnOnce()) {
    if let Err(panic) = catch(run) {
        let Panic { message, location, place } = panic;
        tracing::error!(thread, place, location, message, "panicked, stopping the process");
        std::process::abort();
    }
}

/// Runs `run`, and catches its panic. What it leaves half done must not be used any more.
pub(crate) fn catch<R>(run: impl FnOnce() -> R) -> Result<R, Panic> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| Panic {
        message: message_of(payload.as_ref()),
        location: LOCATION.take().unwrap_or_else(|| "an unknown place".to_owned()),
        place: PLACE.with_borrow(|place| place.as_deref().unwrap_or("nothing in particular").to_owned()),
    })
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Panics if a suite wants this thread to.
pub(crate) fn on_purpose(thread: impl FnOnce() -> String) {
    static WANTED: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(ON_PURPOSE).ok());
    if let Some(wanted) = WANTED.as_ref() {
        assert!(*wanted != thread(), "a suite wants this thread to panic");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_says_where_and_why() {
        remember_locations();
        enter(&Rc::from("filter of v"));
        let panic = catch(|| panic!("no {}", "reason")).expect_err("it panics");
        assert_eq!((panic.message.as_str(), panic.place.as_str()), ("no reason", "filter of v"));
        assert!(panic.location.contains("panics.rs"), "{panic}");
    }
}
