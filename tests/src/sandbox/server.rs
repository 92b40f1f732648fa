//! The HTTP server: one port, all services.

use std::sync::Arc;

use anyhow::Context as _;
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::State,
};
use http::{Request, Response, StatusCode, request::Parts};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use url::form_urlencoded;
use uuid::Uuid;

use super::{
    Answer, AwsError, Caller, Fault, LogEntry, World,
    auth::signature::Authorization,
    cloudcontrol,
    error::Protocol,
    faults::refusal,
    iam, kms, resource_explorer,
    route::{self, Route, Service},
    s3, sts,
};

/// The region that [`Sandbox::root_env`] names.
pub const DEFAULT_REGION: &str = "eu-central-1";
const MAX_BODY_BYTES: usize = 256 * 1024 * 1024;

/// One authenticated request on its way to a service.
#[derive(Debug)]
pub struct Call {
    /// The service.
    pub service: Service,
    /// The operation, as AWS names it.
    pub operation: String,
    /// The id under which this request is answered.
    pub request_id: String,
    /// Who calls; its `region` is the one that the request was signed for.
    pub caller: Caller,
    /// Method, path, headers.
    pub parts: Parts,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// The text in which [`super::FaultRule::resource`] is looked for; services pass it on to [`super::Faults::lies`].
    pub fn text(&self) -> String {
        request_text(&self.parts, &self.body)
    }
}

/// A running sandbox.
#[derive(Debug)]
pub struct Sandbox {
    url: String,
    world: Arc<World>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Sandbox {
    /// Starts serving `world` on a free loopback port.
    pub async fn start(world: World) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("the sandbox found no free loopback port")?;
        let url = format!("http://{}", listener.local_addr().context("the sandbox's own address")?);
        let world = Arc::new(world);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&world));
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(async move {
                    let _ = stopped.await;
                })
                .await
        });
        Ok(Self { url, world, stop, server })
    }

    /// The address for `AWS_ENDPOINT_URL`, without a trailing slash.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The world that is served.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// The environment that makes any AWS SDK or command line talk to the sandbox as root of the primary account.
    pub fn root_env(&self) -> Vec<(String, String)> {
        let key =
            self.world.primary_account().and_then(|id| self.world.account(id, |account| account.root_key.clone()));
        let mut env = vec![
            ("AWS_ENDPOINT_URL".to_owned(), self.url()),
            ("AWS_REGION".to_owned(), DEFAULT_REGION.to_owned()),
            // Version 1 of the AWS command line knows this name only.
            ("AWS_DEFAULT_REGION".to_owned(), DEFAULT_REGION.to_owned()),
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
        ];
        if let Some(key) = key {
            env.push(("AWS_ACCESS_KEY_ID".to_owned(), key.id));
            env.push(("AWS_SECRET_ACCESS_KEY".to_owned(), key.secret));
        }
        env
    }

    /// Stops accepting requests and waits shortly for those under way.
    pub async fn stop(self) {
        const GRACE: std::time::Duration = std::time::Duration::from_secs(2);
        let _ = self.stop.send(());
        let abort = self.server.abort_handle();
        if tokio::time::timeout(GRACE, self.server).await.is_err() {
            abort.abort();
        }
    }
}

