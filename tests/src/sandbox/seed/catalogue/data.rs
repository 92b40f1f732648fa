//! Databases and caches.

use serde_json::json;

use super::kind;
use crate::sandbox::seed::{
    ACCOUNT_ID, ids,
    twin::{Place, Twin},
};

/// A table with a key, billed by request.
pub(in crate::sandbox::seed) fn table(at: Place, name: &str, hash_key: &str, tags: &[(&str, &str)]) -> Twin {
    let arn = at.arn("dynamodb", &format!("table/{name}"));
    Twin::new(
        at,
        kind("aws_dynamodb_table", "AWS::DynamoDB::Table", "dynamodb:table"),
        arn.clone(),
        name,
        json!({
            "TableName": name, "Arn": arn, "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": hash_key, "KeyType": "HASH"}, {"AttributeName": "created_at", "KeyType": "RANGE"}],
            "AttributeDefinitions": [{"AttributeName": "created_at", "AttributeType": "S"}, {"AttributeName": hash_key, "AttributeType": "S"}],
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 35},
            "DeletionProtectionEnabled": true, "TableClass": "STANDARD",
            "TimeToLiveSpecification": {"Enabled": true, "AttributeName": "expires_at"},
            "SSESpecification": {"SSEEnabled": false},
            "ContributorInsightsSpecification": {"Enabled": false},
            "WarmThroughput": {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000},
        }),
        json!({
            "id": name, "name": name, "billing_mode": "PAY_PER_REQUEST", "hash_key": hash_key,
            "range_key": "created_at", "read_capacity": 0, "write_capacity": 0,
            "attribute": [{"name": hash_key, "type": "S"}, {"name": "created_at", "type": "S"}],
            "point_in_time_recovery": [{"enabled": true, "recovery_period_in_days": 35}],
            "deletion_protection_enabled": true, "table_class": "STANDARD",
            "ttl": [{"attribute_name": "expires_at", "enabled": true}], "stream_enabled": false, "stream_arn": "",
            "stream_label": "",
            "stream_view_type": "", "server_side_encryption": [],
        }),
        tags,
    )
}

/// A group of subnets for databases.
pub(in crate::sandbox::seed) fn subnet_group(
    at: Place,
    name: &str,
    vpc: &str,
    subnets: &[String],
    tags: &[(&str, &str)],
) -> Twin {
    let arn = at.arn("rds", &format!("subgrp:{name}"));
    let mut reversed = subnets.to_vec();
    reversed.reverse();
    Twin::new(
        at,
        kind("aws_db_subnet_group", "AWS::RDS::DBSubnetGroup", "rds:subgrp"),
        arn.clone(),
        name,
        json!({
            "DBSubnetGroupName": name, "DBSubnetGroupArn": arn, "DBSubnetGroupDescription": "Database subnets",
            "SubnetIds": reversed,
        }),
        json!({
            "id": name, "name": name, "name_prefix": "", "description": "Database subnets", "subnet_ids": subnets,
            "supported_network_types": ["IPV4"], "vpc_id": vpc,
        }),
        tags,
    )
}

/// A group of database parameters.
pub(in crate::sandbox::seed) fn parameter_group(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let arn = at.arn("rds", &format!("pg:{name}"));
    Twin::new(
        at,
        kind("aws_db_parameter_group", "AWS::RDS::DBParameterGroup", "rds:pg"),
        arn,
        name,
        json!({
            "DBParameterGroupName": name, "Description": "PostgreSQL 16 for acme", "Family": "postgres16",
            "Parameters": {"log_min_duration_statement": "500", "rds.force_ssl": "1"},
        }),
        json!({
            "id": name, "name": name, "name_prefix": "", "description": "PostgreSQL 16 for acme",
            "family": "postgres16", "skip_destroy": false,
            "parameter": [{"apply_method": "immediate", "name": "rds.force_ssl", "value": "1"}, {"apply_method": "immediate", "name": "log_min_duration_statement", "value": "500"}],
        }),
        tags,
    )
}

