//! ECS, its images and the load balancers in front.

use serde_json::json;

use super::kind;
use crate::sandbox::seed::{
    ACCOUNT_ID, ids,
    twin::{Place, Twin},
};

/// A cluster.
pub(in crate::sandbox::seed) fn cluster(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let arn = at.arn("ecs", &format!("cluster/{name}"));
    Twin::new(
        at,
        kind("aws_ecs_cluster", "AWS::ECS::Cluster", "ecs:cluster"),
        arn.clone(),
        name,
        json!({
            "ClusterName": name, "Arn": arn, "CapacityProviders": [], "DefaultCapacityProviderStrategy": [],
            "ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}],
        }),
        json!({ "id": arn, "name": name, "setting": [{"name": "containerInsights", "value": "enabled"}] }),
        tags,
    )
}

/// A task definition of one container.
pub(in crate::sandbox::seed) fn task_definition(
    at: Place,
    family: &str,
    image: &str,
    roles: (&str, &str),
    tags: &[(&str, &str)],
) -> Twin {
    let (execution_role, task_role) = roles;
    let revision = ids::number(&at.key(family), 60) + 3;
    let arn = at.arn("ecs", &format!("task-definition/{family}:{revision}"));
    let containers = format!(
        r#"[{{"cpu":512,"environment":[{{"name":"STAGE","value":"prod"}}],"essential":true,"image":"{image}:1.48.2","memory":1024,"mountPoints":[],"name":"{family}","portMappings":[{{"containerPort":8080,"hostPort":8080,"protocol":"tcp"}}],"systemControls":[],"volumesFrom":[]}}]"#
    );
    Twin::new(
        at,
        kind("aws_ecs_task_definition", "AWS::ECS::TaskDefinition", "ecs:task-definition"),
        arn.clone(),
        &arn,
        json!({
            "TaskDefinitionArn": arn, "Family": family, "Cpu": "512", "Memory": "1024", "NetworkMode": "awsvpc",
            "RequiresCompatibilities": ["FARGATE"],
            "ExecutionRoleArn": execution_role, "TaskRoleArn": task_role, "Volumes": [], "PlacementConstraints": [],
            "EnableFaultInjection": false,
            "ContainerDefinitions": [{
                "Name": family, "Image": format!("{image}:1.48.2"), "Cpu": 512, "Memory": 1024, "Essential": true,
                "PortMappings": [{"ContainerPort": 8080, "HostPort": 8080, "Protocol": "tcp"}],
                "Environment": [{"Name": "STAGE", "Value": "prod"}],
                "MountPoints": [], "VolumesFrom": [],
            }],
        }),
        json!({
            "id": family, "family": family, "revision": revision,
            "arn_without_revision": at.arn("ecs", &format!("task-definition/{family}")), "cpu": "512", "memory": "1024",
            "network_mode": "awsvpc", "requires_compatibilities": ["FARGATE"], "execution_role_arn": execution_role,
            "task_role_arn": task_role, "container_definitions": containers,
            "skip_destroy": false, "track_latest": false, "enable_fault_injection": false, "ipc_mode": "",
            "pid_mode": "",
        }),
        tags,
    )
}

/// What a service runs behind.
#[derive(Debug)]
pub(in crate::sandbox::seed) struct Behind<'a> {
    pub(in crate::sandbox::seed) cluster: &'a Twin,
    pub(in crate::sandbox::seed) task: &'a Twin,
    pub(in crate::sandbox::seed) target_group: &'a Twin,
    pub(in crate::sandbox::seed) subnets: &'a [String],
    pub(in crate::sandbox::seed) group: &'a str,
}

