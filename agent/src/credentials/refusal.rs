//! STS's refusals of `AssumeRoleWithWebIdentity`: AWS's code and words, read into our code, and whether another attempt
//! can help. The table follows AWS's documentation and what was recorded against the real STS.

use driftwise_contract::codes::Code;

/// Whether another attempt can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// No: only a change of configuration helps.
    Never,
    /// With the same token, after a wait.
    SameToken,
    /// Once, with a token minted anew.
    NewToken,
}

/// What a refusal means.
pub fn read(aws_code: &str, message: &str) -> (Code, Again) {
    let says = |words: &str| message.to_ascii_lowercase().contains(&words.to_ascii_lowercase());
    match aws_code {
        "AccessDenied" | "AccessDeniedException" if says("sts:TagSession") => (Code::StsTagSessionDenied, Again::Never),
        "AccessDenied" | "AccessDeniedException" if says("sts:SetSourceIdentity") => {
            (Code::StsSourceIdentityDenied, Again::Never)
        }
        // A new role is refused for some 10 s; that is worth waiting for during set-up only, not in a scan.
        "AccessDenied" | "AccessDeniedException" => (Code::StsAccessDenied, Again::Never),
        "InvalidIdentityToken" | "InvalidIdentityTokenException" => {
            if says("No OpenIDConnect provider found") {
                (Code::StsProviderNotFound, Again::Never)
            } else if says("Incorrect token audience") {
                (Code::StsWrongAudience, Again::Never)
            } else if says("Couldn't retrieve verification key") {
                (Code::StsKeyUnavailable, Again::SameToken)
            } else if says("roles claim") {
                (Code::StsTokenNotForRole, Again::Never)
            } else {
                (Code::StsTokenRejected, Again::Never)
            }
        }
        "ExpiredTokenException" | "ExpiredToken" => (Code::StsTokenExpired, Again::NewToken),
        // The SDK's own retries have been spent on it: AWS models it as retryable.
        "IDPCommunicationError" | "IDPCommunicationErrorException" => (Code::StsIdpUnreachable, Again::Never),
        "IDPRejectedClaim" | "IDPRejectedClaimException" => (Code::StsTokenRejected, Again::Never),
        "RegionDisabledException" => (Code::StsRegionDisabled, Again::Never),
        "PackedPolicyTooLarge"
        | "PackedPolicyTooLargeException"
        | "MalformedPolicyDocument"
        | "MalformedPolicyDocumentException"
        | "ValidationError"
        | "ValidationException" => (Code::StsInvalidRequest, Again::Never),
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" => (Code::AwsThrottled, Again::Never),
        _ => (Code::AwsServiceError, Again::Never),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_the_table_has_its_code_and_its_retry() {
        use Again::{Never, NewToken, SameToken};
        for (aws_code, message, code, again) in [
            ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", Code::StsAccessDenied, Never),
            ("AccessDenied", "Not authorized to perform sts:TagSession", Code::StsTagSessionDenied, Never),
            (
                "AccessDenied",
                "User: x is not authorized to perform: sts:SetSourceIdentity on resource: y",
                Code::StsSourceIdentityDenied,
                Never,
            ),
            (
                "InvalidIdentityToken",
                "No OpenIDConnect provider found in your account for https://id.example.com",
                Code::StsProviderNotFound,
                Never,
            ),
            ("InvalidIdentityToken", "Incorrect token audience", Code::StsWrongAudience, Never),
            (
                "InvalidIdentityToken",
                "Couldn't retrieve verification key from your identity provider, please reference …",
                Code::StsKeyUnavailable,
                SameToken,
            ),
            (
                "InvalidIdentityToken",
                "The target role ARN is not present in the roles claim of the token",
                Code::StsTokenNotForRole,
                Never,
            ),
            ("InvalidIdentityToken", "The ID Token provided is not a valid JWT.", Code::StsTokenRejected, Never),
            ("ExpiredTokenException", "Token expired: current date/time …", Code::StsTokenExpired, NewToken),
            ("IDPCommunicationError", "x", Code::StsIdpUnreachable, Never),
            ("IDPRejectedClaim", "x", Code::StsTokenRejected, Never),
            ("RegionDisabledException", "x", Code::StsRegionDisabled, Never),
            ("PackedPolicyTooLarge", "x", Code::StsInvalidRequest, Never),
            ("MalformedPolicyDocument", "x", Code::StsInvalidRequest, Never),
            (
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
                Code::StsInvalidRequest,
                Never,
            ),
            ("Throttling", "Rate exceeded", Code::AwsThrottled, Never),
            ("InternalFailure", "", Code::AwsServiceError, Never),
        ] {
            assert_eq!(read(aws_code, message), (code, again), "{aws_code}: {message}");
        }
    }
}
