//! What the issuer answered, and what it means: one mapping from statuses and error codes to ours.

use driftwise_contract::codes::Code;
use driftwise_contract::wire::{AgentInfo, OAuthError, OAuthErrorCode, Problem, TokenResponse};
use driftwise_contract::{IssuerUrl, RoleArn};
use reqwest::{Response, StatusCode, header};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use super::skew::Skew;
use crate::fault::Fault;

/// No answer of an issuer is near this size, in bytes; something else may send without end.
const BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// An answer, read whole.
pub(super) struct Answer {
    issuer: IssuerUrl,
    wanted: &'static str,
    status: StatusCode,
    skew: Option<Skew>,
    /// None where it was longer than the limit.
    body: Option<Vec<u8>>,
}

impl Answer {
    pub(super) async fn read(
        mut response: Response,
        issuer: IssuerUrl,
        wanted: &'static str,
        now: OffsetDateTime,
    ) -> reqwest::Result<Self> {
        let status = response.status();
        let date = response.headers().get(header::DATE).and_then(|value| value.to_str().ok());
        let skew = Skew::between(now, date);
        let mut body = Some(Vec::new());
        while let Some(chunk) = response.chunk().await? {
            match &mut body {
                Some(bytes) if bytes.len() + chunk.len() <= BODY_LIMIT_BYTES => bytes.extend_from_slice(&chunk),
                _ => {
                    body = None;
                    break;
                }
            }
        }
        Ok(Self { issuer, wanted, status, skew, body })
    }

    /// Whether the clocks differ.
    pub(super) const fn skew(&self) -> Option<Skew> {
        self.skew
    }

