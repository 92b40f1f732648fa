//! Wildcards and policy variables.
//!
//! A text from a document is first *resolved* into characters of two sorts: those that the document wrote, among which
//! `*`, `?` and `:` have a meaning, and those that a variable put in, which stand for themselves: a user who is called
//! `*` gains nothing by it.

use super::Context;

/// One character of a resolved text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// Written in the document.
    Written(char),
    /// Put in by a policy variable.
    Filled(char),
}

/// Replaces the policy variables of `text` by values of `variables`; None if one has no value. Without `variables`
/// (version 2008-10-17) the text stands as it is.
pub(super) fn resolve(text: &str, variables: Option<&Context>) -> Option<Vec<Piece>> {
    let mut pieces = Vec::with_capacity(text.len());
    let mut rest = text;
    if let Some(context) = variables {
        while let Some((before, name, after)) = next_variable(rest) {
            pieces.extend(before.chars().map(Piece::Written));
            pieces.extend(value(name, context)?.chars().map(Piece::Filled));
            rest = after;
        }
    }
    pieces.extend(rest.chars().map(Piece::Written));
    Some(pieces)
}

fn next_variable(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// `${key}`, `${key, 'default'}`, or one of the three escapes.
fn value<'a>(variable: &'a str, context: &'a Context) -> Option<&'a str> {
    if let "*" | "?" | "$" = variable {
        return Some(variable);
    }
    let (key, default) = match variable.split_once(',') {
        None => (variable, None),
        Some((key, default)) => {
            let default = default.trim().strip_prefix('\'')?.strip_suffix('\'')?;
            (key, Some(default))
        }
    };
    context.single(key.trim()).or(default)
}

/// The resolved text with its wildcards taken to the letter.
pub(super) fn literal(pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Written(c) | Piece::Filled(c) => c,
        })
        .collect()
}

/// Whether `text` fits: `*` is any run of characters, `?` is any one.
pub(super) fn fits(pattern: &[Piece], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go back to: after the last star, with one more character given to it.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Piece::Written('*')) => {
                p += 1;
                retry = Some((p, t));
                continue;
            }
            Some(Piece::Written('?')) => {
                p += 1;
                t += 1;
                continue;
            }
            Some(Piece::Written(c) | Piece::Filled(c)) if *c == text[t] => {
                p += 1;
                t += 1;
                continue;
            }
            _ => {}
        }
        match &mut retry {
            None => return false,
            Some((after_star, given)) => {
                *given += 1;
                (p, t) = (*after_star, *given);
            }
        }
    }
    pattern[p..].iter().all(|piece| *piece == Piece::Written('*'))
}

/// Whether an action fits. Case has no meaning in actions, and they know no variables.
pub(super) fn action_fits(pattern: &str, action: &str) -> bool {
    let pattern: Vec<_> = pattern.to_lowercase().chars().map(Piece::Written).collect();
    fits(&pattern, &action.to_lowercase())
}

/// Whether an ARN fits under the ARN operators: "each of the six colon-delimited components of the ARN is checked
/// separately". A lone `*` fits every ARN.
pub(super) fn arn_fits(pattern: &[Piece], arn: &str) -> bool {
    let Some(parts) = arn_parts(arn) else {
        return false;
    };
    if pattern == [Piece::Written('*')] {
        return true;
    }
    let patterns = arn_patterns(pattern);
    patterns.len() == parts.len() && patterns.iter().zip(parts).all(|(pattern, part)| fits(pattern, part))
}

/// Whether a resource fits. Parts are matched as by [`arn_fits`], with two liberties of the `Resource` element:
/// - "If the `*` wildcard is the last character of a resource ARN segment, it can expand to match beyond the colon
///   boundaries."
/// - An ARN of fewer than the six parts is completed by `*` for each missing one.
///
/// What is no ARN (`*`, as request or as pattern) is matched as a whole.
pub(super) fn resource_fits(pattern: &[Piece], resource: &str) -> bool {
    let is_arn = |pieces: &[Piece]| pieces.starts_with(&"arn:".chars().map(Piece::Written).collect::<Vec<_>>());
    if arn_parts(resource).is_none() || !is_arn(pattern) {
        return fits(pattern, resource);
    }
    if fits_beyond_colons(pattern, resource) {
        return true;
    }
    let colons = pattern.iter().filter(|piece| **piece == Piece::Written(':'));
    colons.count() < 5 && {
        let completed = [pattern, &[Piece::Written(':'), Piece::Written('*')]].concat();
        fits_beyond_colons(&completed, resource)
    }
}