/// What a database stands on.
#[derive(Debug)]
pub(in crate::sandbox::seed) struct Under<'a> {
    pub(in crate::sandbox::seed) subnet_group: &'a str,
    pub(in crate::sandbox::seed) parameter_group: &'a str,
    pub(in crate::sandbox::seed) security_group: &'a str,
    pub(in crate::sandbox::seed) key_arn: &'a str,
}

/// A `PostgreSQL` instance. Its password is in the state and nowhere else.
pub(in crate::sandbox::seed) fn database(
    at: Place,
    name: &str,
    database: &str,
    under: &Under<'_>,
    tags: &[(&str, &str)],
) -> Twin {
    let arn = at.arn("rds", &format!("db:{name}"));
    let resource_id = ids::unique("db-", &at.key(name), 29);
    let address = format!("{name}.{}.{}.rds.amazonaws.com", ids::hex(&at.key("rds"), 12), at.region);
    let mut twin = Twin::new(
        at,
        kind("aws_db_instance", "AWS::RDS::DBInstance", "rds:db"),
        arn.clone(),
        name,
        json!({
            "DBInstanceIdentifier": name, "DBInstanceArn": arn, "DbiResourceId": resource_id,
            "DBInstanceClass": "db.r7g.large", "Engine": "postgres", "EngineVersion": "16.4", "DBName": database,
            "AllocatedStorage": "200", "MaxAllocatedStorage": 1000, "StorageType": "gp3", "Iops": 3000,
            "StorageThroughput": 125, "StorageEncrypted": true, "KmsKeyId": under.key_arn, "MultiAZ": true,
            "MasterUsername": "acme", "BackupRetentionPeriod": 14, "DeletionProtection": true,
            "PubliclyAccessible": false, "AutoMinorVersionUpgrade": true, "CopyTagsToSnapshot": true,
            "DBSubnetGroupName": under.subnet_group, "DBParameterGroupName": under.parameter_group,
            "VPCSecurityGroups": [under.security_group], "DBSecurityGroups": [], "Port": "5432",
            "Endpoint": {"Address": address, "Port": "5432", "HostedZoneId": "Z1RLNUO7B9Q6NB"},
            "PreferredBackupWindow": "02:10-02:40", "PreferredMaintenanceWindow": "sun:03:30-sun:04:00",
            "EnableIAMDatabaseAuthentication": true, "EnablePerformanceInsights": true,
            "PerformanceInsightsRetentionPeriod": 7, "PerformanceInsightsKMSKeyId": under.key_arn,
            "NetworkType": "IPV4",
            "CACertificateIdentifier": "rds-ca-rsa2048-g1", "EnableCloudwatchLogsExports": ["upgrade", "postgresql"],
            "MonitoringInterval": 0, "LicenseModel": "postgresql-license", "DBInstanceStatus": "available",
        }),
        json!({
            "id": resource_id, "identifier": name, "resource_id": resource_id, "instance_class": "db.r7g.large",
            "engine": "postgres", "engine_version": "16.4", "engine_version_actual": "16.4",
            "db_name": database, "allocated_storage": 200, "max_allocated_storage": 1000, "storage_type": "gp3",
            "iops": 3000, "storage_throughput": 125, "storage_encrypted": true,
            "kms_key_id": under.key_arn, "multi_az": true, "username": "acme", "password": "Tz7-pq4!vNs2xWb9",
            "backup_retention_period": 14, "deletion_protection": true, "publicly_accessible": false,
            "auto_minor_version_upgrade": true, "copy_tags_to_snapshot": true,
            "db_subnet_group_name": under.subnet_group, "parameter_group_name": under.parameter_group,
            "vpc_security_group_ids": [under.security_group], "port": 5432, "endpoint": format!("{address}:5432"),
            "address": address, "hosted_zone_id": "Z1RLNUO7B9Q6NB",
        }),
        tags,
    );
    let more = json!({
        "backup_window": "02:10-02:40", "maintenance_window": "sun:03:30-sun:04:00",
        "iam_database_authentication_enabled": true, "performance_insights_enabled": true,
        "performance_insights_retention_period": 7, "performance_insights_kms_key_id": under.key_arn,
        "network_type": "IPV4", "ca_cert_identifier": "rds-ca-rsa2048-g1",
        "enabled_cloudwatch_logs_exports": ["postgresql", "upgrade"], "monitoring_interval": 0,
        "monitoring_role_arn": "", "license_model": "postgresql-license", "status": "available",
        "apply_immediately": false, "skip_final_snapshot": false, "final_snapshot_identifier": format!("{name}-final"),
        "delete_automated_backups": true, "availability_zone": at.zone(0),
        "allow_major_version_upgrade": false, "character_set_name": "", "dedicated_log_volume": false, "domain": "",
        "latest_restorable_time": "2026-11-20T07:15:00Z", "listener_endpoint": [],
        "option_group_name": "default:postgres-16", "replicas": [], "replicate_source_db": "", "timezone": "",
        "engine_lifecycle_support": "open-source-rds-extended-support",
        "identifier_prefix": "",
    });
    twin.attributes.extend(crate::sandbox::seed::twin::object(more));
    twin
}

