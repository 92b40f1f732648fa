use std::path::PathBuf;

use super::*;

const EXAMPLE: &str = include_str!("../../../driftwise-issuer.example.toml");

/// What an unknown key is told that it could have been.
fn known_keys(section: Option<&str>) -> Vec<String> {
    let header = section.map(|section| format!("[{section}]\n")).unwrap_or_default();
    let error = Config::from_toml(&format!("{header}no_such_key = 1\n")).unwrap_err().to_string();
    let (_, known) = error.split_once("known are ").unwrap();
    let known = known.split(" (in").next().unwrap();
    known.split(", ").map(|key| key.trim_matches('`').to_owned()).collect()
}

#[test]
fn the_example_file_lists_every_key_in_its_section() {
    let mut stands = std::collections::HashSet::new();
    let mut section = String::new();
    for line in EXAMPLE.lines().map(|line| line.trim_start_matches("# ")) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
            stands.insert(section.clone());
        } else if let Some((key, _)) = line.split_once(" =") {
            stands.insert(format!("{section}.{key}"));
        }
    }
    let mut sections = known_keys(None);
    while let Some(section) = sections.pop() {
        for key in known_keys(Some(&section)).into_iter().map(|key| format!("{section}.{key}")) {
            assert!(stands.contains(&key), "{key} is not in the example");
            // A table of its own, such as [keys.kms].
            if EXAMPLE.lines().any(|line| line.trim_start_matches("# ") == format!("[{key}]")) {
                sections.push(key);
            }
        }
    }
}

#[test]
fn the_example_file_states_the_defaults() {
    let example = format!("{:?}", Config::from_toml(EXAMPLE).unwrap());
    assert_eq!(example, format!("{:?}", Config::new("https://id.example.com".parse().unwrap())));
}

#[test]
fn every_fault_is_reported_at_once() {
    let error = Config::from_toml(
        "[server]\nlisten = \"nowhere\"\nissuer_url = \"http://id.example.com\"\n[federation]\naudience = \"\"\n\
         roles_authorized_by_idp = [\"mars\"]\n[keys]\nmaster_key = \"a\"\nmaster_key_file = \"b\"\n[log]\nformat = \"xml\"\n",
    )
    .unwrap_err();
    let text = error.to_string();
    for key in [
        "server.listen",
        "server.issuer_url",
        "federation.audience",
        "federation.roles_authorized_by_idp",
        "keys:",
        "log.format",
    ] {
        assert!(text.contains(key), "{key} in {text}");
    }
    assert_eq!(error.faults().len(), 6);
}

#[test]
fn wrong_types_and_unknown_keys_hide_no_other_fault() {
    let error = Config::from_toml(
        "bogus = 1\n[server]\nissuer_url = 5\nlisten = \"nowhere\"\nshutdown_grace = \"soon\"\ntrusted_proxies = [3]\n\
         [metrics]\nlisten = 3\n[keys]\nkind = \"x\"\n[keys.kms]\nschedule_deletion = \"maybe\"\n[nosuch]\na = 1\n\
         [limits]\nburst = \"many\"\n",
    )
    .unwrap_err();
    let faults = error.faults();
    for fault in [
        "unknown key \"bogus\"",
        "server.issuer_url: expected",
        "server.listen: \"nowhere\" is not an IP address with a port, such as",
        "server.shutdown_grace: \"soon\" is not a time with its unit, such as 90s",
        "server.trusted_proxies",
        "metrics.listen: expected",
        "unknown key \"kind\"",
        "keys.kms.schedule_deletion: expected",
        "unknown key \"nosuch\"",
        "limits.burst: \"many\" is not a whole number",
    ] {
        assert_eq!(faults.iter().filter(|told| told.contains(fault)).count(), 1, "{fault} in {faults:#?}");
    }
    assert_eq!(faults.len(), 10, "{faults:#?}");
}

