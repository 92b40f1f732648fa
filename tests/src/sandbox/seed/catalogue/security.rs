//! Keys, secrets, parameters, certificates.

use serde_json::json;

use super::{data::root_arn, kind, part};
use crate::sandbox::seed::{
    ids,
    twin::{Place, Twin},
};

/// A customer-managed key that rotates.
pub(in crate::sandbox::seed) fn key(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let id = ids::uuid(&at.key(name));
    let arn = at.arn("kms", &format!("key/{id}"));
    let description = format!("acme {name}");
    let root = root_arn();
    Twin::new(
        at,
        kind("aws_kms_key", "AWS::KMS::Key", "kms:key"),
        arn.clone(),
        &id,
        json!({
            "KeyId": id, "Arn": arn, "Description": description, "Enabled": true, "EnableKeyRotation": true,
            "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT", "MultiRegion": false,
            "Origin": "AWS_KMS",
            "KeyPolicy": {"Version": "2012-10-17", "Id": "key-default", "Statement": [{"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}]},
        }),
        json!({
            "id": id, "key_id": id, "description": description, "is_enabled": true, "enable_key_rotation": true,
            "key_usage": "ENCRYPT_DECRYPT", "customer_master_key_spec": "SYMMETRIC_DEFAULT",
            "multi_region": false, "rotation_period_in_days": 365, "deletion_window_in_days": 30,
            "bypass_policy_lockout_safety_check": false, "custom_key_store_id": "", "xks_key_id": "",
            "policy": format!(r#"{{"Id":"key-default","Statement":[{{"Action":["kms:*"],"Effect":"Allow","Principal":{{"AWS":["{root}"]}},"Resource":["*"],"Sid":"Root"}}],"Version":"2012-10-17"}}"#),
        }),
        tags,
    )
}

/// A key's alias.
pub(in crate::sandbox::seed) fn alias(at: Place, name: &str, key: &Twin) -> Twin {
    let mut twin = Twin::new(
        at,
        part("aws_kms_alias", "AWS::KMS::Alias"),
        String::new(),
        name,
        json!({ "AliasName": name, "TargetKeyId": key.id() }),
        json!({ "id": name, "name": name, "name_prefix": "", "target_key_id": key.id(), "target_key_arn": key.arn() }),
        &[],
    );
    twin.attributes.insert("arn".to_owned(), json!(at.arn("kms", name)));
    twin
}

/// A secret; its value is nowhere.
pub(in crate::sandbox::seed) fn secret(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let arn = at.arn("secretsmanager", &format!("secret:{name}-{}", &ids::unique("", &at.key(name), 6)));
    Twin::new(
        at,
        kind("aws_secretsmanager_secret", "AWS::SecretsManager::Secret", "secretsmanager:secret"),
        arn.clone(),
        &arn,
        json!({ "Id": arn, "Name": name, "Description": format!("Credentials of {name}") }),
        json!({
            "id": arn, "name": name, "name_prefix": "", "description": format!("Credentials of {name}"),
            "kms_key_id": "", "policy": "", "recovery_window_in_days": 30,
            "force_overwrite_replica_secret": false,
        }),
        tags,
    )
}

/// A parameter.
pub(in crate::sandbox::seed) fn parameter(at: Place, name: &str, value: &str, tags: &[(&str, &str)]) -> Twin {
    let arn = at.arn("ssm", &format!("parameter{name}"));
    Twin::new(
        at,
        kind("aws_ssm_parameter", "AWS::SSM::Parameter", "ssm:parameter"),
        arn,
        name,
        json!({ "Name": name, "Type": "String", "Value": value, "DataType": "text" }),
        json!({
            "id": name, "name": name, "type": "String", "value": value, "insecure_value": value, "data_type": "text",
            "tier": "Standard", "description": "", "allowed_pattern": "", "key_id": "", "version": 2,
        }),
        tags,
    )
}

/// A certificate, validated by DNS.
pub(in crate::sandbox::seed) fn certificate(at: Place, domain: &str, tags: &[(&str, &str)]) -> Twin {
    let arn = at.arn("acm", &format!("certificate/{}", ids::uuid(&at.key(domain))));
    let wildcard = format!("*.{domain}");
    Twin::new(
        at,
        kind("aws_acm_certificate", "AWS::CertificateManager::Certificate", "acm:certificate"),
        arn.clone(),
        &arn,
        json!({
            "CertificateArn": arn, "DomainName": domain, "SubjectAlternativeNames": [wildcard, domain],
            "KeyAlgorithm": "RSA_2048", "CertificateTransparencyLoggingPreference": "ENABLED",
            "DomainValidationOptions": [{"DomainName": domain, "ValidationDomain": domain}],
        }),
        json!({
            "id": arn, "domain_name": domain, "subject_alternative_names": [domain, wildcard],
            "key_algorithm": "RSA_2048", "validation_method": "DNS", "status": "ISSUED", "type": "AMAZON_ISSUED",
            "options": [{"certificate_transparency_logging_preference": "ENABLED", "export": "DISABLED"}],
            "certificate_authority_arn": "", "early_renewal_duration": "", "pending_renewal": false,
            "not_before": "2026-06-01T00:00:00Z", "not_after": "2027-06-30T23:59:59Z",
            "renewal_eligibility": "ELIGIBLE", "renewal_summary": [], "validation_emails": [],
        }),
        tags,
    )
}