    /// A document that anybody may read.
    pub(super) fn document<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        if self.status.is_success() {
            return self.parse();
        }
        Err(self.common_refusal().unwrap_or_else(|| self.not_an_issuer(format_args!("HTTP {}", self.status))))
    }

    /// The answer to an enrolment.
    pub(super) fn enrolment(&self) -> Result<AgentInfo, Fault> {
        if self.status.is_success() {
            return self.parse();
        }
        let Some(problem) = self.problem() else {
            return Err(self.common_refusal().unwrap_or_else(|| self.no_words()));
        };
        let code = if problem.code.starts_with("enrolment_code") {
            Code::IssuerEnrolmentRefused
        } else {
            problem_code(problem.status)
        };
        Err(self.refused(code, problem_words(&problem)))
    }

    /// The answer to a call that the agent authenticates.
    pub(super) fn agent(&self) -> Result<AgentInfo, Fault> {
        if self.status.is_success() {
            return self.parse();
        }
        if let Some(skew) = self.skew {
            return Err(skew.fault(&self.issuer));
        }
        let Some(problem) = self.problem() else {
            return Err(self.oauth_refusal(None).unwrap_or_else(|| self.no_words()));
        };
        let code = match problem.status {
            401 | 403 => Code::IssuerAgentRefused,
            status => problem_code(status),
        };
        Err(self.refused(code, problem_words(&problem)))
    }

    /// The answer to a call that proves a role.
    pub(super) fn proving<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        if self.status.is_success() {
            return self.parse();
        }
        if let Some(skew) = self.skew {
            return Err(skew.fault(&self.issuer));
        }
        let Some(problem) = self.problem() else { return Err(self.no_words()) };
        let fault = |code| self.refused(code, problem_words(&problem));
        Err(match (problem.status, problem.code.as_str()) {
            (_, "role_not_registered") => fault(Code::IssuerRoleNotRegistered),
            (_, "canary_off") => fault(Code::IssuerRefused).hint(
                "Let the issuer's operator set federation.canary = true, at least for the proof, and start the issuer anew.",
            ),
            // An issuer from before canary tokens knows no such path.
            (404, "not_found") => {
                fault(Code::IssuerRefused).hint("The issuer is older than this agent and can't prove roles: update it.")
            }
            (401 | 403, _) => fault(Code::IssuerAgentRefused),
            (status, _) => fault(problem_code(status)),
        })
    }

    /// The answer of the token endpoint.
    pub(super) fn token(&self, role: &RoleArn) -> Result<TokenResponse, Fault> {
        if self.status.is_success() {
            return self.parse();
        }
        if let Some(skew) = self.skew {
            return Err(skew.fault(&self.issuer));
        }
        Err(self.oauth_refusal(Some(role)).unwrap_or_else(|| self.no_words()))
    }

    /// RFC 6749, section 5.2.
    fn oauth_refusal(&self, role: Option<&RoleArn>) -> Option<Fault> {
        let error: OAuthError = serde_json::from_slice(self.body.as_deref()?).ok()?;
        let code = match error.error {
            OAuthErrorCode::InvalidClient | OAuthErrorCode::UnauthorizedClient => Code::IssuerAgentRefused,
            OAuthErrorCode::InvalidTarget => Code::IssuerRoleNotRegistered,
            OAuthErrorCode::TemporarilyUnavailable | OAuthErrorCode::ServerError => Code::IssuerUnavailable,
            OAuthErrorCode::InvalidRequest
            | OAuthErrorCode::InvalidGrant
            | OAuthErrorCode::UnsupportedGrantType
            | OAuthErrorCode::InvalidScope => Code::IssuerRefused,
        };
        let mut words = error.error_description;
        if let (Code::IssuerRoleNotRegistered, Some(role)) = (code, role) {
            words = format!("{role}: {words}");
        }
        Some(self.refused(code, words))
    }

    /// RFC 9457.
    fn problem(&self) -> Option<Problem> {
        serde_json::from_slice(self.body.as_deref()?).ok()
    }

    /// Refusals that mean the same on every endpoint, and need no readable body.
    fn common_refusal(&self) -> Option<Fault> {
        let busy = self.status == StatusCode::TOO_MANY_REQUESTS || self.status == StatusCode::REQUEST_TIMEOUT;
        (self.status.is_server_error() || busy)
            .then(|| self.refused(Code::IssuerUnavailable, format!("HTTP {}", self.status)))
    }

    fn no_words(&self) -> Fault {
        self.common_refusal().unwrap_or_else(|| {
            self.not_an_issuer(format_args!("HTTP {} without an issuer's error message", self.status))
        })
    }

    fn refused(&self, code: Code, words: impl std::fmt::Display) -> Fault {
        Fault::new(code, format!("the issuer {} was asked for {}", self.issuer, self.wanted)).because(words)
    }

    fn not_an_issuer(&self, words: impl std::fmt::Display) -> Fault {
        self.refused(Code::IssuerNotAnIssuer, words)
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let Some(body) = &self.body else {
            return Err(self.not_an_issuer(format_args!("its answer is longer than {BODY_LIMIT_BYTES} bytes")));
        };
        // serde's message names members and positions; for an unexpected value it may quote it, so it is kept short of
        // the token endpoint's one secret, which is a string where a string is expected.
        serde_json::from_slice(body)
            .map_err(|error| self.not_an_issuer(format_args!("its answer is not the document expected: {error}")))
    }
}

const fn problem_code(status: u16) -> Code {
    match status {
        429 | 408 | 500.. => Code::IssuerUnavailable,
        _ => Code::IssuerRefused,
    }
}

