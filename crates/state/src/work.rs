//! How much was worked through, for tests that see to it that work follows the change and not
//! the data. Counts nothing elsewhere.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static CHUNKS: Cell<usize> = const { Cell::new(0) };
    static ROWS: Cell<usize> = const { Cell::new(0) };
    static GROUPS: Cell<usize> = const { Cell::new(0) };
}

/// Chunks were looked at.
#[inline]
pub(crate) fn chunks(count: usize) {
    #[cfg(test)]
    CHUNKS.set(CHUNKS.get() + count);
    #[cfg(not(test))]
    let _ = count;
}

/// Rows were copied, compared or looked at one by one.
#[inline]
pub(crate) fn rows(count: usize) {
    #[cfg(test)]
    ROWS.set(ROWS.get() + count);
    #[cfg(not(test))]
    let _ = count;
}

/// Groups, or hashes of an index, were looked up, moved or forgotten.
#[inline]
pub(crate) fn groups(count: usize) {
    #[cfg(test)]
    GROUPS.set(GROUPS.get() + count);
    #[cfg(not(test))]
    let _ = count;
}

/// Groups so far on this thread, and from here on none.
#[cfg(test)]
pub(crate) fn take_groups() -> usize {
    GROUPS.take()
}

/// Chunks and rows so far on this thread, and from here on none.
#[cfg(test)]
pub(crate) fn take() -> (usize, usize) {
    (CHUNKS.take(), ROWS.take())
}
