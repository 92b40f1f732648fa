//! A stand-in for CloudFormation: evaluates a template (parameters, conditions, `Ref`, `Fn::GetAtt`, `Fn::Equals`, `Fn::And`,
//! `Condition`) and makes its IAM resources.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value};

use super::iam::{Iam, RoleFacts};
use crate::sandbox::Sandbox;

/// A stack that was made: its outputs by logical id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stack {
    /// The outputs.
    pub outputs: BTreeMap<String, String>,
    /// The logical ids of the resources that were made.
    pub resources: Vec<String>,
}

struct Template<'a> {
    document: &'a Map<String, Value>,
    parameters: BTreeMap<String, String>,
    account_id: &'a str,
    /// What `Ref` and `Fn::GetAtt … Arn` give, by logical id.
    made: BTreeMap<String, (String, String)>,
}

/// Makes a stack of a template in an account, with parameters over their defaults.
pub async fn deploy(
    sandbox: &Sandbox,
    account_id: &str,
    template: &str,
    parameters: &[(&str, &str)],
) -> anyhow::Result<Stack> {
    let document: Value = serde_json::from_str(template).context("the template is no JSON")?;
    let document = document.as_object().context("the template is no object")?;
    for section in document.keys() {
        let known = ["AWSTemplateFormatVersion", "Description", "Parameters", "Conditions", "Resources", "Outputs"];
        ensure!(known.contains(&section.as_str()), "unknown section {section}");
    }
    let mut template =
        Template { document, parameters: parameters_of(document, parameters)?, account_id, made: BTreeMap::new() };
    let iam = Iam::of(sandbox, account_id);
    let mut stack = Stack::default();
    let mut open = section(document, "Resources").iter().collect::<Vec<_>>();
    open.retain(|(_, resource)| template.is_wanted(resource));
    while !open.is_empty() {
        let before = open.len();
        let mut waiting = Vec::new();
        for (id, resource) in open {
            if template.is_ready(resource) {
                template.make(&iam, id, resource).await.with_context(|| format!("resource {id}"))?;
                stack.resources.push(id.clone());
            } else {
                waiting.push((id, resource));
            }
        }
        ensure!(waiting.len() < before, "circular or missing dependency: {waiting:?}");
        open = waiting;
    }
    for (id, output) in section(document, "Outputs") {
        if template.is_wanted(output) {
            let value = template.text(&output["Value"]).with_context(|| format!("output {id}"))?;
            stack.outputs.insert(id.clone(), value);
        }
    }
    Ok(stack)
}

fn section<'a>(document: &'a Map<String, Value>, name: &str) -> &'a Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    document.get(name).and_then(Value::as_object).unwrap_or(&NONE)
}

fn parameters_of(document: &Map<String, Value>, given: &[(&str, &str)]) -> anyhow::Result<BTreeMap<String, String>> {
    let declared = section(document, "Parameters");
    for (name, _) in given {
        ensure!(declared.contains_key(*name), "the template has no parameter {name}");
    }
    let mut parameters = BTreeMap::new();
    for (name, declaration) in declared {
        let given = given.iter().find(|(given, _)| given == name).map(|(_, value)| *value);
        let value = given.or(declaration["Default"].as_str()).with_context(|| format!("no value for {name}"))?;
        if let Some(allowed) = declaration["AllowedValues"].as_array() {
            ensure!(allowed.iter().any(|allowed| allowed == value), "{value} is not allowed for {name}");
        }
        parameters.insert(name.clone(), value.to_owned());
    }
    Ok(parameters)
}

