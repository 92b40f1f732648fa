//! From a request to what the page shows of it: answers in short, documents, commands.

use super::files;
use super::form::capital;
use super::view::document::{DocumentView, Language, Mine, NoteView, SizeView, chunks, number, plain_chunks};
use super::view::pages::{CommandView, LaunchView, MadeView, ProofView, TabView};
use super::words::words;
use super::{Place, query_of};
use crate::setup::document::{Counted, Weight};
use crate::setup::forms::{As, OutputFile, QuickCreate};
use crate::setup::request::{SetupRequest, TrustChoice};
use crate::setup::{Document, DocumentKind, Field, Note, RawRequest, SetupError};

/// Everything that a request makes.
pub(super) fn made(place: &Place, raw: &RawRequest, request: &SetupRequest) -> Result<MadeView, SetupError> {
    let plan = request.plan()?;
    let query = query_of(raw);
    let mine = mine(raw, request);
    let link = |form: As, file: &str| {
        let file: String = url::form_urlencoded::byte_serialize(file.as_bytes()).collect();
        format!("{}{}/download?{query}&as={}&file={file}", place.base_path, place.here, form.as_str())
    };
    let mut json = Vec::new();
    for (index, document) in files::documents(request)?.iter().enumerate() {
        let file_name = format!("{}.json", document.file_stem);
        json.push(document_view(index, document, link(As::Json, &file_name), file_name, &mine));
    }
    let mut tabs = Vec::new();
    for form in As::ALL {
        let (title, lead) = files::words(form);
        let documents: Vec<DocumentView> = if form == As::Json {
            std::mem::take(&mut json)
        } else {
            let view = |(index, file)| file_view(form, index, file, &mine, &link);
            files::files(request, form)?.into_iter().enumerate().map(view).collect()
        };
        tabs.push(TabView {
            id: form.as_str(),
            label: form.title(),
            title,
            lead,
            launch: place.quick_create(&plan).filter(|_| form == As::CloudFormation).map(launch),
            commands: commands(form, documents.first().map_or("", |document| &document.file_name)),
            documents,
        });
    }
    Ok(MadeView {
        answers: answers(request),
        words: words(request, &plan),
        tabs,
        bundle: format!("{}{}/bundle?{query}", place.base_path, place.here),
        is_registered: is_registered(place, request),
        register: register(place, request),
        prove: prove(request),
        proof: None::<ProofView>,
    })
}

fn launch(quick_create: QuickCreate) -> LaunchView {
    LaunchView { link: quick_create.link, template_url: quick_create.template_url }
}

/// The values that are marked: every answer, and what follows from it.
fn mine(raw: &RawRequest, request: &SetupRequest) -> Mine {
    let typed = Field::ALL.iter().filter(|field| {
        !matches!(field, Field::Trust | Field::Access | Field::RoleAuthorizedByIdp | Field::Types | Field::AllowActions)
    });
    let typed = typed.flat_map(|field| raw.text(*field).split_whitespace().map(str::to_owned));
    let states = request.states.iter().map(|state| state.bucket.to_string());
    let derived = [
        request.role.to_string(),
        request.account().to_string(),
        request.org.to_string(),
        request.role.role_name().to_owned(),
    ];
    Mine::new(typed.chain(states).chain(derived))
}

fn answers(request: &SetupRequest) -> Vec<(String, String)> {
    let mut answers = vec![
        ("Account".to_owned(), request.account().to_string()),
        ("Role".to_owned(), request.role.role_name().to_owned()),
        ("Region".to_owned(), request.region.to_string()),
        ("Trust".to_owned(), request.trust.as_str().to_owned()),
        ("Access".to_owned(), request.access.as_str().to_owned()),
    ];
    answers.extend(request.states.iter().map(|state| ("State".to_owned(), state.bucket.to_string())));
    answers
}

fn document_view(index: usize, document: &Document, download: String, file_name: String, mine: &Mine) -> DocumentView {
    let lines = document.pretty_lines();
    let lines = lines.iter().map(|(line, why)| (line.as_str(), *why));
    DocumentView {
        id: format!("{}-{index}", document.kind),
        title: document.title.clone(),
        about: about(document.kind).to_owned(),
        file_name,
        download,
        size: Some(size(document)),
        chunks: chunks(lines, Language::Json, mine),
        notes: document.notes.iter().map(note).collect(),
    }
}

fn size(document: &Document) -> SizeView {
    let (used, limit) = (document.size(), document.limit.characters);
    let how = match document.limit.counted {
        Counted::WithoutWhitespace => ", white space not counted",
        Counted::AsWritten => "",
    };
    SizeView {
        used,
        limit,
        high: limit - limit / 10,
        text: format!("{} of {} characters{how}", number(used), number(limit)),
    }
}

