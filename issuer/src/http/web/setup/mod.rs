//! The set-up pages: an org's documents, the linter's box, downloads. `/setup` is the same for whoever has no org yet, with
//! placeholders in place of one.
//!
//! A request is its query: a page can be kept, sent to a colleague and come back to, and the server remembers nothing. Nothing in
//! it is secret; an External ID is a name, no password (IAM user guide, "The confused deputy problem").
//!
//! To add a question: a field of `setup::RawRequest`, its place in `form`, and in `templates/pages/components/setup-form.html`.

mod files;
mod form;
mod lint;
mod made;
pub(in crate::http) mod org;
mod view;
mod words;

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use driftwise_contract::OrgId;
use serde::Deserialize;
use uuid::Uuid;

use self::form::capital;
use self::view::pages::{OrgView, PasteView, SetupPage};
use super::layout::page;
use crate::accounts::AwsAccount;
use crate::app::App;
use crate::federation::Settings;
use crate::http::problem::Problem;
use crate::setup::forms::{As, QuickCreate, TemplateUrl};
use crate::setup::request::ExternalId;
use crate::setup::{Field, IssuerFacts, RawRequest, SetupPlan, SetupRequest};

/// Where the public page lies.
pub(in crate::http) const PUBLIC_PATH: &str = "/setup";
/// One file of it.
pub(in crate::http) const PUBLIC_DOWNLOAD_PATH: &str = "/setup/download";
/// All of it.
pub(in crate::http) const PUBLIC_BUNDLE_PATH: &str = "/setup/bundle";

/// The linter's box.
pub(in crate::http) const PUBLIC_LINT_PATH: &str = "/setup/lint";

/// The org of the public page: an id that no org has, for it is not random.
const PLACEHOLDER_ORG: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0000);
/// The account of the public page: one of AWS's own examples.
const PLACEHOLDER_ACCOUNT: &str = "111122223333";

/// Whose page it is and where it lies.
pub(super) struct Place {
    base_path: String,
    /// `/setup` or `/orgs/<id>/setup`
    here: String,
    org: OrgId,
    /// Nobody on the public page.
    shown: Option<OrgView>,
    facts: IssuerFacts,
    /// Below which address templates lie for quick-create links. None on the public page, whose org nobody puts a template up for.
    template_url: Option<TemplateUrl>,
    /// The account that is asked about, where the org registered it.
    registered: Option<AwsAccount>,
}

impl Place {
    fn public(app: &App) -> Self {
        Self {
            base_path: app.base_path().to_owned(),
            here: PUBLIC_PATH.to_owned(),
            org: OrgId::from_uuid(PLACEHOLDER_ORG),
            shown: None,
            facts: facts(app, app.settings()),
            template_url: None,
            registered: None,
        }
    }

    /// What was asked, for this org: the one in the path holds, whatever the query says.
    fn of(&self, raw: RawRequest) -> RawRequest {
        RawRequest { org: self.org.to_string(), ..raw }
    }

    /// Where the template of the plan has to lie and the link that opens it, where `setup.template_url` is set.
    fn quick_create(&self, plan: &SetupPlan) -> Option<QuickCreate> {
        self.template_url.as_ref().map(|base| QuickCreate::new(plan, base, self.org))
    }

    /// Where nothing was asked, the placeholders are.
    fn parse(&self, raw: &RawRequest) -> Result<SetupRequest, Problem> {
        let filled = is_empty(raw).then(|| self.of(placeholders()));
        filled.as_ref().unwrap_or(raw).parse(&self.facts).map_err(|faults| {
            let told: Vec<String> =
                faults.iter().map(|fault| format!("{}: {}", fault.field.label(), fault.reason)).collect();
            Problem::request_invalid(told.join("; "))
        })
    }
}

fn facts(app: &App, settings: &Settings) -> IssuerFacts {
    IssuerFacts {
        issuer: settings.issuer.clone(),
        audience: settings.audience.clone(),
        thumbprints: Vec::new(),
        roles_authorized_by_idp: app.roles_authorized_by_idp().to_vec(),
    }
}

/// Which file of which form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct Wanted {
    #[serde(rename = "as")]
    form: String,
    file: String,
}

type AskedQuery<T> = Result<Query<T>, QueryRejection>;

/// `GET /setup`
pub(in crate::http) async fn public(
    State(app): State<Arc<App>>,
    query: AskedQuery<RawRequest>,
) -> Result<Response, Problem> {
    let place = Place::public(&app);
    let raw = asked(query)?;
    let raw = if is_empty(&raw) { placeholders() } else { raw };
    match with_external_id(&place, &raw)? {
        Some(response) => Ok(response),
        None => page(&setup_page(&place, &place.of(raw))),
    }
}

