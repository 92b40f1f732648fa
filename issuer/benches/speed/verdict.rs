//! A measured value beside its limit.

use std::cell::Cell;
use std::fmt::Display;

thread_local! {
    static MISSED: Cell<u32> = const { Cell::new(0) };
}

/// Says whether a limit was met; a missed one fails the run.
pub(crate) fn judge(what: &str, measured: impl Display, limit: impl Display, is_met: bool) {
    println!("  {}  {what}: {measured} (limit {limit})", if is_met { "met   " } else { "MISSED" });
    if !is_met {
        MISSED.set(MISSED.get() + 1);
    }
}

/// Says something without judging it.
pub(crate) fn tell(what: &str, measured: impl Display) {
    println!("          {what}: {measured}");
}

/// How many limits were missed.
pub(crate) fn missed() -> u32 {
    MISSED.get()
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
