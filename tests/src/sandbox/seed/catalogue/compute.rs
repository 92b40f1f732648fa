//! Functions, instances, groups of instances.

use serde_json::{Value, json};

use super::{kind, part};
use crate::sandbox::seed::{
    ids,
    twin::{Place, Twin},
};

/// A function of 512 MB and 30 s.
pub(in crate::sandbox::seed) fn function(
    at: Place,
    name: &str,
    role_arn: &str,
    log_group: &str,
    tags: &[(&str, &str)],
) -> Twin {
    let arn = at.arn("lambda", &format!("function:{name}"));
    let invoke = format!("arn:aws:apigateway:{}:lambda:path/2015-03-31/functions/{arn}/invocations", at.region);
    Twin::new(
        at,
        kind("aws_lambda_function", "AWS::Lambda::Function", "lambda:function"),
        arn.clone(),
        name,
        json!({
            "FunctionName": name, "Arn": arn, "Role": role_arn, "Runtime": "nodejs22.x", "Handler": "index.handler",
            "MemorySize": 512, "Timeout": 30,
            "PackageType": "Zip", "Architectures": ["arm64"], "EphemeralStorage": {"Size": 512},
            "TracingConfig": {"Mode": "Active"},
            "Environment": {"Variables": {"STAGE": "prod", "LOG_LEVEL": "info"}},
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": log_group, "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"},
            "RecursiveLoop": "Terminate", "RuntimeManagementConfig": {"UpdateRuntimeOn": "Auto"}, "Description": "",
            "Code": {},
            "SnapStartResponse": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        }),
        json!({
            "id": name, "function_name": name, "role": role_arn, "runtime": "nodejs22.x", "handler": "index.handler",
            "memory_size": 512, "timeout": 30,
            "package_type": "Zip", "architectures": ["arm64"], "ephemeral_storage": [{"size": 512}],
            "tracing_config": [{"mode": "Active"}],
            "environment": [{"variables": {"LOG_LEVEL": "info", "STAGE": "prod"}}], "description": "", "layers": [],
            "publish": false, "version": "$LATEST",
            "logging_config": [{"application_log_level": "INFO", "log_format": "JSON", "log_group": log_group, "system_log_level": "INFO"}],
            "invoke_arn": invoke, "qualified_arn": format!("{arn}:$LATEST"), "qualified_invoke_arn": invoke,
            "reserved_concurrent_executions": -1,
            "s3_bucket": "acme-artifacts", "s3_key": format!("lambda/{name}.zip"), "skip_destroy": false,
            "source_code_size": 1_482_113,
            "source_code_hash": "n3V0cF2qQm0J2cJwC0o5mB0f3m6k3pT7fI1b0uE0y4I=",
            "code_sha256": "n3V0cF2qQm0J2cJwC0o5mB0f3m6k3pT7fI1b0uE0y4I=",
            "last_modified": "2026-10-02T08:41:55.000+0000", "kms_key_arn": "", "code_signing_config_arn": "",
            "image_uri": "",
            "signing_job_arn": "", "signing_profile_version_arn": "",
        }),
        tags,
    )
}

/// What feeds a queue into a function.
pub(in crate::sandbox::seed) fn event_source_mapping(
    at: Place,
    queue_arn: &str,
    function: &Twin,
    tags: &[(&str, &str)],
) -> Twin {
    let id = ids::uuid(&format!("{queue_arn}/{}", function.id()));
    let arn = at.arn("lambda", &format!("event-source-mapping:{id}"));
    Twin::new(
        at,
        kind("aws_lambda_event_source_mapping", "AWS::Lambda::EventSourceMapping", "lambda:event-source-mapping"),
        arn.clone(),
        &id,
        json!({
            "Id": id, "EventSourceMappingArn": arn, "EventSourceArn": queue_arn, "FunctionName": function.arn(),
            "Enabled": true, "BatchSize": 10,
            "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": ["ReportBatchItemFailures"],
        }),
        json!({
            "id": id, "uuid": id, "event_source_arn": queue_arn, "function_arn": function.arn(),
            "function_name": function.arn(), "enabled": true,
            "batch_size": 10, "maximum_batching_window_in_seconds": 0,
            "function_response_types": ["ReportBatchItemFailures"], "state": "Enabled",
            "state_transition_reason": "USER_INITIATED", "last_modified": "2026-10-02T08:42:11Z",
            "last_processing_result": "", "starting_position": "",
            "starting_position_timestamp": "", "kms_key_arn": "", "queues": [], "topics": [],
            "tumbling_window_in_seconds": 0,
            "bisect_batch_on_function_error": false, "maximum_record_age_in_seconds": 0, "maximum_retry_attempts": 0,
            "parallelization_factor": 0,
        }),
        tags,
    )
}

