//! The pages in Chromium, as people meet them: on a phone and on a desk, light and dark, with and without scripts; what is seen is
//! kept as pictures below `target/screenshots`. axe-core looks for accessibility faults on every one.
//!
//! `.ci/pages` installs what this needs; `DRIFTWISE_REQUIRE=chromium` makes its absence a failure.

mod browser;
mod org;
mod public;

use std::path::Path;

/// The multi-call binary that is both programs.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_driftwise-demo"))
}
