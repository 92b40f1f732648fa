//! Clocks that differ: told from the `Date` header of the issuer's answer (RFC 9110, section 6.6.1), because an assertion
//! refused as expired says nothing about why.

use driftwise_contract::IssuerUrl;
use driftwise_contract::codes::Code;
use driftwise_contract::wire::CLOCK_SKEW_S;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::clock::rfc3339;
use crate::fault::Fault;

/// IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
const IMF_FIXDATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// Two clocks that differ by more than [`CLOCK_SKEW_S`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Skew {
    ours: OffsetDateTime,
    theirs: OffsetDateTime,
}

impl Skew {
    /// Compares; none where the header is absent, unreadable or close enough.
    pub(super) fn between(ours: OffsetDateTime, date_header: Option<&str>) -> Option<Self> {
        let theirs = time::PrimitiveDateTime::parse(date_header?, IMF_FIXDATE).ok()?.assume_utc();
        let skew = Self { ours, theirs };
        (skew.seconds().abs() > CLOCK_SKEW_S).then_some(skew)
    }

    /// How far ours is ahead, in seconds.
    fn seconds(self) -> i64 {
        self.ours.unix_timestamp() - self.theirs.unix_timestamp()
    }

    /// The error, naming both times and the difference.
    pub(super) fn fault(self, issuer: &IssuerUrl) -> Fault {
        let seconds = self.seconds();
        let direction = if seconds > 0 { "ahead of" } else { "behind" };
        let span = seconds.unsigned_abs();
        Fault::new(Code::IssuerClockSkew, format!("this machine's clock and that of {issuer} differ by {span} s"))
            .because(format!(
                "here it is {}, at the issuer {}: this machine is {span} s {direction} the issuer",
                rfc3339(self.ours),
                rfc3339(self.theirs)
            ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_difference_above_the_tolerance_counts_and_both_times_are_named() {
        let theirs = "Sun, 06 Nov 1994 08:49:37 GMT";
        let at = |seconds: i64| OffsetDateTime::from_unix_timestamp(784_111_777 + seconds).unwrap();
        assert_eq!(Skew::between(at(0), Some(theirs)), None);
        assert_eq!(Skew::between(at(60), Some(theirs)), None);
        assert_eq!(Skew::between(at(3600), None), None);
        assert_eq!(Skew::between(at(3600), Some("yesterday")), None);
        let issuer = "https://id.example.com".parse().unwrap();
        for (seconds, words) in [(3600, "3600 s ahead of"), (-61, "61 s behind")] {
            let fault = Skew::between(at(seconds), Some(theirs)).unwrap().fault(&issuer);
            assert_eq!(fault.code(), Code::IssuerClockSkew);
            let detail = fault.detail().unwrap();
            assert!(detail.contains("1994-11-06T08:49:37Z") && detail.contains(words), "{detail}");
        }
    }
}
