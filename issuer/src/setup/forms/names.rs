//! Names of resources inside CloudFormation templates and Terraform modules, made from the names that AWS shows.
//!
//! Two AWS names can become one (`scan.role` and `scan-role`): the later one gets a number, so the order of a plan decides
//! and the same plan always gives the same names.

use std::collections::BTreeSet;

/// The names that one file has given away.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// A logical id of CloudFormation: letters and digits, 255 at most. `kind` comes first: `Role` and `my-scan` is
    /// `RoleMyScan`.
    pub(super) fn logical_id(&mut self, kind: &str, name: &str) -> String {
        let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let mut id = kind.to_owned();
        for word in words {
            let (first, rest) = word.split_at(1);
            id.push_str(&first.to_ascii_uppercase());
            id.push_str(rest);
        }
        id.truncate(200);
        self.unique(id)
    }

    /// A name of Terraform: an identifier in lower case. `scope` keeps the types apart, since `aws_iam_role.scan` and
    /// `aws_iam_policy.scan` do not clash.
    pub(super) fn terraform(&mut self, scope: &str, name: &str) -> String {
        let words: Vec<_> =
            name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let mut id = words.join("_").to_ascii_lowercase();
        if !id.starts_with(|first: char| first.is_ascii_alphabetic()) {
            id.insert_str(0, "driftwise_");
        }
        let scoped = self.unique(format!("{scope}.{id}"));
        scoped[scope.len() + 1..].to_owned()
    }

    fn unique(&mut self, name: String) -> String {
        let numbered = (2..).map(|n: usize| format!("{name}{n}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|candidate| !self.0.contains(candidate));
        // The numbers do not end.
        let free = free.unwrap_or(name);
        self.0.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_and_never_the_same_twice() {
        let mut names = Names::default();
        assert_eq!(names.logical_id("Role", "driftwise-scan"), "RoleDriftwiseScan");
        assert_eq!(names.logical_id("Role", "driftwise.scan"), "RoleDriftwiseScan2");
        assert_eq!(names.terraform("aws_iam_role", "Driftwise-Scan"), "driftwise_scan");
        assert_eq!(names.terraform("aws_iam_policy", "Driftwise-Scan"), "driftwise_scan");
        assert_eq!(names.terraform("aws_iam_role", "driftwise_scan"), "driftwise_scan2");
        assert_eq!(names.terraform("aws_iam_role", "+1"), "driftwise_1");
        assert_eq!(names.terraform("aws_iam_role", "="), "driftwise_");
    }
}
