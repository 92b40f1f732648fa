//! Condition operators: a comparison, perhaps over a set, perhaps only if the key exists.

use std::fmt;
use std::str::FromStr;

/// A condition operator such as `ForAnyValue:StringLikeIfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operator {
    /// How the several values of a context key count together.
    pub set: Option<SetQualifier>,
    /// How one context value is compared with one policy value.
    pub comparison: Comparison,
    /// `…IfExists`: an absent key satisfies the condition.
    pub if_exists: bool,
}

/// The qualifier before the colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SetQualifier {
    /// Every value of the context key must pass; none at all passes too.
    ForAllValues,
    /// One value of the context key must pass.
    ForAnyValue,
}

macro_rules! comparisons {
    ($($variant:ident: $doc:literal),+ $(,)?) => {
        /// The comparison itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Comparison {
            $(#[doc = $doc] $variant,)+
        }

        impl Comparison {
            /// All comparisons that AWS knows.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The spelling in a document.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }
        }
    };
}

comparisons! {
    StringEquals: "Equal text.",
    StringNotEquals: "Other text.",
    StringEqualsIgnoreCase: "Equal text, whatever the case.",
    StringNotEqualsIgnoreCase: "Other text, whatever the case.",
    StringLike: "Text that fits a pattern of `*` and `?`.",
    StringNotLike: "Text that does not fit a pattern of `*` and `?`.",
    NumericEquals: "Equal number.",
    NumericNotEquals: "Other number.",
    NumericLessThan: "Smaller number.",
    NumericLessThanEquals: "Smaller or equal number.",
    NumericGreaterThan: "Greater number.",
    NumericGreaterThanEquals: "Greater or equal number.",
    DateEquals: "The same instant.",
    DateNotEquals: "Another instant.",
    DateLessThan: "An earlier instant.",
    DateLessThanEquals: "An earlier or the same instant.",
    DateGreaterThan: "A later instant.",
    DateGreaterThanEquals: "A later or the same instant.",
    Bool: "The same truth value.",
    BinaryEquals: "The same bytes, both in base64.",
    IpAddress: "An address within a CIDR block.",
    NotIpAddress: "An address outside a CIDR block.",
    ArnEquals: "An ARN that fits a pattern, each of its six parts on its own; the same as `ArnLike`.",
    ArnNotEquals: "An ARN that does not fit a pattern; the same as `ArnNotLike`.",
    ArnLike: "An ARN that fits a pattern, each of its six parts on its own.",
    ArnNotLike: "An ARN that does not fit a pattern.",
    Null: "`true`: the key is absent; `false`: it is present.",
}

impl Comparison {
    /// The positive twin of a negated comparison: `StringLike` for `StringNotLike`. An absent key satisfies a negated
    /// comparison.
    pub fn negates(self) -> Option<Self> {
        Some(match self {
            Self::StringNotEquals => Self::StringEquals,
            Self::StringNotEqualsIgnoreCase => Self::StringEqualsIgnoreCase,
            Self::StringNotLike => Self::StringLike,
            Self::NumericNotEquals => Self::NumericEquals,
            Self::DateNotEquals => Self::DateEquals,
            Self::NotIpAddress => Self::IpAddress,
            Self::ArnNotEquals => Self::ArnEquals,
            Self::ArnNotLike => Self::ArnLike,
            _ => return None,
        })
    }

    /// Whether policy variables are replaced in the values: "in any condition that involves the string operators or
    /// the ARN operators" (IAM user guide, policy variables).
    pub fn takes_variables(self) -> bool {
        matches!(
            self.negates().unwrap_or(self),
            Self::StringEquals | Self::StringEqualsIgnoreCase | Self::StringLike | Self::ArnEquals | Self::ArnLike
        )
    }

    /// Whether the values are numbers.
    pub(super) fn is_numeric(self) -> bool {
        self.as_str().starts_with("Numeric")
    }

    /// Whether the values are truth values.
    pub(super) fn is_truth(self) -> bool {
        matches!(self, Self::Bool | Self::Null)
    }
}

impl FromStr for Operator {
    type Err = String;

    /// Reads an operator in any case; AWS's own documents spell `forAllValues:stringEquals` in more than one.
    fn from_str(text: &str) -> Result<Self, String> {
        let refusal = || format!("unknown condition operator {text:?}");
        let (set, rest) = match text.split_once(':') {
            None => (None, text),
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAllValues") => (Some(SetQualifier::ForAllValues), rest),
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAnyValue") => (Some(SetQualifier::ForAnyValue), rest),
            Some(_) => return Err(refusal()),
        };
        let named = |name: &str| {
            Comparison::ALL.iter().copied().find(|comparison| comparison.as_str().eq_ignore_ascii_case(name))
        };
        if let Some(comparison) = named(rest) {
            return Ok(Self { set, comparison, if_exists: false });
        }
        let at = rest.len().checked_sub("IfExists".len()).ok_or_else(refusal)?;
        let (name, suffix) = rest.split_at_checked(at).ok_or_else(refusal)?;
        match named(name) {
            // "You can add IfExists to the end of any condition operator name except the Null condition."
            Some(comparison) if suffix.eq_ignore_ascii_case("IfExists") && comparison != Comparison::Null => {
                Ok(Self { set, comparison, if_exists: true })
            }
            _ => Err(refusal()),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.set {
            None => "",
            Some(SetQualifier::ForAllValues) => "ForAllValues:",
            Some(SetQualifier::ForAnyValue) => "ForAnyValue:",
        })?;
        f.write_str(self.comparison.as_str())?;
        f.write_str(if self.if_exists { "IfExists" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_reads_back_from_its_display() {
        for &comparison in Comparison::ALL {
            for set in [None, Some(SetQualifier::ForAllValues), Some(SetQualifier::ForAnyValue)] {
                for if_exists in [false, true] {
                    let operator = Operator { set, comparison, if_exists };
                    let read = operator.to_string().parse::<Operator>();
                    if comparison == Comparison::Null && if_exists {
                        assert!(read.is_err());
                    } else {
                        assert_eq!(read, Ok(operator));
                        assert_eq!(operator.to_string().to_uppercase().parse(), Ok(operator));
                    }
                }
            }
        }
    }

    #[test]
    fn an_unknown_operator_is_refused_by_name() {
        for text in ["", "StringEqualss", "ForSomeValues:Bool", "IfExists", "ΩIfExists", "é"] {
            assert!(text.parse::<Operator>().unwrap_err().contains(text), "{text}");
        }
    }
}