#[test]
fn a_missing_issuer_url_and_unknown_keys_are_refused() {
    assert!(Config::from_toml("").unwrap_err().to_string().contains("server.issuer_url: missing"));
    let error = Config::from_toml("[server]\nissuer = \"https://id.example.com\"\n").unwrap_err().to_string();
    assert!(error.contains("unknown key \"issuer\"") && error.contains("issuer_url"), "{error}");
}

#[test]
fn numbers_and_durations_are_read_and_checked_against_each_other() {
    let read = |text: &str| {
        Config::from_toml(&format!("[server]\nissuer_url = \"https://id.example.com\"\n{text}"))
            .map_err(|error| error.to_string())
    };
    let config =
        read("[limits]\nconnections = 7\nburst = \"9\"\nrequest_timeout = \"1m\"\nidle_timeout = \"2m\"").unwrap();
    assert_eq!((config.limits.connections, config.limits.rate.burst), (7, 9));
    assert_eq!(config.limits.request_timeout, Duration::from_mins(1));
    for (text, fault) in [
        ("[limits]\nconnections = 0", "limits.connections: 0 would let nobody in"),
        ("[limits]\nconnections = -1", "limits.connections: \"-1\" is not a whole number"),
        ("[limits]\nidle_timeout = \"5s\"", "limits.idle_timeout: must be longer than limits.request_timeout"),
        ("[limits]\nheader_bytes = 100", "limits.header_bytes: the least is 8192"),
        ("[limits]\nheader_timeout = \"soon\"", "limits.header_timeout:"),
        ("[metrics]\nlisten = \"127.0.0.1:8080\"", "metrics.listen: must differ"),
        ("[telemetry]\ntrace_ratio = 2", "telemetry.trace_ratio: must lie"),
        ("[telemetry]\notlp_endpoint = \"grpc://x\"", "telemetry.otlp_endpoint: must be http"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(fault), "{text}: {error}");
    }
    let server = |text: &str| {
        Config::from_toml(&format!("[server]\nissuer_url = \"https://id.example.com\"\n{text}"))
            .map_err(|error| error.to_string())
    };
    let config =
        server("trusted_proxies = [\"10.0.0.0/8\", \"2001:db8::1\"]\nforwarded_header = \"Forwarded\"").unwrap();
    assert_eq!(config.server.trusted_proxies.len(), 2);
    for (text, fault) in [
        ("trusted_proxies = [\"0.0.0.0/0\"]", "would let every client forge"),
        ("trusted_proxies = [\"proxy\"]", "neither an address nor a network"),
        ("tls_key = \"k.pem\"", "server.tls_certificate: missing beside"),
        ("forwarded_header = \"x-real-ip\"", "neither x-forwarded-for nor forwarded"),
    ] {
        let error = server(text).unwrap_err();
        assert!(error.contains(fault), "{text}: {error}");
    }
}

#[test]
fn an_issuer_path_that_can_not_be_served_is_a_fault() {
    let error = Config::from_toml("[server]\nissuer_url = \"https://id.example.com/healthz\"\n").unwrap_err();
    assert!(error.to_string().contains("server.issuer_url: the path /healthz is not usable"), "{error}");
}

