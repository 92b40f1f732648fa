//! Who calls: the secret behind an access key for s3s, then session token, expiry and time.

use std::sync::Arc;

use s3s::{
    S3Error, S3ErrorCode, S3Result,
    access::{S3Access, S3AccessContext},
    auth::{S3Auth, SecretKey},
    s3_error,
};
use time::{Duration, PrimitiveDateTime, macros::format_description};

use crate::sandbox::{World, auth::signature::Authorization};

/// Hands s3s the secrets to check signatures with.
pub(super) struct Secrets {
    world: Arc<World>,
}

impl Secrets {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self { world }
    }
}

#[async_trait::async_trait]
impl S3Auth for Secrets {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.world.secret_for(access_key).map(|(secret, _)| SecretKey::from(secret)).ok_or_else(|| {
            let said = "The AWS Access Key Id you provided does not exist in our records.";
            S3Error::with_message(S3ErrorCode::InvalidAccessKeyId, said)
        })
    }
}

/// Turns a checked signature into a caller, which the operations find in the request's extensions.
pub(super) struct Gate {
    world: Arc<World>,
}

impl Gate {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self { world }
    }
}

#[async_trait::async_trait]
impl S3Access for Gate {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(access_key) = cx.credentials().map(|credentials| credentials.access_key.clone()) else {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        };
        let header = |name: &str| cx.headers().get(name).and_then(|value| value.to_str().ok());
        let token = self.world.secret_for(&access_key).and_then(|(_, token)| token);
        if header("x-amz-security-token") != token.as_deref() {
            return Err(s3_error!(InvalidToken, "The provided token is malformed or otherwise invalid."));
        }
        if let Some(date) = header("x-amz-date") {
            self.check_time(date)?;
        }
        let authorization = Authorization::parse(cx.headers()).ok().flatten();
        let region = authorization.map(|authorization| authorization.region).unwrap_or_default();
        let caller = self.world.caller(&access_key, &region).map_err(|refusal| match refusal.code.as_str() {
            "ExpiredToken" => s3_error!(ExpiredToken, "The provided token has expired."),
            _ => s3_error!(InvalidAccessKeyId, "The AWS Access Key Id you provided does not exist in our records."),
        })?;
        cx.extensions_mut().insert(caller);
        Ok(())
    }
}

impl Gate {
    /// s3s compares with the machine's clock; the sandbox has its own.
    fn check_time(&self, date: &str) -> S3Result<()> {
        const TOLERANCE: Duration = Duration::minutes(15);
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let signed_at = PrimitiveDateTime::parse(date, format)
            .map_err(|_| s3_error!(AccessDenied, "AWS authentication requires a valid Date or x-amz-date header"))?
            .assume_utc();
        if (signed_at - self.world.now()).abs() > TOLERANCE {
            return Err(s3_error!(
                RequestTimeTooSkewed,
                "The difference between the request time and the current time is too large."
            ));
        }
        Ok(())
    }
}