impl Template<'_> {
    fn is_wanted(&self, item: &Value) -> bool {
        item["Condition"].as_str().is_none_or(|name| self.condition(name).unwrap_or(false))
    }

    fn condition(&self, name: &str) -> anyhow::Result<bool> {
        let condition = section(self.document, "Conditions").get(name);
        self.truth(condition.with_context(|| format!("no condition {name}"))?)
    }

    fn truth(&self, value: &Value) -> anyhow::Result<bool> {
        let (function, arguments) = function(value).with_context(|| format!("no condition function: {value}"))?;
        match (function, arguments) {
            ("Condition", Value::String(name)) => self.condition(name),
            ("Fn::Equals", Value::Array(sides)) => match sides.as_slice() {
                [first, second] => Ok(self.evaluate(first)? == self.evaluate(second)?),
                _ => bail!("Fn::Equals takes two values"),
            },
            ("Fn::And", Value::Array(all)) => {
                ensure!((2..=10).contains(&all.len()), "Fn::And takes 2 to 10 conditions");
                all.iter().try_fold(true, |so_far, each| Ok(so_far & self.truth(each)?))
            }
            (other, _) => bail!("unknown condition function {other}"),
        }
    }

    /// The value with every function replaced by what it gives.
    fn evaluate(&self, value: &Value) -> anyhow::Result<Value> {
        if let Some((name, argument)) = function(value) {
            return match (name, argument) {
                ("Ref", Value::String(name)) => self.reference(name),
                ("Fn::GetAtt", Value::Array(path)) => match path.as_slice() {
                    [Value::String(id), attribute] if attribute == "Arn" => {
                        let (_, arn) = self.made.get(id).with_context(|| format!("{id} is not made"))?;
                        Ok(arn.as_str().into())
                    }
                    _ => bail!("unknown attribute {path:?}"),
                },
                ("Fn::If", Value::Array(choice)) => match choice.as_slice() {
                    [Value::String(condition), then, otherwise] => {
                        self.evaluate(if self.condition(condition)? { then } else { otherwise })
                    }
                    _ => bail!("Fn::If takes a condition's name and two values"),
                },
                (other, _) => bail!("unknown function {other}"),
            };
        }
        Ok(match value {
            Value::Array(items) => items.iter().map(|item| self.evaluate(item)).collect::<anyhow::Result<_>>()?,
            Value::Object(members) => {
                let members = members.iter().map(|(name, value)| Ok((name.clone(), self.evaluate(value)?)));
                Value::Object(members.collect::<anyhow::Result<_>>()?)
            }
            other => other.clone(),
        })
    }

    fn reference(&self, name: &str) -> anyhow::Result<Value> {
        if name == "AWS::AccountId" {
            return Ok(self.account_id.into());
        }
        let known = self.parameters.get(name).or_else(|| self.made.get(name).map(|(reference, _)| reference));
        known.map(|value| value.as_str().into()).with_context(|| format!("Ref to unknown {name}"))
    }

    fn text(&self, value: &Value) -> anyhow::Result<String> {
        Ok(self.evaluate(value)?.as_str().context("no text")?.to_owned())
    }

    /// Whether everything that it depends on is made, or never will be.
    fn is_ready(&self, resource: &Value) -> bool {
        let mut needed = Vec::new();
        references(&resource["Properties"], &mut needed);
        let explicit = match &resource["DependsOn"] {
            Value::String(one) => vec![one.as_str()],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let resources = section(self.document, "Resources");
        needed.iter().copied().chain(explicit).all(|id| match resources.get(id) {
            Some(other) => self.made.contains_key(id) || !self.is_wanted(other),
            // A parameter or a pseudo parameter.
            None => true,
        })
    }

    async fn make(&mut self, iam: &Iam, id: &str, resource: &Value) -> anyhow::Result<()> {
        for member in resource.as_object().context("no object")?.keys() {
            let known = ["Type", "Condition", "DependsOn", "Properties"];
            ensure!(known.contains(&member.as_str()), "unknown member {member}");
        }
        let properties = self.evaluate(&resource["Properties"])?;
        let mut properties = Properties(properties.as_object().context("no properties")?.clone());
        let made = match resource["Type"].as_str().unwrap_or_default() {
            "AWS::IAM::OIDCProvider" => {
                let (client_ids, thumbprints) =
                    (properties.strings("ClientIdList")?, properties.strings("ThumbprintList")?);
                let arn = iam.provider(&properties.text("Url")?, client_ids, thumbprints).await?;
                (arn.clone(), arn)
            }
            "AWS::IAM::User" => {
                let name = properties.text("UserName")?;
                let arn = iam.user(&name, &properties.text("Path")?, properties.tags()?).await?;
                for (policy, document) in properties.policies()? {
                    iam.user_policy(&name, &policy, &document).await?;
                }
                (name, arn)
            }
            "AWS::IAM::ManagedPolicy" => {
                let document = properties.take("PolicyDocument")?.to_string();
                let (name, path) = (properties.text("ManagedPolicyName")?, properties.text("Path")?);
                let arn = iam.policy(&name, &path, Some(&properties.text("Description")?), &document).await?;
                for role in properties.strings("Roles")? {
                    iam.attach(&role, &arn).await?;
                }
                (arn.clone(), arn)
            }
            "AWS::IAM::Role" => {
                let name = properties.text("RoleName")?;
                let max_session_s = properties.take("MaxSessionDuration")?.as_i64().context("no number")?;
                let facts = RoleFacts {
                    name: name.clone(),
                    path: properties.text("Path")?,
                    description: Some(properties.text("Description")?),
                    max_session_s: max_session_s.try_into()?,
                    trust: properties.take("AssumeRolePolicyDocument")?.to_string(),
                    tags: properties.tags()?,
                };
                let arn = iam.role(facts).await?;
                for policy in properties.strings("ManagedPolicyArns")? {
                    iam.attach(&name, &policy).await?;
                }
                for (policy, document) in properties.policies()? {
                    iam.role_policy(&name, &policy, &document).await?;
                }
                (name, arn)
            }
            other => bail!("unknown resource type {other}"),
        };
        ensure!(properties.0.is_empty(), "unknown properties {:?}", properties.0.keys());
        self.made.insert(id.to_owned(), made);
        Ok(())
    }
}

