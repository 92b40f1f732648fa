//! The path of the issuer URL. The issuer serves below it as well as at the root, so it must be a plain path, and none
//! that is served anyway.

use driftwise_contract::IssuerUrl;

/// The path as it stands after the host: empty, or `/path` without a trailing slash. Says why where the issuer can't serve
/// below it.
pub(crate) fn base_path(issuer_url: &IssuerUrl) -> Result<String, String> {
    let Some((_, path)) = issuer_url.without_scheme().split_once('/') else { return Ok(String::new()) };
    // RFC 3986, section 2.3. Others would need escaping, or would be patterns to the router.
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    for segment in path.split('/') {
        if segment.is_empty() || !segment.bytes().all(is_unreserved) {
            return Err(format!(
                "the path /{path} is not usable: between slashes stand letters, digits, - . _ and ~ only"
            ));
        }
    }
    let first = |path: &'static str| path.split('/').nth(1).unwrap_or_default();
    let first_of_ours = path.split('/').next().unwrap_or_default();
    if crate::http::ROUTES.iter().any(|route| first(route.path) == first_of_ours) {
        return Err(format!(
            "the path /{path} is not usable: the issuer itself serves /{first_of_ours}; let it begin otherwise, such as \
             /driftwise"
        ));
    }
    Ok(format!("/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base_path_of(path: &str) -> Result<String, String> {
        base_path(&format!("https://id.example.com{path}").parse().unwrap())
    }

    #[test]
    fn a_path_that_can_be_served_is_taken_as_it_stands() {
        for path in ["", "/base", "/a/b.c/~d_e-F", "/oauth2-issuer", "/base/healthz"] {
            assert_eq!(base_path_of(path).as_deref(), Ok(path));
        }
    }

    #[test]
    fn patterns_and_the_issuers_own_paths_are_refused() {
        for path in ["/:t", "/*x", "/a/*x", "/a:b", "/a%7Bb%7D", "/a//b", "/a@b", "/a;b"] {
            assert!(base_path_of(path).unwrap_err().contains("letters, digits"), "{path}");
        }
        for route in crate::http::ROUTES.iter().filter(|route| route.path != "/") {
            let path = route.path.replace(['{', '}'], "");
            assert!(base_path_of(&path).unwrap_err().contains("itself serves"), "{path}");
        }
        assert!(base_path_of("/api").is_err() && base_path_of("/oauth2").is_err());
    }
}
