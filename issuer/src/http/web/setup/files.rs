//! The files that are downloaded: one by one, or all of them as a zip archive.

use std::io::{Cursor, Write as _};

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use zip::write::SimpleFileOptions;

use super::Place;
use crate::http::problem::Problem;
use crate::setup::forms::{self, As, OutputFile, Selection, render};
use crate::setup::{Document, DocumentKind, SetupError, SetupRequest};

/// Heading and first sentence of a form's tab.
pub(super) const fn words(form: As) -> (&'static str, &'static str) {
    match form {
        As::Json => (
            "The policies, to read and to paste",
            "What every other form is made of. Read these, whichever way you deploy.",
        ),
        As::Cli => (
            "AWS CLI commands",
            "A script that may be run again: what is there already is brought up to date, and an OIDC provider that exists gets the audience added.",
        ),
        As::CloudFormation => (
            "CloudFormation template",
            "One stack. Where the account has the OIDC provider already, say so in the stack’s parameter.",
        ),
        As::Terraform => (
            "Terraform module",
            "For the AWS provider 5 and 6. With the imports, a plan after the commands of the AWS CLI shows no difference in meaning.",
        ),
    }
}

/// Every document of a request, in the order of the page.
pub(super) fn documents(request: &SetupRequest) -> Result<Vec<Document>, SetupError> {
    let mut all = Vec::new();
    for kind in DocumentKind::ALL {
        match request.document(kind) {
            Ok(documents) => all.extend(documents),
            Err(SetupError::NotWanted { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// The files of a form.
pub(super) fn files(request: &SetupRequest, form: As) -> Result<Vec<OutputFile>, SetupError> {
    if form == As::Json {
        Ok(documents(request)?.iter().map(file).collect())
    } else {
        render(&request.plan()?, Selection::Everything, form)
    }
}

fn file(document: &Document) -> OutputFile {
    OutputFile {
        path: format!("{}.json", document.file_stem),
        media_type: "application/json",
        text: format!("{}\n", document.policy.to_pretty_string()),
    }
}

/// One file as a download; the first where none is named.
pub(super) fn download(request: &SetupRequest, form: As, path: &str) -> Result<Response, Problem> {
    let mut all = files(request, form).map_err(|error| refused(&error))?.into_iter();
    let file = all.find(|file| path.is_empty() || file.path == path).ok_or_else(Problem::not_found)?;
    Ok(attachment(&file.path.replace('/', "-"), file.media_type, file.text.into_bytes()))
}

/// All of it as a zip archive: every form, and beside them the documents that no form deploys. The same request always gives the
/// same bytes: the archive names no time.
pub(super) fn bundle(place: &Place, request: &SetupRequest) -> Result<Response, Problem> {
    let packed = || -> Result<Vec<OutputFile>, SetupError> {
        let plan = request.plan()?;
        let mut all = forms::bundle(&plan, place.quick_create(&plan).as_ref())?;
        let deployed = [DocumentKind::TrustPolicy, DocumentKind::PermissionPolicy];
        let more = documents(request)?.into_iter().filter(|document| {
            !deployed.contains(&document.kind)
                && plan.attach_by_hand.iter().all(|known| known.file_stem != document.file_stem)
        });
        all.extend(more.map(|document| {
            let file = file(&document);
            OutputFile { path: format!("more/{}", file.path), ..file }
        }));
        Ok(all)
    };
    let files: Vec<(String, String)> =
        packed().map_err(|error| refused(&error))?.into_iter().map(|file| (file.path, file.text)).collect();
    let bytes = archive(&files).map_err(|error| {
        tracing::error!(error = %error, "a bundle could not be packed");
        Problem::internal()
    })?;
    Ok(attachment(&format!("driftwise-{}.zip", request.account()), "application/zip", bytes))
}

fn archive(files: &[(String, String)]) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    // Scripts are told apart by their ending alone: an archive's modes get lost where it is unpacked on Windows.
    let options =
        SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).unix_permissions(0o644);
    for (path, text) in files {
        archive.start_file(path.as_str(), options)?;
        archive.write_all(text.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}

/// What can't be made of answers that are right each by itself.
fn refused(error: &SetupError) -> Problem {
    Problem::request_invalid(error.to_string())
}

fn attachment(file_name: &str, media_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-store")], body).into_response();
    // RFC 6266; the names of files are letters, digits, dots, hyphens and underscores, others become hyphens.
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '-' };
    let name: String = file_name.chars().map(plain).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn an_archive_holds_every_file_to_the_letter_and_names_no_time() {
        let files = [("json/a.json".to_owned(), "{}\n".to_owned()), ("cli/b.sh".to_owned(), "ä\n".to_owned())];
        let bytes = archive(&files).unwrap();
        assert_eq!(bytes, archive(&files).unwrap());
        let mut read = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        for (path, text) in &files {
            let mut content = String::new();
            read.by_name(path).unwrap().read_to_string(&mut content).unwrap();
            assert_eq!(content, *text);
        }
    }

    #[test]
    fn a_file_name_can_not_end_its_header() {
        let response = attachment("a\"; x=\r\nb/ü.json", "text/plain", Vec::new());
        assert_eq!(response.headers()[CONTENT_DISPOSITION], "attachment; filename=\"a---x---b--.json\"");
    }
}