/// A service of three tasks.
pub(in crate::sandbox::seed) fn service(at: Place, name: &str, behind: &Behind<'_>, tags: &[(&str, &str)]) -> Twin {
    let cluster = behind.cluster.text("name");
    let arn = at.arn("ecs", &format!("service/{cluster}/{name}"));
    let mut reversed = behind.subnets.to_vec();
    reversed.reverse();
    Twin::new(
        at,
        kind("aws_ecs_service", "AWS::ECS::Service", "ecs:service"),
        arn.clone(),
        &format!("{arn}|{}", behind.cluster.arn()),
        json!({
            "ServiceArn": arn, "ServiceName": name, "Name": name, "Cluster": behind.cluster.arn(),
            "TaskDefinition": behind.task.arn(), "DesiredCount": 3, "LaunchType": "FARGATE",
            "PlatformVersion": "LATEST", "SchedulingStrategy": "REPLICA", "EnableECSManagedTags": true,
            "EnableExecuteCommand": false, "PropagateTags": "SERVICE", "AvailabilityZoneRebalancing": "ENABLED",
            "DeploymentConfiguration": {"MaximumPercent": 200, "MinimumHealthyPercent": 100, "DeploymentCircuitBreaker": {"Enable": true, "Rollback": true}},
            "DeploymentController": {"Type": "ECS"},
            "HealthCheckGracePeriodSeconds": 60, "PlacementConstraints": [], "PlacementStrategies": [],
            "ServiceRegistries": [],
            "LoadBalancers": [{"ContainerName": name, "ContainerPort": 8080, "TargetGroupArn": behind.target_group.arn()}],
            "NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "DISABLED", "SecurityGroups": [behind.group], "Subnets": reversed}},
            "Role": format!("arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"),
        }),
        json!({
            "id": arn, "name": name, "cluster": behind.cluster.arn(), "task_definition": behind.task.arn(),
            "desired_count": 3, "launch_type": "FARGATE", "platform_version": "LATEST",
            "scheduling_strategy": "REPLICA", "enable_ecs_managed_tags": true, "enable_execute_command": false,
            "propagate_tags": "SERVICE", "availability_zone_rebalancing": "ENABLED",
            "deployment_maximum_percent": 200, "deployment_minimum_healthy_percent": 100,
            "deployment_circuit_breaker": [{"enable": true, "rollback": true}],
            "deployment_controller": [{"type": "ECS"}],
            "health_check_grace_period_seconds": 60,
            "iam_role": "/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", "triggers": {},
            "wait_for_steady_state": false,
            "load_balancer": [{"container_name": name, "container_port": 8080, "elb_name": "", "target_group_arn": behind.target_group.arn()}],
            "network_configuration": [{"assign_public_ip": false, "security_groups": [behind.group], "subnets": behind.subnets}],
        }),
        tags,
    )
}

/// A repository of images.
pub(in crate::sandbox::seed) fn repository(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let arn = at.arn("ecr", &format!("repository/{name}"));
    let uri = format!("{ACCOUNT_ID}.dkr.ecr.{}.amazonaws.com/{name}", at.region);
    Twin::new(
        at,
        kind("aws_ecr_repository", "AWS::ECR::Repository", "ecr:repository"),
        arn.clone(),
        name,
        json!({
            "RepositoryName": name, "Arn": arn, "RepositoryUri": uri, "ImageTagMutability": "IMMUTABLE",
            "ImageScanningConfiguration": {"ScanOnPush": true},
            "EncryptionConfiguration": {"EncryptionType": "AES256"},
        }),
        json!({
            "id": name, "name": name, "repository_url": uri, "registry_id": ACCOUNT_ID,
            "image_tag_mutability": "IMMUTABLE", "image_scanning_configuration": [{"scan_on_push": true}],
            "encryption_configuration": [{"encryption_type": "AES256", "kms_key": ""}],
        }),
        tags,
    )
}

/// An application load balancer.
pub(in crate::sandbox::seed) fn load_balancer(
    at: Place,
    name: &str,
    vpc: &str,
    subnets: &[String],
    group: &str,
    tags: &[(&str, &str)],
) -> Twin {
    let suffix = format!("app/{name}/{}", ids::hex(&at.key(name), 16));
    let arn = at.arn("elasticloadbalancing", &format!("loadbalancer/{suffix}"));
    let dns = format!("{name}-{}.{}.elb.amazonaws.com", ids::number(&suffix, 999_999_999), at.region);
    let zone = "Z215JYRZR1TBD5";
    let mut reversed = subnets.to_vec();
    reversed.reverse();
    Twin::new(
        at,
        kind("aws_lb", "AWS::ElasticLoadBalancingV2::LoadBalancer", "elasticloadbalancing:loadbalancer/app"),
        arn.clone(),
        &arn,
        json!({
            "LoadBalancerArn": arn, "LoadBalancerFullName": suffix, "LoadBalancerName": name, "Name": name,
            "Type": "application", "Scheme": "internet-facing", "IpAddressType": "ipv4",
            "DNSName": dns, "CanonicalHostedZoneID": zone, "SecurityGroups": [group], "Subnets": reversed,
            "LoadBalancerAttributes": [
                {"Key": "routing.http2.enabled", "Value": "true"},
                {"Key": "deletion_protection.enabled", "Value": "true"},
                {"Key": "idle_timeout.timeout_seconds", "Value": "60"},
                {"Key": "access_logs.s3.enabled", "Value": "false"},
            ],
        }),
        json!({
            "id": arn, "name": name, "name_prefix": "", "arn_suffix": suffix, "load_balancer_type": "application",
            "internal": false, "ip_address_type": "ipv4", "dns_name": dns, "zone_id": zone,
            "security_groups": [group], "subnets": subnets, "vpc_id": vpc, "enable_deletion_protection": true,
            "enable_http2": true, "idle_timeout": 60, "client_keep_alive": 3600,
            "desync_mitigation_mode": "defensive", "drop_invalid_header_fields": false,
            "enable_cross_zone_load_balancing": true, "enable_waf_fail_open": false, "enable_xff_client_port": false,
            "enable_tls_version_and_cipher_suite_headers": false, "enable_zonal_shift": false,
            "preserve_host_header": false, "xff_header_processing_mode": "append", "customer_owned_ipv4_pool": "",
        }),
        tags,
    )
}

