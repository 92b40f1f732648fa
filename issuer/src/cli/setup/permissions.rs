//! What the role may read, as the command line says it: types by name, and files that tell types (lists, states, scan reports).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use super::super::output::say;
use crate::setup::permission::{POLICIES_PER_ROLE, POLICIES_PER_ROLE_BY_QUOTA, ScopeError, TypesInScope};
use crate::setup::{Field, FieldFault};

/// The longest list of types that is read, in bytes: many times all types there are.
const LIST_MAX_BYTES: u64 = 1024 * 1024;

/// What the role may read.
#[derive(Debug, Args)]
pub(super) struct Permissions {
    /// What the role may read: read-only-access or least-privilege [default: read-only-access, or least-privilege where types are
    /// given]
    #[arg(long, value_name = "LEVEL", help_heading = "Permissions")]
    access: Option<String>,
    #[command(flatten)]
    scope: ScopeChoice,
    /// Allow this action, which a least-privilege policy leaves out by itself; may be given several times
    #[arg(long, value_name = "ACTION", value_delimiter = ',', requires = "ScopeChoice", help_heading = "Permissions")]
    pub(super) include_surprising: Vec<String>,
    /// Let wildcards by service (ec2:Describe*) stand for lists of actions
    #[arg(long, requires = "ScopeChoice", help_heading = "Permissions")]
    pub(super) compact: bool,
    /// How many managed policies the role has room for, 1 to 20: AWS's quota, less those that it has beside [default: 10]
    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = policies,
        requires = "ScopeChoice",
        help_heading = "Permissions"
    )]
    policies_max: Option<usize>,
}

/// Where types come from; all of them add up.
#[derive(Debug, Args)]
struct ScopeChoice {
    /// A resource type that a least-privilege policy is made for, or @FILE with a list of them (@- is stdin); may be given several
    /// times
    #[arg(long, value_name = "TYPE", value_delimiter = ',', help_heading = "Permissions")]
    types: Vec<String>,
    /// The types that a Terraform state declares: a state file or the output of `terraform show -json`; - is stdin; may be given
    /// several times
    #[arg(long, value_name = "FILE", help_heading = "Permissions")]
    from_state: Vec<PathBuf>,
    /// The types that a finished scan read: the output of `driftwise-agent scan --output json`; - is stdin; may be given several
    /// times
    #[arg(long, value_name = "REPORT", help_heading = "Permissions")]
    from_scan: Vec<PathBuf>,
}

/// Files that tell no types. Wrong usage, as a refused field: the program exits with 2.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(FileFault::to_string).collect::<Vec<_>>().join("\n"))]
pub(in crate::cli) struct RefusedFiles(Vec<FileFault>);

/// What is wrong with a file, never with a value of it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {path:?}: {cause}", kind.flag())]
struct FileFault {
    kind: Kind,
    path: PathBuf,
    cause: String,
}

impl Permissions {
    /// The word of the access level; empty: not said.
    pub(super) fn access(&self) -> String {
        match &self.access {
            None if self.scope.is_given() => "least-privilege".to_owned(),
            access => access.clone().unwrap_or_default(),
        }
    }

    /// The types given by name, by lines.
    pub(super) fn named_types(&self) -> String {
        let named = self.scope.types.iter().filter(|name| !name.starts_with('@'));
        named.map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// The types that the files tell.
    pub(super) fn types_of_files(&self) -> Result<TypesInScope, RefusedFiles> {
        self.scope.read()
    }

    /// Types that no policy would be made for.
    pub(super) fn unused_types(&self) -> Option<FieldFault> {
        let access = self.access.as_deref().filter(|access| *access == "read-only-access" && self.scope.is_given())?;
        let reason = "types are given, and only a least-privilege policy is made for types";
        Some(FieldFault::new(Field::Access, access, reason, "leave it out, or --types, --from-state and --from-scan"))
    }

    /// How many managed policies the role has room for.
    pub(super) fn policies_max(&self) -> usize {
        self.policies_max.unwrap_or(POLICIES_PER_ROLE)
    }
}

impl ScopeChoice {
    fn is_given(&self) -> bool {
        !(self.types.is_empty() && self.from_state.is_empty() && self.from_scan.is_empty())
    }