fn note(note: &Note) -> NoteView {
    let (class, kind) = match note.weight {
        Weight::Warning => ("warn", "Warning:"),
        Weight::Remark => ("", "Note:"),
    };
    NoteView { class, kind, text: capital(&note.text) }
}

/// What a document is for and where it goes.
fn about(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::TrustPolicy => "Who may assume the role. In IAM: the role, “Trust relationships”.",
        DocumentKind::PermissionPolicy => {
            "What the role may do. In IAM: a managed policy that is attached to the role."
        }
        DocumentKind::BucketPolicy => {
            "What the owner of the state’s bucket allows. To be merged into the policy that the bucket has."
        }
        DocumentKind::KeyPolicy => {
            "What the owner of the state’s key allows. To be merged into the policy that the key has."
        }
        DocumentKind::StatePolicy => "The reading of Terraform states, as a policy of its own.",
        DocumentKind::SessionPolicy => {
            "What one scan’s session is narrowed to, whatever the role may do. The agent sends it by itself."
        }
        DocumentKind::ServiceControlPolicy => {
            "Who may change IAM at all. In AWS Organizations; never on the management account."
        }
        DocumentKind::ResourceControlPolicy => "Which tokens any role of the account admits. In AWS Organizations.",
    }
}

fn file_view(
    form: As,
    index: usize,
    file: OutputFile,
    mine: &Mine,
    link: &impl Fn(As, &str) -> String,
) -> DocumentView {
    DocumentView {
        id: format!("{form}-{index}"),
        about: String::new(),
        download: link(form, &file.path),
        size: None,
        chunks: plain_chunks(file.text.trim_end_matches('\n'), Language::of_file(&file.path), mine),
        notes: Vec::new(),
        file_name: file.path.replace('/', "-"),
        title: file.path,
    }
}

fn commands(form: As, file_name: &str) -> Vec<CommandView> {
    let (about, text) = match form {
        As::Json => return Vec::new(),
        As::Cli => ("Read the script, then run it with credentials of the account:", format!("bash {file_name}")),
        As::CloudFormation => (
            "In the console, or with credentials of the account:",
            format!(
                "aws cloudformation deploy --stack-name driftwise --capabilities CAPABILITY_NAMED_IAM --template-file {file_name}"
            ),
        ),
        As::Terraform => (
            "Everything below is in the archive, in its folders. In the folder of the account:",
            "terraform init && terraform plan".to_owned(),
        ),
    };
    vec![CommandView { id: format!("{form}-run"), about: about.to_owned(), text }]
}

/// Whether the org registered this very role, with this form.
fn is_registered(place: &Place, request: &SetupRequest) -> bool {
    place
        .registered
        .as_ref()
        .is_some_and(|known| *known.role_arn() == request.role && known.trust_form().as_str() == request.trust.as_str())
}

/// How the issuer learns of the role.
fn register(place: &Place, request: &SetupRequest) -> Vec<CommandView> {
    let TrustChoice::Federated { form, .. } = &request.trust else { return Vec::new() };
    if is_registered(place, request) {
        return Vec::new();
    }
    let text = format!(
        "driftwise-issuer account register --org {} --account-id {} --role-arn {} --region {} --form {}",
        request.org,
        request.account(),
        request.role,
        request.region,
        form.as_str()
    );
    vec![CommandView {
        id: "register-account".to_owned(),
        about:
            "On the issuer’s host. From then on it mints tokens for this role, and for no role that is not registered."
                .to_owned(),
        text,
    }]
}

/// How an agent shows that the right ones get in, and the wrong ones don’t.
fn prove(request: &SetupRequest) -> Vec<CommandView> {
    let command =
        |id: &str, about: &str, text: String| CommandView { id: id.to_owned(), about: about.to_owned(), text };
    vec![
        command(
            "prove-code",
            "Make a code for an agent, on the issuer’s host:",
            format!("driftwise-issuer agent enrol --org {}", request.org),
        ),
        command(
            "prove-enrol",
            "Enrol the agent with that code, where it will run. Its key never leaves that machine:",
            format!("driftwise-agent enrol --issuer {} --code CODE", quoted(request.issuer.issuer.as_str())),
        ),
        command(
            "prove-it",
            "Then let it try both: a token for an organisation that does not exist, which AWS must turn away, and the real one, which must get in:",
            format!("driftwise-agent prove --account {}", request.account()),
        ),
    ]
}

/// A word of a POSIX shell.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_quoted_word_as_one() {
        assert_eq!(quoted("https://id.example.com/a-b"), "https://id.example.com/a-b");
        assert_eq!(quoted("a b'$(c)"), r"'a b'\''$(c)'");
        assert_eq!(quoted(""), "''");
    }
}
