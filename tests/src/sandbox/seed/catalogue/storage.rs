//! Buckets and file systems.

use serde_json::{Value, json};

use super::{kind, part};
use crate::sandbox::seed::{
    ACCOUNT_ID, ids,
    twin::{Place, Twin},
};

/// A private bucket, encrypted by S3's own keys.
pub(in crate::sandbox::seed) fn bucket(at: Place, name: &str, is_versioned: bool, tags: &[(&str, &str)]) -> Twin {
    let arn = format!("arn:aws:s3:::{name}");
    let regional = format!("{name}.s3.{}.amazonaws.com", at.region);
    let mut twin = Twin::new(
        at,
        kind("aws_s3_bucket", "AWS::S3::Bucket", "s3:bucket"),
        arn.clone(),
        name,
        json!({
            "BucketName": name, "Arn": arn, "DomainName": format!("{name}.s3.amazonaws.com"),
            "DualStackDomainName": format!("{name}.s3.dualstack.{}.amazonaws.com", at.region),
            "RegionalDomainName": regional,
            "WebsiteURL": format!("http://{name}.s3-website-{}.amazonaws.com", at.region),
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [{"BucketKeyEnabled": false, "ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
            "PublicAccessBlockConfiguration": {"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true},
        }),
        json!({
            "id": name, "bucket": name, "bucket_prefix": "", "bucket_domain_name": format!("{name}.s3.amazonaws.com"),
            "bucket_regional_domain_name": regional, "bucket_region": at.region, "hosted_zone_id": "Z21DNDUVLTQW6Q",
            "force_destroy": false, "object_lock_enabled": false, "request_payer": "BucketOwner",
            "acceleration_status": "", "policy": "", "bucket_namespace": "global",
            "grant": [{"id": format!("{0}{0}", ids::hex(ACCOUNT_ID, 32)), "permissions": ["FULL_CONTROL"], "type": "CanonicalUser", "uri": ""}],
            "versioning": [{"enabled": is_versioned, "mfa_delete": false}],
            "server_side_encryption_configuration": [{"rule": [{"apply_server_side_encryption_by_default": [{"kms_master_key_id": "", "sse_algorithm": "AES256"}], "bucket_key_enabled": false}]}],
        }),
        tags,
    );
    if is_versioned {
        twin.live.properties.insert("VersioningConfiguration".to_owned(), json!({"Status": "Enabled"}));
    }
    twin
}

/// What goes with each bucket in a state: settings that Terraform has as resources of their own.
pub(in crate::sandbox::seed) fn bucket_settings(at: Place, name: &str) -> [(&'static str, Value); 2] {
    [
        (
            "aws_s3_bucket_versioning",
            json!({"id": name, "bucket": name, "region": at.region, "expected_bucket_owner": "", "versioning_configuration": [{"mfa_delete": "", "status": "Enabled"}]}),
        ),
        (
            "aws_s3_bucket_public_access_block",
            json!({"id": name, "bucket": name, "region": at.region, "block_public_acls": true, "block_public_policy": true, "ignore_public_acls": true, "restrict_public_buckets": true}),
        ),
    ]
}

/// A bucket's policy: AWS's form and Terraform's differ, and mean the same.
pub(in crate::sandbox::seed) fn bucket_policy(at: Place, name: &str) -> Twin {
    Twin::new(
        at,
        part("aws_s3_bucket_policy", "AWS::S3::BucketPolicy"),
        String::new(),
        name,
        json!({
            "Bucket": name,
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
                "Resource": [format!("arn:aws:s3:::{name}/*"), format!("arn:aws:s3:::{name}")],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }]},
        }),
        json!({
            "id": name, "bucket": name,
            "policy": format!(r#"{{"Statement":[{{"Action":["s3:*"],"Condition":{{"Bool":{{"aws:SecureTransport":["false"]}}}},"Effect":"Deny","Principal":"*","Resource":["arn:aws:s3:::{name}","arn:aws:s3:::{name}/*"],"Sid":"TlsOnly"}}],"Version":"2012-10-17"}}"#),
        }),
        &[],
    )
}

/// A file system.
pub(in crate::sandbox::seed) fn file_system(at: Place, name: &str, key_arn: &str, tags: &[(&str, &str)]) -> Twin {
    let id = format!("fs-0{}", ids::hex(&at.key(name), 16));
    let arn = at.arn("elasticfilesystem", &format!("file-system/{id}"));
    Twin::new(
        at,
        kind("aws_efs_file_system", "AWS::EFS::FileSystem", "elasticfilesystem:file-system"),
        arn.clone(),
        &id,
        json!({
            "FileSystemId": id, "Arn": arn, "Encrypted": true, "KmsKeyId": key_arn, "PerformanceMode": "generalPurpose",
            "ThroughputMode": "elastic", "BackupPolicy": {"Status": "DISABLED"},
            "LifecyclePolicies": [{"TransitionToIA": "AFTER_30_DAYS"}],
            "FileSystemProtection": {"ReplicationOverwriteProtection": "ENABLED"},
        }),
        json!({
            "id": id, "encrypted": true, "kms_key_id": key_arn, "performance_mode": "generalPurpose",
            "throughput_mode": "elastic", "creation_token": name,
            "dns_name": format!("{id}.efs.{}.amazonaws.com", at.region),
            "lifecycle_policy": [{"transition_to_archive": "", "transition_to_ia": "AFTER_30_DAYS", "transition_to_primary_storage_class": ""}],
            "name": name, "number_of_mount_targets": 3, "owner_id": ACCOUNT_ID,
            "protection": [{"replication_overwrite": "ENABLED"}], "provisioned_throughput_in_mibps": 0,
            "size_in_bytes": [{"value": 4_218_880, "value_in_ia": 0, "value_in_standard": 4_218_880}],
            "availability_zone_id": "", "availability_zone_name": "",
        }),
        tags,
    )
}
