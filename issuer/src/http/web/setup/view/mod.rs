//! What the set-up pages show, ready to be shown: the templates decide nothing but the markup.
//!
//! Words: a *chunk* is a run of lines of a document that one reason speaks for; a *span* is a piece of text in one colour; what is
//! *mine* is a value that came from the admin's answers, which is marked wherever it stands.

pub(in crate::http::web) mod document;
pub(in crate::http::web) mod field;
pub(in crate::http::web) mod pages;
#[cfg(test)]
mod samples;
