//! A finished document: a policy, what it is called, why each line stands in it, and how long it may be.

use std::fmt;
use std::str::FromStr;

use driftwise_contract::policy::PolicyDocument;

use super::explain_lines::{self, Reasons};

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentKind {
    /// Who may assume a role.
    TrustPolicy,
    /// What the role may do.
    PermissionPolicy,
    /// What the owner of a state bucket allows.
    BucketPolicy,
    /// What the owner of a state's KMS key allows.
    KeyPolicy,
    /// The reading of Terraform states, as a policy of its own.
    StatePolicy,
    /// What one scan's session is narrowed to.
    SessionPolicy,
    /// Who may change IAM at all, in an organisation's member accounts.
    ServiceControlPolicy,
    /// Which federation tokens any role of the account admits.
    ResourceControlPolicy,
}

impl DocumentKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::TrustPolicy,
        Self::PermissionPolicy,
        Self::BucketPolicy,
        Self::KeyPolicy,
        Self::StatePolicy,
        Self::SessionPolicy,
        Self::ServiceControlPolicy,
        Self::ResourceControlPolicy,
    ];

    /// The word of the command line and of file names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TrustPolicy => "trust-policy",
            Self::PermissionPolicy => "permission-policy",
            Self::BucketPolicy => "bucket-policy",
            Self::KeyPolicy => "key-policy",
            Self::StatePolicy => "state-policy",
            Self::SessionPolicy => "session-policy",
            Self::ServiceControlPolicy => "service-control-policy",
            Self::ResourceControlPolicy => "resource-control-policy",
        }
    }

    /// How long a document of this kind may be.
    pub const fn limit(self) -> SizeLimit {
        match self {
            Self::TrustPolicy => SizeLimit {
                characters: 2_048,
                counted: Counted::WithoutWhitespace,
                source: "IAM quotas, \"Role trust policy length\": 2,048 characters, 4,096 by a quota request",
            },
            Self::PermissionPolicy | Self::StatePolicy => SizeLimit {
                characters: 6_144,
                counted: Counted::WithoutWhitespace,
                source: "IAM quotas, \"Managed policy\": 6,144 characters",
            },
            Self::BucketPolicy => SizeLimit {
                characters: 20_480,
                counted: Counted::AsWritten,
                source: "S3 user guide, \"Bucket policies\": 20 KB",
            },
            Self::KeyPolicy => SizeLimit {
                characters: 32_768,
                counted: Counted::AsWritten,
                source: "KMS quotas, \"Key policy document size\": 32 KB",
            },
            Self::SessionPolicy => SizeLimit {
                characters: 2_048,
                counted: Counted::AsWritten,
                source: "STS API, Policy of AssumeRoleWithWebIdentity: 2,048 characters",
            },
            Self::ServiceControlPolicy => SizeLimit {
                characters: 5_120,
                counted: Counted::AsWritten,
                source: "Organizations quotas, \"Service control policies\": 5,120 characters",
            },
            Self::ResourceControlPolicy => SizeLimit {
                characters: 5_120,
                counted: Counted::AsWritten,
                source: "Organizations quotas, \"Resource control policies\": 5,120 characters",
            },
        }
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DocumentKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            format!("{text:?} is no setup document: expected one of {}", Self::ALL.map(Self::as_str).join(", "))
        })
    }
}

/// The length that AWS admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeLimit {
    /// How many characters.
    pub characters: usize,
    /// Which of them count.
    pub counted: Counted,
    /// Where AWS says so.
    pub source: &'static str,
}

/// Which characters count against a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// "IAM doesn't count white space when calculating the size of a policy" (IAM quotas).
    WithoutWhitespace,
    /// Every character of what is sent; the compact form is what counts here.
    AsWritten,
}

/// Something to know before a document is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// How much depends on it.
    pub weight: Weight,
    /// One or two sentences.
    pub text: String,
}