fn problem_words(problem: &Problem) -> String {
    let detail = problem.detail.as_deref().unwrap_or(&problem.title);
    format!("{detail} (request {})", problem.request_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            issuer: "https://id.example.com".parse().unwrap(),
            wanted: "a token",
            status: StatusCode::from_u16(status).unwrap(),
            skew: None,
            body: Some(body.as_bytes().to_vec()),
        }
    }

    #[test]
    fn refusals_of_the_token_endpoint_have_their_codes() {
        let role: RoleArn = "arn:aws:iam::123456789012:role/dw".parse().unwrap();
        for (status, body, code) in [
            (401, r#"{"error":"invalid_client","error_description":"unknown"}"#, Code::IssuerAgentRefused),
            (400, r#"{"error":"invalid_target","error_description":"no"}"#, Code::IssuerRoleNotRegistered),
            (400, r#"{"error":"invalid_request","error_description":"no"}"#, Code::IssuerRefused),
            (503, r#"{"error":"temporarily_unavailable","error_description":"full"}"#, Code::IssuerUnavailable),
            (500, r#"{"error":"server_error","error_description":"x"}"#, Code::IssuerUnavailable),
            (502, "<html>bad gateway</html>", Code::IssuerUnavailable),
            (429, "", Code::IssuerUnavailable),
            (404, "<html>not found</html>", Code::IssuerNotAnIssuer),
            (302, "", Code::IssuerNotAnIssuer),
            (200, "<html>hello</html>", Code::IssuerNotAnIssuer),
            (200, r#"{"token_type":"Bearer"}"#, Code::IssuerNotAnIssuer),
        ] {
            let fault = answer(status, body).token(&role).unwrap_err();
            assert_eq!(fault.code(), code, "{status} {body}");
        }
        let fault = answer(400, r#"{"error":"invalid_target","error_description":"no"}"#).token(&role).unwrap_err();
        assert!(fault.detail().unwrap().contains(role.as_str()));
    }

    #[test]
    fn refusals_of_a_proof_have_their_codes_and_the_fix_is_the_right_ones() {
        for (status, problem, code, fix) in [
            (404, "role_not_registered", Code::IssuerRoleNotRegistered, "account register"),
            (403, "canary_off", Code::IssuerRefused, "federation.canary = true"),
            (404, "not_found", Code::IssuerRefused, "older than this agent"),
            (401, "assertion_invalid", Code::IssuerAgentRefused, "Enrol"),
            (429, "too_many_requests", Code::IssuerUnavailable, "later"),
            (400, "request_invalid", Code::IssuerRefused, "detail"),
        ] {
            let body = format!(r#"{{"code":"{problem}","title":"t","status":{status},"request_id":"r-1"}}"#);
            let fault = answer(status, &body).proving::<serde_json::Value>().unwrap_err();
            assert_eq!(fault.code(), code, "{problem}");
            assert!(fault.fix().contains(fix), "{problem}: {}", fault.fix());
        }
        let fault = answer(404, "<html>not found</html>").proving::<serde_json::Value>().unwrap_err();
        assert_eq!(fault.code(), Code::IssuerNotAnIssuer);
    }

    #[test]
    fn a_refused_call_under_clock_skew_is_told_as_clock_skew() {
        let now = OffsetDateTime::from_unix_timestamp(784_111_777 + 3600).unwrap();
        let mut answer = answer(401, r#"{"error":"invalid_client","error_description":"expired"}"#);
        answer.skew = Skew::between(now, Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        let role: RoleArn = "arn:aws:iam::123456789012:role/dw".parse().unwrap();
        assert_eq!(answer.token(&role).unwrap_err().code(), Code::IssuerClockSkew);
        assert_eq!(answer.agent().unwrap_err().code(), Code::IssuerClockSkew);
    }

    #[test]
    fn problems_of_the_api_have_their_codes() {
        let problem = |code: &str, status: u16| {
            answer(status, &format!(r#"{{"code":"{code}","title":"t","status":{status},"request_id":"r1"}}"#))
        };
        let enrolment = |code, status| problem(code, status).enrolment().unwrap_err();
        assert_eq!(enrolment("enrolment_code_invalid", 403).code(), Code::IssuerEnrolmentRefused);
        assert_eq!(enrolment("public_key_invalid", 422).code(), Code::IssuerRefused);
        assert_eq!(enrolment("internal", 500).code(), Code::IssuerUnavailable);
        assert!(enrolment("internal", 500).detail().unwrap().contains("r1"));
        assert_eq!(problem("unauthorized", 401).agent().unwrap_err().code(), Code::IssuerAgentRefused);
        assert_eq!(problem("busy", 429).agent().unwrap_err().code(), Code::IssuerUnavailable);
        assert_eq!(answer(404, "nope").enrolment().unwrap_err().code(), Code::IssuerNotAnIssuer);
    }
}
