//! The form parameters of a Query call: `Action=…&RoleName=…&Tags.member.1.Key=…`.

use std::collections::BTreeMap;

use url::form_urlencoded;

use crate::sandbox::AwsError;

/// The decoded parameters of one call. Of a repeated name the last value counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// Decodes a form body (or a query string).
    pub fn parse(form: &[u8]) -> Self {
        Self(form_urlencoded::parse(form).into_owned().collect())
    }

    /// The value of `name`, if it was sent and is not empty.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of `name`; without one, the refusal that AWS gives for a required member.
    pub fn required(&self, name: &str) -> Result<&str, AwsError> {
        self.optional(name).ok_or_else(|| {
            AwsError::validation(format!(
                "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
                lower_first(name)
            ))
        })
    }

    /// An integer parameter.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, AwsError> {
        self.optional(name)
            .map(|value| {
                value.parse().map_err(|_| AwsError::bad_request("MalformedInput", format!("{name} must be an integer")))
            })
            .transpose()
    }

    /// An integer parameter within `range`, with AWS's message for a value outside of it.
    pub fn integer_within(&self, name: &str, range: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, AwsError> {
        let Some(value) = self.integer(name)? else { return Ok(None) };
        let bound = if value < *range.start() {
            format!("greater than or equal to {}", range.start())
        } else if value > *range.end() {
            format!("less than or equal to {}", range.end())
        } else {
            return Ok(Some(value));
        };
        Err(AwsError::validation(format!(
            "1 validation error detected: Value '{value}' at '{}' failed to satisfy constraint: Member must have value {bound}",
            lower_first(name)
        )))
    }

    /// The values of a list of strings, `name.member.1`, `name.member.2`, …, in order.
    pub fn strings(&self, name: &str) -> Vec<String> {
        (1..).map_while(|n| self.0.get(&format!("{name}.member.{n}")).cloned()).collect()
    }

    /// The members of a list of structures, each with its own members as parameters.
    pub fn structures(&self, name: &str) -> Vec<Self> {
        (1..)
            .map_while(|n| {
                let prefix = format!("{name}.member.{n}.");
                let members: BTreeMap<_, _> = self
                    .0
                    .iter()
                    .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), value.clone())))
                    .collect();
                (!members.is_empty()).then_some(Self(members))
            })
            .collect()
    }

    /// A list of tags. An empty value is a tag with an empty value.
    pub fn tags(&self, name: &str) -> Result<Vec<(String, String)>, AwsError> {
        self.structures(name)
            .into_iter()
            .map(|tag| {
                let value = tag.0.get("Value").cloned().unwrap_or_default();
                Ok((tag.required("Key")?.to_owned(), value))
            })
            .collect()
    }
}

/// AWS names members in its validation messages with a lower first letter.
pub(crate) fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_structures_are_read_in_order() {
        let params = Params::parse(
            b"Filter.member.1=Role&Filter.member.2=User&Tags.member.1.Key=a&Tags.member.1.Value=1&Tags.member.2.Key=b",
        );
        assert_eq!(params.strings("Filter"), ["Role", "User"]);
        let tags = params.tags("Tags").unwrap();
        assert_eq!(tags, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), String::new())]);
    }

    #[test]
    fn a_missing_member_is_named_as_aws_names_it() {
        let refusal = Params::default().required("RoleName").unwrap_err();
        assert!(refusal.message.contains("Value null at 'roleName'"), "{refusal}");
    }

    #[test]
    fn a_number_outside_its_bounds_is_refused_with_the_bound() {
        let refusal = Params::parse(b"DurationSeconds=60").integer_within("DurationSeconds", 900..=43_200).unwrap_err();
        assert!(refusal.message.ends_with("Member must have value greater than or equal to 900"), "{refusal}");
    }
}