/// As [`fits`], but the first five colons of the ARN are matched by a colon or by a star that ends a part, and not by
/// any other wildcard.
fn fits_beyond_colons(pattern: &[Piece], arn: &str) -> bool {
    // reachable[t]: the pattern read so far fits the first t characters.
    let text: Vec<char> = arn.chars().collect();
    let mut colons = 0;
    let is_boundary: Vec<bool> = text
        .iter()
        .map(|c| {
            colons += usize::from(*c == ':');
            *c == ':' && colons <= 5
        })
        .collect();
    let mut reachable = vec![false; text.len() + 1];
    reachable[0] = true;
    for (place, piece) in pattern.iter().enumerate() {
        if *piece == Piece::Written('*') {
            let ends_part = matches!(pattern.get(place + 1), None | Some(Piece::Written(':')));
            for t in 0..text.len() {
                reachable[t + 1] |= reachable[t] && (ends_part || !is_boundary[t]);
            }
        } else {
            for t in (0..text.len()).rev() {
                reachable[t + 1] = reachable[t]
                    && match piece {
                        Piece::Written('?') => !is_boundary[t],
                        Piece::Written(c) => *c == text[t],
                        Piece::Filled(c) => *c == text[t] && !is_boundary[t],
                    };
            }
            reachable[0] = false;
        }
    }
    reachable[text.len()]
}

fn arn_parts(arn: &str) -> Option<[&str; 6]> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    <[&str; 6]>::try_from(parts).ok().filter(|parts| parts[0] == "arn")
}

/// The parts of a pattern, at most six. A colon out of a variable parts nothing, so that a value can't move into the
/// next part, unless the variable stands for the ARN as a whole.
fn arn_patterns(pattern: &[Piece]) -> Vec<&[Piece]> {
    let is_filled = matches!(pattern.first(), Some(Piece::Filled(_)));
    pattern.splitn(6, |piece| *piece == Piece::Written(':') || is_filled && *piece == Piece::Filled(':')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Vec<Piece> {
        resolve(text, None).unwrap()
    }

    #[test]
    fn wildcards_span_runs_and_single_characters() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("a?c", "aéc", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*ab", "aab", true),
            ("a**", "a", true),
            ("abc", "ABC", false),
        ] {
            assert_eq!(fits(&written(pattern), text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn variables_are_replaced_by_text_that_is_no_pattern() {
        let mut context = Context::new();
        context.set("aws:username", "a*").set_many("aws:TagKeys", ["x"]);
        let resolved = |text| resolve(text, Some(&context));
        assert_eq!(literal(&resolved("x/${aws:UserName}/y").unwrap()), "x/a*/y");
        assert!(!fits(&resolved("${aws:username}").unwrap(), "ab"));
        assert!(fits(&resolved("${*}${?}${$}").unwrap(), "*?$"));
        assert!(!fits(&resolved("${*}").unwrap(), "x"));
        assert_eq!(literal(&resolved("${aws:userid, 'no one'}").unwrap()), "no one");
        assert_eq!(resolved("${aws:userid}"), None);
        assert_eq!(resolved("${aws:TagKeys}"), None);
        assert_eq!(literal(&resolved("${open").unwrap()), "${open");
        assert_eq!(literal(&written("${aws:username}")), "${aws:username}");
    }

    #[test]
    fn arns_are_matched_part_by_part() {
        let arn = "arn:aws:iam::123456789012:role/a/b:c";
        for (pattern, expected) in [
            ("arn:aws:iam::123456789012:role/*", true),
            ("arn:*:iam::*:role/a?b*", true),
            ("arn:aws:*:role/a/b:c", false),
            ("arn:aws:*", false),
            ("*", true),
            ("*role*", false),
        ] {
            assert_eq!(arn_fits(&written(pattern), arn), expected, "{pattern}");
        }
        assert!(!arn_fits(&written("*"), "no arn"));
    }

    #[test]
    fn a_resource_may_be_incomplete_and_its_last_stars_reach_beyond_colons() {
        for (pattern, resource, expected) in [
            ("arn:aws:sqs", "arn:aws:sqs:us-east-1:123456789012:q", true),
            ("arn:aws:sqs:*", "arn:aws:sqs:us-east-1:123456789012:q", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/k:1/x", true),
            ("arn:aws:s3:::b", "arn:aws:s3:::b/k", false),
            ("arn:aws:sqs:*:q", "arn:aws:sqs:us-east-1:123456789012:q", true),
            ("arn:aws:sqs:u*1:q", "arn:aws:sqs:us-east-1:123456789012:q", false),
            ("arn:aws:sqs:us*q:*", "arn:aws:sqs:us-east-1:123456789012:q", false),
            ("arn:aws:s3:::b*k*", "arn:aws:s3:::b/a:k:1", true),
            ("arn:aws:s3??b", "arn:aws:s3:::b", false),
            ("*", "arn:aws:s3:::b", true),
            ("*", "*", true),
            ("arn:aws:s3:::b", "*", false),
            ("", "arn:aws:s3:::b", false),
        ] {
            assert_eq!(resource_fits(&written(pattern), resource), expected, "{pattern} {resource}");
        }
    }

    #[test]
    fn a_variable_cannot_move_into_the_next_part_of_an_arn() {
        let mut context = Context::new();
        context.set("aws:PrincipalTag/a", "1:x").set("aws:SourceArn", "arn:aws:sns:r:1:t");
        let pattern = resolve("arn:aws:sqs:r:${aws:PrincipalTag/a}", Some(&context)).unwrap();
        assert!(!resource_fits(&pattern, "arn:aws:sqs:r:1:x"));
        let pattern = resolve("${aws:SourceArn}", Some(&context)).unwrap();
        assert!(arn_fits(&pattern, "arn:aws:sns:r:1:t"));
    }
}