/// An External ID belongs to one connection: where none is given, one is made, and stands in the page's address from then on.
fn with_external_id(place: &Place, raw: &RawRequest) -> Result<Option<Response>, Problem> {
    let states_one = matches!(raw.trust.as_str(), "external-id" | "two-layer");
    if !states_one || !raw.external_id.trim().is_empty() {
        return Ok(None);
    }
    let failed = |cause: &dyn std::fmt::Display| {
        tracing::error!(error = %cause, "no External ID could be made");
        Problem::internal()
    };
    let external_id = ExternalId::generate().map_err(|error| failed(&error))?.to_string();
    let query = query_of(&RawRequest { external_id, ..raw.clone() });
    let location = format!("{}{}?{query}", place.base_path, place.here);
    let location = HeaderValue::from_str(&location).map_err(|error| failed(&error))?;
    Ok(Some((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()))
}

/// `GET /setup/download`
pub(in crate::http) async fn public_download(
    State(app): State<Arc<App>>,
    query: AskedQuery<RawRequest>,
    wanted: AskedQuery<Wanted>,
) -> Result<Response, Problem> {
    download(&public_request(&app, query)?, &asked(wanted)?)
}

/// `GET /setup/bundle`
pub(in crate::http) async fn public_bundle(
    State(app): State<Arc<App>>,
    query: AskedQuery<RawRequest>,
) -> Result<Response, Problem> {
    let place = Place::public(&app);
    files::bundle(&place, &place.parse(&place.of(asked(query)?))?)
}

/// `GET /setup/lint`
pub(in crate::http) async fn public_lint_form(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    page(&lint::page(&Place::public(&app), &lint::Pasted::default()))
}

/// `POST /setup/lint`: changes nothing and knows nobody, so it takes a form of any page.
pub(in crate::http) async fn public_lint(
    State(app): State<Arc<App>>,
    pasted: Result<Form<lint::Pasted>, FormRejection>,
) -> Result<Response, Problem> {
    let Form(pasted) = pasted.map_err(|rejection| match rejection {
        FormRejection::BytesRejection(rejection) => rejection.into(),
        _ => Problem::request_invalid(
            "Send the fields policy and account as a form (application/x-www-form-urlencoded).",
        ),
    })?;
    page(&lint::page(&Place::public(&app), &pasted))
}

fn public_request(app: &App, query: AskedQuery<RawRequest>) -> Result<SetupRequest, Problem> {
    let place = Place::public(app);
    place.parse(&place.of(asked(query)?))
}

fn download(request: &SetupRequest, wanted: &Wanted) -> Result<Response, Problem> {
    let form = if wanted.form.is_empty() { Ok(As::Json) } else { wanted.form.parse() };
    files::download(request, form.map_err(|_| Problem::not_found())?, &wanted.file)
}

fn asked<T>(query: AskedQuery<T>) -> Result<T, Problem> {
    query.map(|Query(asked)| asked).map_err(|_| {
        Problem::request_invalid(
            "The query holds a field twice, or is not URL-encoded. Begin again at the page without a query.",
        )
    })
}

/// Whether nothing was asked yet.
fn is_empty(raw: &RawRequest) -> bool {
    Field::ALL.iter().all(|field| *field == Field::Org || raw.text(*field).is_empty())
}

fn placeholders() -> RawRequest {
    RawRequest {
        account: PLACEHOLDER_ACCOUNT.to_owned(),
        region: "us-east-1".to_owned(),
        state: "example-terraform-state/prod/".to_owned(),
        ..RawRequest::default()
    }
}

/// The query that asks for the same again: what was answered, and nothing else.
fn query_of(raw: &RawRequest) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for field in Field::ALL.iter().filter(|field| **field != Field::Org && !raw.text(**field).is_empty()) {
        query.append_pair(field.name(), raw.text(*field));
    }
    query.finish()
}

fn setup_page<'a>(place: &'a Place, raw: &RawRequest) -> SetupPage<'a> {
    let parsed = if is_empty(raw) { None } else { Some(raw.parse(&place.facts)) };
    let (faults, made) = match &parsed {
        None => (Vec::new(), None),
        Some(Err(faults)) => (faults.clone(), None),
        Some(Ok(request)) => (Vec::new(), Some(made::made(place, raw, request))),
    };
    let (made, refusal) = match made {
        Some(Err(error)) => (None, Some(format!("{}.", capital(&error.to_string())))),
        Some(Ok(made)) => (Some(made), None),
        None => (None, None),
    };
    SetupPage {
        base_path: &place.base_path,
        org: place.shown.clone(),
        here: place.here.clone(),
        form: form::form(raw, &faults),
        faults: form::fault_lines(&faults),
        refusal,
        made,
        paste: PasteView {
            action: format!("{}{}/lint", place.base_path, place.here),
            account: raw.account.clone(),
            text: String::new(),
            csrf: place.shown.as_ref().map(|org| org.csrf.clone()),
        },
    }
}