    fn files(&self) -> impl Iterator<Item = (Kind, &Path)> {
        let lists =
            self.types.iter().filter_map(|name| name.strip_prefix('@')).map(|path| (Kind::List, Path::new(path)));
        let states = self.from_state.iter().map(|path| (Kind::State, path.as_path()));
        lists.chain(states).chain(self.from_scan.iter().map(|path| (Kind::Scan, path.as_path())))
    }

    /// Reads every file, so that all faults are told at once.
    fn read(&self) -> Result<TypesInScope, RefusedFiles> {
        let (mut scope, mut faults, mut stdin_is_read) = (TypesInScope::default(), Vec::new(), false);
        for (kind, path) in self.files() {
            let types = if is_stdin(path) && std::mem::replace(&mut stdin_is_read, true) {
                Err("stdin holds one document: give the others as files".to_owned())
            } else {
                kind.read(path)
            };
            match types {
                Ok(types) => scope = scope.and(types),
                Err(cause) => faults.push(FileFault { kind, path: path.to_owned(), cause }),
            }
        }
        if faults.is_empty() { Ok(scope) } else { Err(RefusedFiles(faults)) }
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// What a file is read as.
#[derive(Debug, Clone, Copy)]
enum Kind {
    List,
    State,
    Scan,
}

impl Kind {
    const fn flag(self) -> &'static str {
        match self {
            Self::List => "--types",
            Self::State => "--from-state",
            Self::Scan => "--from-scan",
        }
    }

    /// What to give, after the reason of a refusal.
    const fn fix(self) -> &'static str {
        match self {
            Self::List => "give a list of types, by lines or commas",
            Self::State => "give a state file or the output of `terraform show -json`",
            Self::Scan => "give the output of `driftwise-agent scan --output json`",
        }
    }

    fn read(self, path: &Path) -> Result<TypesInScope, String> {
        if path.starts_with("s3:") {
            let flag = self.flag();
            return Err(format!(
                "it lies in S3, and the issuer reads no bucket: `aws s3 cp {} -` into a pipe, and {flag} -",
                path.display().to_string().escape_default()
            ));
        }
        let open = |path| File::open(path).map_err(|error| format!("it can't be opened: {error}"));
        let from: Box<dyn Read> = if is_stdin(path) { Box::new(io::stdin().lock()) } else { Box::new(open(path)?) };
        let types = match self {
            Self::List => list(from)?.parse(),
            Self::State => TypesInScope::of_state(from),
            Self::Scan => TypesInScope::of_scan(from),
        };
        match types {
            // One of several may well hold none; that all hold none is told of the field.
            Err(ScopeError::Empty) => {
                say(&format!("note: {} {:?} names no type of AWS", self.flag(), path.to_string_lossy()));
                Ok(TypesInScope::default())
            }
            Err(error @ ScopeError::Document { .. }) => Err(format!("{error}; {}", self.fix())),
            types => types.map_err(|error| error.to_string()),
        }
    }
}

fn list(from: impl Read) -> Result<String, String> {
    let mut text = String::new();
    from.take(LIST_MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| format!("it can't be read: {error}"))?;
    if u64::try_from(text.len()).is_ok_and(|length| length <= LIST_MAX_BYTES) {
        Ok(text)
    } else {
        Err(format!("it has more than {LIST_MAX_BYTES} bytes; {}", Kind::List.fix()))
    }
}

fn policies(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=POLICIES_PER_ROLE_BY_QUOTA).contains(number));
    number.ok_or_else(|| format!("a role can have 1 to {POLICIES_PER_ROLE_BY_QUOTA} managed policies"))
}