async fn answer(State(world): State<Arc<World>>, request: Request<Body>) -> Response<Body> {
    let request_id = Uuid::new_v4().to_string();
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let Some(Route { service, operation }) = route::recognise(&parts, &body) else {
        return plain(StatusCode::NOT_FOUND);
    };
    let mut entry = LogEntry {
        service: service.name().to_owned(),
        operation: operation.clone(),
        caller: String::new(),
        outcome: "Ok".to_owned(),
    };
    if service == Service::S3 {
        return answer_s3(&world, parts, body, entry, &request_id).await;
    }
    let admitted = admit(&world, service, operation, parts, body, &mut entry, &request_id).await;
    let outcome = match admitted {
        Ok(Admitted::Dropped) => {
            "dropped".clone_into(&mut entry.outcome);
            world.log.record(entry);
            return dropped();
        }
        Ok(Admitted::Unsigned(body)) => sts::handle_unsigned(&world, &body, &request_id).await,
        Ok(Admitted::Call(call)) => dispatch(&world, &call).await,
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = &outcome {
        entry.outcome.clone_from(&refusal.code);
    }
    world.log.record(entry);
    outcome.unwrap_or_else(|refusal| refusal.into_answer(service.protocol(), &request_id)).into_response(&request_id)
}

/// What became of a request before any service saw it.
enum Admitted {
    /// A planted fault closes the connection.
    Dropped,
    /// The one call that needs no signature, with its body.
    Unsigned(Bytes),
    /// A call with a proven caller.
    Call(Box<Call>),
}

/// Authenticates, then lets planted faults happen.
async fn admit(
    world: &Arc<World>,
    service: Service,
    operation: String,
    parts: Parts,
    body: Bytes,
    entry: &mut LogEntry,
    request_id: &str,
) -> Result<Admitted, AwsError> {
    let unsigned = service == Service::Sts && operation == "AssumeRoleWithWebIdentity";
    let caller = if unsigned { None } else { Some(world.authenticate(&parts, &body, service.signing_name())?) };
    if let Some(caller) = &caller {
        entry.caller.clone_from(&caller.arn);
    }
    if fault_drops(world, service, &operation, &parts, &body).await? {
        return Ok(Admitted::Dropped);
    }
    Ok(match caller {
        None => Admitted::Unsigned(body),
        Some(caller) => {
            let request_id = request_id.to_owned();
            Admitted::Call(Box::new(Call { service, operation, request_id, caller, parts, body }))
        }
    })
}

async fn dispatch(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    match call.service {
        Service::Sts => sts::handle(world, call).await,
        Service::Iam => iam::handle(world, call).await,
        Service::ResourceExplorer => resource_explorer::handle(world, call).await,
        Service::CloudControl => cloudcontrol::handle(world, call).await,
        Service::Kms => kms::handle(world, call).await,
        Service::S3 => Err(AwsError::new(500, "InternalFailure", "S3 requests take their own way")),
    }
}

/// S3 authenticates by itself (the s3s crate recomputes the signature), so faults come first here.
async fn answer_s3(
    world: &Arc<World>,
    parts: Parts,
    body: Bytes,
    mut entry: LogEntry,
    request_id: &str,
) -> Response<Body> {
    if let Ok(Some(authorization)) = Authorization::parse(&parts.headers)
        && let Ok(caller) = world.caller(&authorization.access_key_id, &authorization.region)
    {
        entry.caller = caller.arn;
    }
    let response = match fault_drops(world, Service::S3, &entry.operation, &parts, &body).await {
        Ok(true) => {
            "dropped".clone_into(&mut entry.outcome);
            dropped()
        }
        Ok(false) => {
            let response = s3::handle(world, Request::from_parts(parts, body)).await;
            if !response.status().is_success() {
                response.status().as_str().clone_into(&mut entry.outcome);
            }
            response
        }
        Err(refusal) => {
            entry.outcome.clone_from(&refusal.code);
            refusal.into_answer(Protocol::S3, request_id).into_response(request_id)
        }
    };
    world.log.record(entry);
    response
}

/// Lets the planted fault for this request happen; true when the connection is to be dropped.
async fn fault_drops(
    world: &Arc<World>,
    service: Service,
    operation: &str,
    parts: &Parts,
    body: &[u8],
) -> Result<bool, AwsError> {
    let Some(fault) = world.faults.due(service.name(), operation, &request_text(parts, body)) else {
        return Ok(false);
    };
    if let Fault::Delay(delay) = fault {
        tokio::time::sleep(delay).await;
    }
    match refusal(&fault, service.protocol(), operation) {
        Some(refusal) => Err(refusal),
        None => Ok(fault == Fault::DropConnection),
    }
}

/// Target and body as readable text; forms decoded, so that an ARN can be looked for as it is written.
fn request_text(parts: &Parts, body: &[u8]) -> String {
    let is_form = parts
        .headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    let mut text = parts.uri.to_string();
    if is_form {
        for (name, value) in form_urlencoded::parse(body) {
            text.extend(["\n", &name, "=", &value]);
        }
    } else {
        text.push('\n');
        text.push_str(&String::from_utf8_lossy(body));
    }
    text
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// An answer whose body fails at once, which makes the server close the connection before the answer is complete.
fn dropped() -> Response<Body> {
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "planted fault");
    Response::new(Body::from_stream(futures::stream::once(async { Err::<Bytes, _>(broken) })))
}
