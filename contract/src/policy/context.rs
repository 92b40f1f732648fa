//! The condition keys of one request. Names are looked up without regard to case, the tag key of
//! `aws:RequestTag/Key` included: "condition key names are not case-sensitive" (IAM user guide, Condition).

use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Condition keys and their values. A key without any value counts as absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    values: Vec<String>,
    is_multivalued: bool,
}

impl Context {
    /// A context without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key of one value; a former value is gone.
    pub fn set(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.insert(key, vec![value.into()], false)
    }

    /// Sets a multivalued key, such as `aws:TagKeys`. Without values it counts as absent.
    pub fn set_many<V: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = V>) -> &mut Self {
        self.insert(key, values.into_iter().map(Into::into).collect(), true)
    }

    /// Sets a truth value.
    pub fn set_bool(&mut self, key: &str, value: bool) -> &mut Self {
        self.set(key, value.to_string())
    }

    /// Sets a whole number.
    pub fn set_number(&mut self, key: &str, value: i64) -> &mut Self {
        self.set(key, value.to_string())
    }

    /// Sets an instant, such as `aws:CurrentTime`.
    pub fn set_date(&mut self, key: &str, value: OffsetDateTime) -> &mut Self {
        // RFC 3339 can't write years beyond 9999; epoch seconds can, and mean the same to the Date operators.
        let text = value.format(&Rfc3339).unwrap_or_else(|_| value.unix_timestamp().to_string());
        self.set(key, text)
    }

    /// Takes a key away.
    pub fn remove(&mut self, key: &str) -> &mut Self {
        self.entries.remove(&key.to_lowercase());
        self
    }

    /// The values of a key; none when it is absent.
    pub fn values(&self, key: &str) -> Option<&[String]> {
        let entry = self.entries.get(&key.to_lowercase())?;
        (!entry.values.is_empty()).then_some(&entry.values)
    }

    /// The value of a single-valued key: what a policy variable may stand for ("you cannot use multivalued context
    /// keys as policy variables").
    pub fn single(&self, key: &str) -> Option<&str> {
        let entry = self.entries.get(&key.to_lowercase())?;
        match entry.values.as_slice() {
            [value] if !entry.is_multivalued => Some(value),
            _ => None,
        }
    }

    /// All present keys in lower case, sorted, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.entries
            .iter()
            .filter(|(_, entry)| !entry.values.is_empty())
            .map(|(key, entry)| (key.as_str(), entry.values.as_slice()))
    }

    fn insert(&mut self, key: &str, values: Vec<String>, is_multivalued: bool) -> &mut Self {
        let entry = Entry { values, is_multivalued };
        self.entries.insert(key.to_lowercase(), entry);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_any_case() {
        let mut context = Context::new();
        context.set("aws:RequestTag/Dw_Org", "a");
        assert_eq!(context.single("AWS:requesttag/dw_org"), Some("a"));
        context.set_many("aws:TagKeys", ["a", "b"]);
        assert_eq!(context.single("aws:tagkeys"), None);
        context.set_many("aws:TagKeys", Vec::<String>::new());
        assert_eq!(context.values("aws:TagKeys"), None);
        context.set_date("aws:CurrentTime", OffsetDateTime::UNIX_EPOCH);
        assert_eq!(context.single("aws:currenttime"), Some("1970-01-01T00:00:00Z"));
    }
}
