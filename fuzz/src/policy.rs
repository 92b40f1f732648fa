//! Policy documents as IAM gives them out and as people write them.

use driftwise_contract::policy::{PolicyDocument, are_equivalent};

/// A document that is read is written so that it reads back as the same one; its canonical form is one, and means the same.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // IAM's spelling of the same: percent-encoded.
    let decoded = PolicyDocument::parse_url_encoded(text);
    if let Err(error) = &decoded {
        assert!(!error.to_string().is_empty());
    }
    let Ok(document) = PolicyDocument::parse(text) else { return };
    let written = document.to_pretty_string();
    let again = PolicyDocument::parse(&written).expect("what was written is read");
    assert_eq!(again, document, "reading what was written");
    let canonical = document.canonicalize();
    assert_eq!(canonical.canonicalize(), canonical, "the canonical form of the canonical form");
    assert!(document.is_equivalent(&canonical), "the canonical form means the same");
    assert_eq!(are_equivalent(text, &written).ok(), Some(true), "a document is its own equal");
}