/// The leave for a topic to call a function.
pub(in crate::sandbox::seed) fn permission(at: Place, function: &Twin, topic_arn: &str) -> Twin {
    let name = function.id();
    Twin::new(
        at,
        part("aws_lambda_permission", "AWS::Lambda::Permission"),
        String::new(),
        &format!("{name}|AllowTopic"),
        json!({
            "FunctionName": name, "Id": "AllowTopic", "Action": "lambda:InvokeFunction",
            "Principal": "sns.amazonaws.com", "SourceArn": topic_arn,
        }),
        json!({
            "id": "AllowTopic", "statement_id": "AllowTopic", "statement_id_prefix": "", "function_name": name,
            "action": "lambda:InvokeFunction",
            "principal": "sns.amazonaws.com", "source_arn": topic_arn, "qualifier": "",
        }),
        &[],
    )
}

/// An instance.
pub(in crate::sandbox::seed) fn instance(
    at: Place,
    name: &str,
    size: &str,
    net: (&str, &str, &str),
    tags: &[(&str, &str)],
) -> Twin {
    let (subnet, group, profile) = net;
    let id = ids::resource("i", &at.key(name));
    let volume = ids::resource("vol", &format!("{id}/root"));
    let ip = format!("10.{}.{}.{}", at.block(), ids::number(&id, 16) + 64, ids::number(&volume, 200) + 10);
    let image = ids::resource("ami", at.region);
    Twin::new(
        at,
        kind("aws_instance", "AWS::EC2::Instance", "ec2:instance"),
        at.arn("ec2", &format!("instance/{id}")),
        &id,
        json!({
            "InstanceId": id, "InstanceType": size, "ImageId": image, "SubnetId": subnet, "SecurityGroupIds": [group],
            "AvailabilityZone": at.zone(0),
            "IamInstanceProfile": profile, "Monitoring": false, "EbsOptimized": true, "SourceDestCheck": true,
            "Tenancy": "default", "KeyName": "acme-operations",
            "PrivateIpAddress": ip,
            "PrivateDnsName": format!("ip-{}.{}.compute.internal", ip.replace('.', "-"), at.region),
            "PublicDnsName": "",
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": true, "Encrypted": true, "Iops": 3000, "VolumeSize": 30, "VolumeType": "gp3"}}],
            "Volumes": [{"Device": "/dev/xvda", "VolumeId": volume}],
            "CreditSpecification": {"CPUCredits": "unlimited"}, "State": {"Code": "16", "Name": "running"},
            "PrivateDnsNameOptions": {"EnableResourceNameDnsARecord": false, "EnableResourceNameDnsAAAARecord": false, "HostnameType": "ip-name"},
        }),
        json!({
            "id": id, "instance_type": size, "ami": image, "subnet_id": subnet, "vpc_security_group_ids": [group],
            "availability_zone": at.zone(0),
            "iam_instance_profile": profile, "monitoring": false, "ebs_optimized": true, "source_dest_check": true,
            "tenancy": "default", "key_name": "acme-operations",
            "private_ip": ip, "private_dns": format!("ip-{}.{}.compute.internal", ip.replace('.', "-"), at.region),
            "public_dns": "", "public_ip": "",
            "associate_public_ip_address": false, "instance_state": "running", "get_password_data": false,
            "disable_api_stop": false, "disable_api_termination": false, "user_data_replace_on_change": false,
            "instance_initiated_shutdown_behavior": "stop", "primary_network_interface_id": ids::resource("eni", &id),
            "force_destroy": false,
            "credit_specification": [{"cpu_credits": "unlimited"}],
            "metadata_options": [{"http_endpoint": "enabled", "http_protocol_ipv6": "disabled", "http_put_response_hop_limit": 2, "http_tokens": "required", "instance_metadata_tags": "disabled"}],
            "root_block_device": [{
                "delete_on_termination": true, "device_name": "/dev/xvda", "encrypted": true, "iops": 3000,
                "kms_key_id": "", "tags": {}, "tags_all": {},
                "throughput": 125, "volume_id": volume, "volume_size": 30, "volume_type": "gp3",
            }],
        }),
        tags,
    )
}

/// A volume.
pub(in crate::sandbox::seed) fn volume(at: Place, name: &str, size_gib: u32, tags: &[(&str, &str)]) -> Twin {
    let id = ids::resource("vol", &at.key(name));
    Twin::new(
        at,
        kind("aws_ebs_volume", "AWS::EC2::Volume", "ec2:volume"),
        at.arn("ec2", &format!("volume/{id}")),
        &id,
        json!({
            "VolumeId": id, "AvailabilityZone": at.zone(0), "Size": size_gib, "VolumeType": "gp3", "Iops": 3000,
            "Throughput": 125, "Encrypted": true, "MultiAttachEnabled": false, "AutoEnableIO": false,
        }),
        json!({
            "id": id, "availability_zone": at.zone(0), "size": size_gib, "type": "gp3", "iops": 3000, "throughput": 125,
            "encrypted": true, "multi_attach_enabled": false,
            "create_time": "2025-06-17T12:30:02Z", "final_snapshot": false, "kms_key_id": "", "outpost_arn": "",
            "snapshot_id": "",
        }),
        tags,
    )
}