/// A group of subnets for caches.
pub(in crate::sandbox::seed) fn cache_subnet_group(
    at: Place,
    name: &str,
    vpc: &str,
    subnets: &[String],
    tags: &[(&str, &str)],
) -> Twin {
    let mut reversed = subnets.to_vec();
    reversed.reverse();
    Twin::new(
        at,
        kind("aws_elasticache_subnet_group", "AWS::ElastiCache::SubnetGroup", "elasticache:subnetgroup"),
        at.arn("elasticache", &format!("subnetgroup:{name}")),
        name,
        json!({ "CacheSubnetGroupName": name, "Description": "Cache subnets", "SubnetIds": reversed }),
        json!({ "id": name, "name": name, "description": "Cache subnets", "subnet_ids": subnets, "vpc_id": vpc }),
        tags,
    )
}

/// A cache of two nodes; Cloud Control leaves out half of what it was made with.
pub(in crate::sandbox::seed) fn cache(
    at: Place,
    name: &str,
    subnet_group: &str,
    security_group: &str,
    tags: &[(&str, &str)],
) -> Twin {
    let host = format!("{name}.{}.cache.amazonaws.com", ids::hex(&at.key("cache"), 6));
    Twin::new(
        at,
        kind("aws_elasticache_replication_group", "AWS::ElastiCache::ReplicationGroup", "elasticache:replicationgroup"),
        at.arn("elasticache", &format!("replicationgroup:{name}")),
        name,
        json!({
            "ReplicationGroupId": name, "ReplicationGroupDescription": format!("{name} cache"),
            "CacheNodeType": "cache.r7g.large", "Engine": "redis", "AtRestEncryptionEnabled": true,
            "TransitEncryptionEnabled": true, "TransitEncryptionMode": "required", "AutomaticFailoverEnabled": true,
            "MultiAZEnabled": true, "AutoMinorVersionUpgrade": true, "SnapshotRetentionLimit": 7,
            "SnapshotWindow": "03:00-04:00", "NumCacheClusters": 2, "ClusterMode": "disabled", "NetworkType": "ipv4",
            "IpDiscovery": "ipv4", "UserGroupIds": [], "LogDeliveryConfigurations": [],
            "PrimaryEndPoint": {"Address": format!("master.{host}"), "Port": "6379"},
            "ReaderEndPoint": {"Address": format!("replica.{host}"), "Port": "6379"}, "DataTieringEnabled": false,
        }),
        json!({
            "id": name, "replication_group_id": name, "description": format!("{name} cache"),
            "node_type": "cache.r7g.large", "engine": "redis", "engine_version": "7.1",
            "engine_version_actual": "7.1.0",
            "at_rest_encryption_enabled": "true", "transit_encryption_enabled": true,
            "transit_encryption_mode": "required", "automatic_failover_enabled": true, "multi_az_enabled": true,
            "auto_minor_version_upgrade": "true", "snapshot_retention_limit": 7, "snapshot_window": "03:00-04:00",
            "num_cache_clusters": 2, "num_node_groups": 1, "replicas_per_node_group": 1,
            "cluster_enabled": false, "cluster_mode": "disabled", "network_type": "ipv4", "ip_discovery": "ipv4",
            "parameter_group_name": "default.redis7", "port": 6379, "subnet_group_name": subnet_group,
            "security_group_ids": [security_group], "security_group_names": [],
            "primary_endpoint_address": format!("master.{host}"), "reader_endpoint_address": format!("replica.{host}"),
            "configuration_endpoint_address": "", "maintenance_window": "sun:05:00-sun:06:00",
            "member_clusters": [format!("{name}-001"), format!("{name}-002")], "data_tiering_enabled": false,
            "auth_token": "kG3!r9Vt7mQ2pX5z", "auth_token_update_strategy": "ROTATE", "user_group_ids": [],
            "apply_immediately": false,
        }),
        tags,
    )
}

