//! The Date header. Every answer carries it, so the text of the last second is kept.

use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use axum::http::HeaderValue;
use time::OffsetDateTime;
use time::macros::format_description;

/// A second and its text: nothing but a memory of a pure function, so one serves every issuer of the process.
static LAST: LazyLock<ArcSwap<Option<(i64, HeaderValue)>>> = LazyLock::new(|| ArcSwap::new(Arc::new(None)));

/// The IMF-fixdate of RFC 9110, section 5.6.7. None for seconds that no calendar has.
pub(super) fn header(now_s: i64) -> Option<HeaderValue> {
    if let Some((second, value)) = &**LAST.load()
        && *second == now_s
    {
        return Some(value.clone());
    }
    let value = format(now_s)?;
    LAST.store(Arc::new(Some((now_s, value.clone()))));
    Some(value)
}

fn format(now_s: i64) -> Option<HeaderValue> {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    let text = OffsetDateTime::from_unix_timestamp(now_s).ok()?.format(&format).ok()?;
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_header_is_an_imf_fixdate_of_the_second_that_was_asked_for() {
        for _ in 0..2 {
            assert_eq!(header(784_111_777).unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT");
            assert_eq!(header(784_111_778).unwrap(), "Sun, 06 Nov 1994 08:49:38 GMT");
        }
        assert_eq!(header(i64::MAX), None);
    }
}