/// The properties of a resource that were not used yet.
struct Properties(Map<String, Value>);

impl Properties {
    fn take(&mut self, name: &str) -> anyhow::Result<Value> {
        self.0.remove(name).with_context(|| format!("no {name}"))
    }

    fn text(&mut self, name: &str) -> anyhow::Result<String> {
        Ok(self.take(name)?.as_str().with_context(|| format!("{name} is no text"))?.to_owned())
    }

    fn list(&mut self, name: &str) -> anyhow::Result<Vec<Value>> {
        match self.0.remove(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => bail!("{name} is no list: {other}"),
        }
    }

    fn strings(&mut self, name: &str) -> anyhow::Result<Vec<String>> {
        let items = self.list(name)?;
        items.iter().map(|item| Ok(item.as_str().context("no text")?.to_owned())).collect()
    }

    fn tags(&mut self) -> anyhow::Result<BTreeMap<String, String>> {
        let member = |tag: &Value, name: &str| anyhow::Ok(tag[name].as_str().context("no tag")?.to_owned());
        self.list("Tags")?.iter().map(|tag| anyhow::Ok((member(tag, "Key")?, member(tag, "Value")?))).collect()
    }

    fn policies(&mut self) -> anyhow::Result<Vec<(String, String)>> {
        let policies = self.list("Policies")?;
        let one = |policy: &Value| {
            let name = policy["PolicyName"].as_str().context("no PolicyName")?;
            Ok((name.to_owned(), policy["PolicyDocument"].to_string()))
        };
        policies.iter().map(one).collect()
    }
}

/// An intrinsic function: an object of one member with a function's name.
fn function(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let (name, argument) = members.iter().next()?;
    let is_function = name == "Ref" || name.starts_with("Fn::") || (name == "Condition" && argument.is_string());
    is_function.then_some((name.as_str(), argument))
}

fn references<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    if let Some((name, argument)) = function(value) {
        match argument {
            Value::String(id) if name == "Ref" => into.push(id),
            Value::Array(choice) if name == "Fn::If" => choice.iter().for_each(|value| references(value, into)),
            Value::Array(path) => into.extend(path.first().and_then(Value::as_str)),
            _ => {}
        }
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        Value::Object(members) => members.values().for_each(|member| references(member, into)),
        _ => {}
    }
}