/// A pool of the shop's customers.
pub(in crate::sandbox::seed) fn user_pool(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let id = format!("{}_{}", at.region, ids::unique("", &at.key(name), 9));
    let arn = at.arn("cognito-idp", &format!("userpool/{id}"));
    Twin::new(
        at,
        kind("aws_cognito_user_pool", "AWS::Cognito::UserPool", "cognito-idp:userpool"),
        arn.clone(),
        &id,
        json!({
            "UserPoolId": id, "Arn": arn, "UserPoolName": name,
            "ProviderName": format!("cognito-idp.{}.amazonaws.com/{id}", at.region),
            "ProviderURL": format!("https://cognito-idp.{}.amazonaws.com/{id}", at.region),
            "MfaConfiguration": "OPTIONAL", "DeletionProtection": "ACTIVE", "AutoVerifiedAttributes": ["email"],
            "UsernameAttributes": ["email"], "UserPoolTier": "ESSENTIALS",
            "AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]},
        }),
        json!({
            "id": id, "name": name, "endpoint": format!("cognito-idp.{}.amazonaws.com/{id}", at.region),
            "mfa_configuration": "OPTIONAL", "deletion_protection": "ACTIVE", "auto_verified_attributes": ["email"],
            "username_attributes": ["email"], "user_pool_tier": "ESSENTIALS",
            "account_recovery_setting": [{"recovery_mechanism": [{"name": "verified_email", "priority": 1}]}],
            "creation_date": "2025-02-03T09:17:40Z", "last_modified_date": "2026-08-19T13:02:55Z",
            "estimated_number_of_users": 48_213, "custom_domain": "", "domain": "",
        }),
        tags,
    )
}

/// A vault for backups.
pub(in crate::sandbox::seed) fn backup_vault(at: Place, name: &str, key_arn: &str, tags: &[(&str, &str)]) -> Twin {
    let arn = at.arn("backup", &format!("backup-vault:{name}"));
    Twin::new(
        at,
        kind("aws_backup_vault", "AWS::Backup::BackupVault", "backup:backup-vault"),
        arn.clone(),
        name,
        json!({ "BackupVaultName": name, "BackupVaultArn": arn, "EncryptionKeyArn": key_arn }),
        json!({ "id": name, "name": name, "kms_key_arn": key_arn, "recovery_points": 118, "force_destroy": false }),
        tags,
    )
}

/// The ARN of the account's root.
pub(in crate::sandbox::seed) fn root_arn() -> String {
    format!("arn:aws:iam::{ACCOUNT_ID}:root")
}
