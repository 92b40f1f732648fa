//! Environment variables as configuration. A value is text, whatever it looks like: `12345` is an audience as good as any.
//! Only what begins with `[` or `"` is read as a list or as quoted text.

use std::ffi::OsString;

use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

const PREFIX: &str = "DRIFTWISE_ISSUER__";

/// One variable that sets one key.
#[derive(Debug)]
pub(super) struct Variable {
    name: String,
    /// `section.key`.
    key: String,
    value: String,
}

/// The variables that are meant for the issuer, by name.
pub(super) fn variables(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<Variable> {
    let mut variables: Vec<Variable> = all
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let (prefix, rest) = name.split_at_checked(PREFIX.len())?;
            if !prefix.eq_ignore_ascii_case(PREFIX) || rest.is_empty() {
                return None;
            }
            let key = rest.to_ascii_lowercase().replace("__", ".");
            Some(Variable { key, value: value.to_string_lossy().into_owned(), name })
        })
        .collect();
    variables.sort_by(|a, b| a.name.cmp(&b.name));
    variables
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("the environment variable {}", self.name))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let value = if self.value.starts_with(['[', '"']) {
            // Figment's reading of a text as a value has no errors: what it does not know is text.
            self.value.parse().unwrap_or_else(|never: std::convert::Infallible| match never {})
        } else {
            Value::from(self.value.as_str())
        };
        match figment::util::nest(&self.key, value).into_dict() {
            Some(dict) => Ok(Profile::Default.collect(dict)),
            None => Err(Error::from(format!("{} names no key", self.name))),
        }
    }
}