/// A target group for tasks.
pub(in crate::sandbox::seed) fn target_group(at: Place, name: &str, vpc: &str, tags: &[(&str, &str)]) -> Twin {
    let suffix = format!("targetgroup/{name}/{}", ids::hex(&at.key(name), 16));
    let arn = at.arn("elasticloadbalancing", &suffix);
    Twin::new(
        at,
        kind("aws_lb_target_group", "AWS::ElasticLoadBalancingV2::TargetGroup", "elasticloadbalancing:targetgroup"),
        arn.clone(),
        &arn,
        json!({
            "TargetGroupArn": arn, "TargetGroupFullName": suffix, "TargetGroupName": name, "Name": name, "Port": 8080,
            "Protocol": "HTTP", "ProtocolVersion": "HTTP1", "TargetType": "ip", "VpcId": vpc,
            "IpAddressType": "ipv4", "HealthCheckEnabled": true, "HealthCheckPath": "/healthz",
            "HealthCheckPort": "traffic-port", "HealthCheckProtocol": "HTTP", "HealthCheckIntervalSeconds": 15,
            "HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 3,
            "Matcher": {"HttpCode": "200"}, "Targets": [], "LoadBalancerArns": [],
            "TargetGroupAttributes": [{"Key": "stickiness.enabled", "Value": "false"}, {"Key": "deregistration_delay.timeout_seconds", "Value": "30"}],
        }),
        json!({
            "id": arn, "arn_suffix": suffix, "name": name, "name_prefix": "", "port": 8080, "protocol": "HTTP",
            "protocol_version": "HTTP1", "target_type": "ip", "vpc_id": vpc, "ip_address_type": "ipv4",
            "health_check": [{"enabled": true, "healthy_threshold": 2, "interval": 15, "matcher": "200", "path": "/healthz", "port": "traffic-port", "protocol": "HTTP", "timeout": 5, "unhealthy_threshold": 3}],
            "stickiness": [{"cookie_duration": 86_400, "cookie_name": "", "enabled": false, "type": "lb_cookie"}],
            "deregistration_delay": "30", "slow_start": 0, "load_balancer_arns": [],
            "load_balancing_algorithm_type": "round_robin", "load_balancing_anomaly_mitigation": "off",
            "load_balancing_cross_zone_enabled": "use_load_balancer_configuration",
            "lambda_multi_value_headers_enabled": false, "proxy_protocol_v2": false,
        }),
        tags,
    )
}

/// The HTTPS listener of a load balancer.
pub(in crate::sandbox::seed) fn listener(
    at: Place,
    balancer: &Twin,
    certificate_arn: &str,
    tags: &[(&str, &str)],
) -> Twin {
    let suffix = balancer.text("arn_suffix");
    let arn = at.arn("elasticloadbalancing", &format!("listener/{suffix}/{}", ids::hex(&format!("{suffix}/443"), 16)));
    let policy = "ELBSecurityPolicy-TLS13-1-2-2021-06";
    Twin::new(
        at,
        kind("aws_lb_listener", "AWS::ElasticLoadBalancingV2::Listener", "elasticloadbalancing:listener/app"),
        arn.clone(),
        &arn,
        json!({
            "ListenerArn": arn, "LoadBalancerArn": balancer.arn(), "Port": 443, "Protocol": "HTTPS",
            "SslPolicy": policy, "Certificates": [{"CertificateArn": certificate_arn}],
            "DefaultActions": [{"Type": "fixed-response", "Order": 1, "FixedResponseConfig": {"ContentType": "text/plain", "MessageBody": "not found", "StatusCode": "404"}}],
            "MutualAuthentication": {"Mode": "off"},
        }),
        json!({
            "id": arn, "load_balancer_arn": balancer.arn(), "port": 443, "protocol": "HTTPS", "ssl_policy": policy,
            "certificate_arn": certificate_arn, "routing_http_response_server_enabled": true,
            "default_action": [{"type": "fixed-response", "order": 1, "target_group_arn": "", "fixed_response": [{"content_type": "text/plain", "message_body": "not found", "status_code": "404"}], "forward": [], "redirect": []}],
            "mutual_authentication": [{"advertise_trust_store_ca_names": "", "ignore_client_certificate_expiry": false, "mode": "off", "trust_store_arn": ""}],
        }),
        tags,
    )
}