#[test]
fn environment_values_are_text_whatever_they_look_like() {
    let set = [
        ("DRIFTWISE_ISSUER__FEDERATION__AUDIENCE", "12345"),
        ("DRIFTWISE_ISSUER__SERVER__ISSUER_URL", "\"https://id.example.com\""),
        ("driftwise_issuer__federation__roles_authorized_by_idp", "[\"aws\", \"aws-cn\"]"),
        ("DRIFTWISE_ISSUER__KEYS__DIRECTORY", "true"),
        ("UNRELATED", "1"),
    ];
    let read = |set: &[(&str, &str)]| {
        let variables = environment::variables(set.iter().map(|(name, value)| (name.into(), value.into())));
        let sources = variables.into_iter().map(|variable| Box::new(variable) as Box<dyn Provider>);
        Config::from_sources(&sources.collect::<Vec<_>>())
    };
    let config = read(&set).unwrap();
    assert_eq!(config.federation.audience.as_str(), "12345");
    assert_eq!(config.federation.roles_authorized_by_idp.len(), 2);
    assert_eq!(config.keys.directory, PathBuf::from("true"));

    let error = read(&[("DRIFTWISE_ISSUER__SERVER__PORT", "1"), ("DRIFTWISE_ISSUER__", "1")]).unwrap_err();
    assert!(error.to_string().contains("the environment variable DRIFTWISE_ISSUER__SERVER__PORT"), "{error}");
    let error = read(&[("DRIFTWISE_ISSUER__FEDERATION__ROLES_AUTHORIZED_BY_IDP", "aws")]).unwrap_err();
    assert!(error.to_string().contains("ROLES_AUTHORIZED_BY_IDP") && error.to_string().contains("sequence"), "{error}");
}

#[test]
fn the_windows_of_keys_are_checked_against_each_other() {
    let read = |keys: &str| {
        Config::from_toml(&format!("[server]\nissuer_url = \"https://id.example.com\"\n[keys]\n{keys}"))
            .map(|config| config.keys)
    };
    let keys =
        read("rotation_period = \"7d\"\npublish_ahead = \"1h\"\nkeep_after = \"12m\"\nrefresh = \"2s\"").unwrap();
    assert_eq!((keys.rotation.keep_after.as_secs(), keys.rotation.refresh.as_secs()), (720, 2));
    for (text, fault) in [
        ("publish_ahead = \"4m\"", "keys.publish_ahead: expected at least 5m"),
        ("keep_after = \"10m\"", "keys.keep_after: expected at least 12m"),
        ("rotation_period = \"3d\"", "keys.rotation_period: expected at least 4days"),
        ("refresh = \"1m\"", "keys.refresh: expected 100ms to 10s"),
        ("keep_after = \"a while\"", "keys.keep_after"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(fault), "{error}");
    }
}

#[test]
fn a_syntax_error_tells_the_place_and_not_the_line() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("issuer.toml");
    for line in [
        "master_key = topsecretvalue",
        "master_key = \"topsecretvalue",
        "master_key = \"a\" topsecretvalue",
        "master_key = \"\"\"\n| topsecretvalue\n\\q\"\"\"",
    ] {
        std::fs::write(&path, format!("[keys]\n{line}\n")).unwrap();
        let text = Config::load(Some(&path)).unwrap_err().to_string();
        assert!(!text.contains("topsecret"), "{text}");
        assert!(text.contains("issuer.toml") && text.contains("line ") && text.contains("column "), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_holds_the_master_key_and_is_open_to_others_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("issuer.toml");
    let server = "[server]\nissuer_url = \"https://id.example.com\"\n";
    for (text, mode, warnings) in [
        (format!("{server}[keys]\nmaster_key = \"a\"\n"), 0o640, 1),
        (format!("{server}[keys]\nmaster_key = \"a\"\n"), 0o600, 0),
        (server.to_owned(), 0o644, 0),
    ] {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let config = Config::load(Some(&path)).unwrap();
        assert_eq!(config.warnings.len(), warnings, "{:?}", config.warnings);
        assert!(config.warnings.iter().all(|warning| warning.contains("chmod 600")));
    }
}

#[test]
fn the_master_key_never_shows() {
    let text = "[server]\nissuer_url = \"https://id.example.com\"\n[keys]\nmaster_key = \"topsecretvalue\"\n";
    assert!(!format!("{:?}", Config::from_toml(text).unwrap()).contains("topsecret"));
    let number = "[keys]\nmaster_key = 123456789\n";
    assert!(!Config::from_toml(number).unwrap_err().to_string().contains("123456789"));
}