/// How much depends on a [`Note`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weight {
    /// Without it the document does not do what was meant.
    Warning,
    /// Worth knowing.
    Remark,
}

impl Note {
    /// A warning.
    pub fn warning(text: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, text: text.into() }
    }

    /// A remark.
    pub fn remark(text: impl Into<String>) -> Self {
        Self { weight: Weight::Remark, text: text.into() }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.weight {
            Weight::Warning => "warning",
            Weight::Remark => "note",
        };
        write!(f, "{word}: {}", self.text)
    }
}

/// Why a part of a document is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineReason {
    /// The part: a JSON pointer (RFC 6901) into the document as it is written.
    pub pointer: String,
    /// One sentence.
    pub text: String,
}

/// A document, ready to be shown and applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it is for.
    pub kind: DocumentKind,
    /// What people call it.
    pub title: String,
    /// The name of its file without ending; letters, digits, dots and hyphens.
    pub file_stem: String,
    /// The policy.
    pub policy: PolicyDocument,
    /// Why each part is there.
    pub lines: Vec<LineReason>,
    /// What to know before it is applied.
    pub notes: Vec<Note>,
    /// The length that AWS admits.
    pub limit: SizeLimit,
}

impl Document {
    /// A document of a kind, with the limit of that kind; no reasons and notes yet.
    pub fn new(kind: DocumentKind, title: impl Into<String>, policy: PolicyDocument) -> Self {
        Self {
            kind,
            title: title.into(),
            file_stem: kind.as_str().to_owned(),
            policy,
            lines: Vec::new(),
            notes: Vec::new(),
            limit: kind.limit(),
        }
    }

    /// The same document under another file name.
    #[must_use]
    pub fn named(mut self, file_stem: impl Into<String>) -> Self {
        self.file_stem = file_stem.into();
        self
    }

    /// The same document with reasons; `explain` states them.
    #[must_use]
    pub fn explained(mut self, explain: impl FnOnce(Reasons) -> Reasons) -> Self {
        self.lines.extend(explain(Reasons::of(&self.policy)).into_lines());
        self
    }

    /// The same document with a note.
    #[must_use]
    pub fn with_note(mut self, note: Note) -> Self {
        self.notes.push(note);
        self
    }

    /// How many characters count against the limit: those of the compact form, in which no white space stands outside
    /// strings.
    pub fn size(&self) -> usize {
        let compact = self.policy.to_string();
        match self.limit.counted {
            Counted::WithoutWhitespace => compact.chars().filter(|character| !character.is_whitespace()).count(),
            Counted::AsWritten => compact.chars().count(),
        }
    }

    /// Whether AWS takes its length.
    pub fn fits(&self) -> bool {
        self.size() <= self.limit.characters
    }

    /// The lines of the indented document, each with the reason of the part that begins on it.
    pub fn pretty_lines(&self) -> Vec<(String, Option<&str>)> {
        explain_lines::pretty_lines(&self.policy, &self.lines)
    }

    /// The statements and condition keys that no reason is given for, as JSON pointers. Empty for every document that
    /// leaves.
    pub fn unexplained(&self) -> Vec<String> {
        explain_lines::unexplained(&self.policy, &self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_parses_back_from_its_word() {
        for kind in DocumentKind::ALL {
            assert_eq!(kind.to_string().parse::<DocumentKind>().unwrap(), kind);
        }
        assert!("policy".parse::<DocumentKind>().unwrap_err().contains("trust-policy"));
    }

    #[test]
    fn the_size_is_what_aws_counts() {
        let policy = PolicyDocument::parse(
            r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/a b"}}"#,
        )
        .unwrap();
        let compact = policy.to_string();
        let without_blank = Document::new(DocumentKind::PermissionPolicy, "x", policy.clone());
        assert_eq!(without_blank.size(), compact.len() - 1);
        assert_eq!(Document::new(DocumentKind::SessionPolicy, "x", policy).size(), compact.len());
    }
}