/// A key pair.
pub(in crate::sandbox::seed) fn key_pair(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let id = ids::resource("key", &at.key(name));
    let fingerprint = "SHA256:0y4mBqT7fI1b0uE0n3V0cF2qQm0J2cJwC0o5mB0f3m8";
    Twin::new(
        at,
        kind("aws_key_pair", "AWS::EC2::KeyPair", "ec2:key-pair"),
        at.arn("ec2", &format!("key-pair/{id}")),
        name,
        json!({ "KeyName": name, "KeyPairId": id, "KeyType": "ed25519", "KeyFingerprint": fingerprint }),
        json!({
            "id": name, "key_name": name, "key_name_prefix": "", "key_pair_id": id, "key_type": "ed25519",
            "fingerprint": fingerprint, "arn": at.arn("ec2", &format!("key-pair/{name}")),
            "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8mXqgq7E3dC0c2Q5yJrZ5kqH1lq0W8cVn4bT2xYb9e operations@acme.example",
        }),
        tags,
    )
}

/// A launch template; Cloud Control gives none of its data back.
pub(in crate::sandbox::seed) fn launch_template(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let id = ids::resource("lt", &at.key(name));
    Twin::new(
        at,
        kind("aws_launch_template", "AWS::EC2::LaunchTemplate", "ec2:launch-template"),
        at.arn("ec2", &format!("launch-template/{id}")),
        &id,
        json!({
            "LaunchTemplateId": id, "LaunchTemplateName": name, "DefaultVersionNumber": "4", "LatestVersionNumber": "4",
        }),
        json!({
            "id": id, "name": name, "name_prefix": "", "default_version": 4, "latest_version": 4,
            "image_id": ids::resource("ami", at.region), "instance_type": "m7g.large", "description": "",
            "ebs_optimized": "true", "key_name": "acme-operations", "update_default_version": true, "user_data": "",
            "vpc_security_group_ids": [], "disable_api_stop": false, "disable_api_termination": false,
            "metadata_options": [{"http_endpoint": "enabled", "http_protocol_ipv6": "", "http_put_response_hop_limit": 2, "http_tokens": "required", "instance_metadata_tags": ""}],
        }),
        tags,
    )
}

/// A group of instances of a launch template.
pub(in crate::sandbox::seed) fn scaling_group(
    at: Place,
    name: &str,
    template: &Twin,
    subnets: &[String],
    tags: &[(&str, &str)],
) -> Twin {
    let arn =
        at.arn("autoscaling", &format!("autoScalingGroup:{}:autoScalingGroupName/{name}", ids::uuid(&at.key(name))));
    let mut reversed = subnets.to_vec();
    reversed.reverse();
    let zones: Vec<String> = (0..3).map(|zone| at.zone(zone)).collect();
    let mut twin = Twin::new(
        at,
        kind("aws_autoscaling_group", "AWS::AutoScaling::AutoScalingGroup", "autoscaling:autoScalingGroup"),
        arn.clone(),
        name,
        json!({
            "AutoScalingGroupName": name, "AutoScalingGroupARN": arn, "MinSize": "2", "MaxSize": "8",
            "DesiredCapacity": "3", "HealthCheckType": "EC2", "HealthCheckGracePeriod": 300, "Cooldown": "300",
            "VPCZoneIdentifier": reversed, "AvailabilityZones": zones,
            "LaunchTemplate": {"LaunchTemplateId": template.id(), "Version": "$Latest"},
            "TerminationPolicies": ["Default"],
            "NewInstancesProtectedFromScaleIn": false, "CapacityRebalance": false, "TargetGroupARNs": [],
            "LoadBalancerNames": [],
        }),
        json!({
            "id": name, "name": name, "name_prefix": "", "min_size": 2, "max_size": 8, "desired_capacity": 3,
            "health_check_type": "EC2", "health_check_grace_period": 300, "default_cooldown": 300,
            "vpc_zone_identifier": subnets, "availability_zones": zones, "launch_configuration": "",
            "load_balancers": [], "target_group_arns": [], "suspended_processes": [], "termination_policies": [],
            "protect_from_scale_in": false, "capacity_rebalance": false, "force_delete": false,
            "force_delete_warm_pool": false, "wait_for_capacity_timeout": "10m", "metrics_granularity": "1Minute",
            "service_linked_role_arn": format!("arn:aws:iam::{}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling", crate::sandbox::seed::ACCOUNT_ID),
            "launch_template": [{"id": template.id(), "name": template.text("name"), "version": "$Latest"}],
        }),
        tags,
    );
    // This type has a block per tag instead of a map, and the provider's default tags do not reach it.
    let blocks: Vec<Value> =
        tags.iter().map(|(key, value)| json!({"key": key, "value": value, "propagate_at_launch": true})).collect();
    twin.attributes.insert("tag".to_owned(), Value::from(blocks));
    twin
}
