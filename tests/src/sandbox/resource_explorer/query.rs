//! The query language of Resource Explorer: filters `name:value` that must all hold, and free words of which one must occur.
//!
//! Case does not matter; `-` in front negates; a value may be quoted, end in `*`, and list alternatives with commas.
//! ("Search query syntax reference for Resource Explorer".)

use crate::sandbox::{AwsError, inventory::LiveResource};

/// The filter names of the language.
const FILTERS: [&str; 9] =
    ["accountid", "application", "id", "region", "resourcetype", "resourcetype.supports", "service", "tag", "tag.key"];
const TAG_VALUE: &str = "tag.value";

/// A parsed query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    filters: Vec<Filter>,
    words: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Filter {
    is_negated: bool,
    name: String,
    values: Vec<String>,
}

impl Query {
    /// Parses a query. Free words are refused unless `allows_words` (`ListResources` and views take filters only).
    pub(super) fn parse(text: &str, allows_words: bool) -> Result<Self, AwsError> {
        let mut query = Self::default();
        for term in terms(text)? {
            let (is_negated, bare) = term.strip_prefix('-').map_or((false, term.as_str()), |rest| (true, rest));
            let filter = bare.split_once(':').map(|(name, value)| (name.to_lowercase(), value));
            match filter {
                Some((name, value)) if name == TAG_VALUE || FILTERS.contains(&name.as_str()) => {
                    let values: Vec<String> = value.split(',').map(|value| unquoted(value).to_lowercase()).collect();
                    if values.iter().any(String::is_empty) {
                        return Err(invalid(&format!("The filter {name} has no value.")));
                    }
                    query.filters.push(Filter { is_negated, name, values });
                }
                Some((name, _)) if !name.starts_with("arn") && !allows_words => {
                    return Err(invalid(&format!("The filter {name} is not supported.")));
                }
                _ if allows_words => query.words.push(unquoted(&term).to_lowercase()),
                _ => {
                    return Err(invalid(
                        "The filter string contains free-form text. Use only filter prefixes, for example region:us-east-1.",
                    ));
                }
            }
        }
        Ok(query)
    }

    /// Whether it asks for tags, which a view without them can't answer.
    pub(super) fn needs_tags(&self) -> bool {
        self.filters.iter().any(|filter| filter.name.starts_with("tag"))
    }

    /// Whether a resource of `account_id` answers it.
    pub(super) fn matches(&self, resource: &LiveResource, account_id: &str) -> bool {
        self.filters.iter().all(|filter| filter.matches(resource, account_id) != filter.is_negated)
            && (self.words.is_empty() || self.words.iter().any(|word| has_word(resource, word)))
    }
}

impl Filter {
    fn matches(&self, resource: &LiveResource, account_id: &str) -> bool {
        self.values.iter().any(|value| match self.name.as_str() {
            "accountid" => fits(account_id, value),
            "id" => fits(&resource.arn, value),
            "region" => fits(&resource.region, value),
            "resourcetype" => fits(&resource.resource_type, value),
            "service" => fits(&resource.service, value),
            "resourcetype.supports" => value == "tags",
            "tag" => match value.as_str() {
                "all" => !resource.tags.is_empty(),
                "none" => resource.tags.is_empty(),
                pair => resource.tags.iter().any(|(key, value)| fits(&format!("{key}={value}"), pair)),
            },
            "tag.key" => resource.tags.keys().any(|key| fits(key, value)),
            TAG_VALUE => resource.tags.values().any(|text| fits(text, value)),
            "application" => resource.tags.get("awsApplication").is_some_and(|text| fits(text, value)),
            _ => false,
        })
    }
}

fn has_word(resource: &LiveResource, word: &str) -> bool {
    let word = word.strip_suffix('*').unwrap_or(word);
    let texts = [&resource.arn, &resource.region, &resource.resource_type];
    texts
        .into_iter()
        .chain(resource.tags.keys())
        .chain(resource.tags.values())
        .any(|text| text.to_lowercase().contains(word))
}

/// Equal without regard to case, or with the same beginning where the pattern ends in `*`.
fn fits(text: &str, pattern: &str) -> bool {
    let text = text.to_lowercase();
    pattern.strip_suffix('*').map_or(text == pattern, |beginning| text.starts_with(beginning))
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

/// Splits at blanks outside quotes.
fn terms(text: &str) -> Result<Vec<String>, AwsError> {
    let mut terms = Vec::new();
    let mut term = String::new();
    let mut in_quotes = false;
    for letter in text.chars() {
        match letter {
            '"' => {
                in_quotes = !in_quotes;
                term.push(letter);
            }
            ' ' if !in_quotes => terms.push(std::mem::take(&mut term)),
            _ => term.push(letter),
        }
    }
    if in_quotes {
        return Err(invalid("The query has an opening quote without a closing one."));
    }
    terms.push(term);
    terms.retain(|term| !term.is_empty());
    Ok(terms)
}

fn invalid(message: &str) -> AwsError {
    AwsError::bad_request("ValidationException", message)
}
