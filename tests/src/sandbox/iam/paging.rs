//! Pages of `MaxItems` with an opaque `Marker`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::sandbox::{
    AwsError,
    query::{Params, Xml},
};

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// The items of this page.
    pub(super) items: Vec<T>,
    /// Where the next page begins, when there is one.
    pub(super) marker: Option<String>,
}

impl<T> Page<T> {
    /// Cuts the page that the call asks for out of `all`.
    pub(super) fn cut(all: Vec<T>, params: &Params) -> Result<Self, AwsError> {
        let size = params.integer_within("MaxItems", 1..=1_000)?.unwrap_or(100);
        let size = usize::try_from(size).unwrap_or(100);
        let start = params.optional("Marker").map_or(Ok(0), begin)?;
        let total = all.len();
        let items: Vec<T> = all.into_iter().skip(start).take(size).collect();
        let end = start + items.len();
        let marker = (end < total).then(|| URL_SAFE_NO_PAD.encode(format!("sandbox-page:{end}")));
        Ok(Self { items, marker })
    }

    /// Writes `IsTruncated` and `Marker`.
    pub(super) fn write_end(marker: Option<&str>, xml: &mut Xml) {
        xml.text("IsTruncated", if marker.is_some() { "true" } else { "false" });
        xml.optional("Marker", marker);
    }
}

fn begin(marker: &str) -> Result<usize, AwsError> {
    URL_SAFE_NO_PAD
        .decode(marker)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix("sandbox-page:")?.parse().ok())
        .ok_or_else(|| AwsError::validation("Invalid Marker."))
}
