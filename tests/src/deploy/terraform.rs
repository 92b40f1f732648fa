//! A stand-in for `terraform apply`: reads a module with hcl-rs, evaluates it (variables, `count`, `jsonencode`, `merge`,
//! references between resources) and makes its IAM resources.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use hcl::eval::{Context, Evaluate, FuncArgs, FuncDef, ParamType};
use hcl::structure::Block;
use hcl::{Body, Map};
use serde_json::Value;

use super::iam::{Iam, RoleFacts};
use crate::sandbox::Sandbox;

/// One file of a module.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// Its path, for messages.
    pub path: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// What an apply made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// The outputs by name.
    pub outputs: BTreeMap<String, String>,
    /// The import id of each resource by its address in the module.
    pub import_ids: BTreeMap<String, String>,
}

/// The arguments that the AWS provider has in both its versions 5 and 6, as far as a set-up needs them.
const ARGUMENTS: &[(&str, &[&str])] = &[
    ("aws_iam_openid_connect_provider", &["url", "client_id_list", "thumbprint_list", "tags"]),
    ("aws_iam_user", &["name", "path", "tags"]),
    ("aws_iam_user_policy", &["name", "user", "policy"]),
    ("aws_iam_role", &["name", "path", "description", "max_session_duration", "tags", "assume_role_policy"]),
    ("aws_iam_role_policy", &["name", "role", "policy"]),
    ("aws_iam_policy", &["name", "path", "description", "tags", "policy"]),
    ("aws_iam_role_policy_attachment", &["role", "policy_arn"]),
];

/// What every resource may have beside the arguments of its type.
const META_ARGUMENTS: [&str; 2] = ["count", "depends_on"];

/// Applies a module in an account, with variables over their defaults.
pub async fn apply(
    sandbox: &Sandbox,
    account_id: &str,
    files: &[File<'_>],
    variables: &[(&str, Value)],
) -> anyhow::Result<Applied> {
    let mut blocks = Vec::new();
    for file in files {
        let body: Body = hcl::from_str(file.text).with_context(|| format!("{} does not parse", file.path))?;
        ensure!(body.attributes().next().is_none(), "{}: an attribute outside of a block", file.path);
        blocks.extend(body.into_blocks());
    }
    let mut module = Module { variables: variables_of(&blocks, variables)?, resources: BTreeMap::new() };
    let iam = Iam::of(sandbox, account_id);
    let mut applied = Applied::default();
    let mut open: Vec<&Block> = blocks.iter().filter(|block| block.identifier() == "resource").collect();
    while !open.is_empty() {
        let before = open.len();
        let mut waiting = Vec::new();
        let mut why = None;
        for block in open {
            match module.arguments(block) {
                Ok(arguments) => module.make(&iam, block, arguments, &mut applied).await?,
                Err(error) => {
                    waiting.push(block);
                    why = Some(error);
                }
            }
        }
        if waiting.len() == before {
            return Err(why.unwrap_or_else(|| anyhow::anyhow!("nothing can be made")));
        }
        open = waiting;
    }
    for block in &blocks {
        let name = || label(block, 0);
        match block.identifier() {
            "output" => {
                let value = module.attribute(block, "value")?.context("an output has a value")?;
                applied.outputs.insert(name()?.to_owned(), value.as_str().context("no text")?.to_owned());
            }
            "resource" | "variable" | "terraform" => {}
            other => bail!("unknown block {other}"),
        }
    }
    Ok(applied)
}

/// The `import` blocks of a file: the id by the address in the module `driftwise`.
pub fn imports(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let body: Body = hcl::from_str(text)?;
    let one = |block: &Block| {
        ensure!(block.identifier() == "import", "unknown block {}", block.identifier());
        let attribute = |key: &str| {
            let found = block.body().attributes().find(|attribute| attribute.key() == key);
            found.map(hcl::Attribute::expr).with_context(|| format!("no {key}"))
        };
        let id = attribute("id")?.evaluate(&Context::new())?;
        let to = hcl::format::to_string(attribute("to")?)?;
        let address = to.strip_prefix("module.driftwise.").context("outside of the module")?;
        Ok((address.to_owned(), id.as_str().context("no text")?.to_owned()))
    };
    body.blocks().map(one).collect()
}

struct Module {
    variables: Map<String, hcl::Value>,
    /// Attributes by type and name; a list of them where the resource has a `count`.
    resources: BTreeMap<String, Map<String, hcl::Value>>,
}

fn label(block: &Block, index: usize) -> anyhow::Result<&str> {
    block.labels().get(index).map(hcl::structure::BlockLabel::as_str).context("a label is missing")
}

fn variables_of(blocks: &[Block], given: &[(&str, Value)]) -> anyhow::Result<Map<String, hcl::Value>> {
    let mut variables = Map::new();
    for block in blocks.iter().filter(|block| block.identifier() == "variable") {
        let default = block.body().attributes().find(|attribute| attribute.key() == "default");
        let default = default.context("a variable without default")?.expr().evaluate(&Context::new())?;
        variables.insert(label(block, 0)?.to_owned(), default);
    }
    for (name, value) in given {
        let slot = variables.get_mut(*name).with_context(|| format!("the module has no variable {name}"))?;
        *slot = serde_json::from_value(value.clone())?;
    }
    Ok(variables)
}

fn json_encode(arguments: FuncArgs) -> Result<hcl::Value, String> {
    let [value] = arguments.into_values().try_into().map_err(|_| "jsonencode takes one value")?;
    Ok(hcl::Value::String(serde_json::to_string(&value).map_err(|error| error.to_string())?))
}

fn merge(arguments: FuncArgs) -> Result<hcl::Value, String> {
    let mut merged = Map::new();
    for argument in arguments.into_values() {
        match argument {
            hcl::Value::Object(members) => merged.extend(members),
            _ => return Err("merge takes maps".to_owned()),
        }
    }
    Ok(hcl::Value::Object(merged))
}

impl Module {
    fn context(&self) -> Context<'static> {
        let mut context = Context::new();
        context.declare_var(hcl::Identifier::unchecked("var"), hcl::Value::Object(self.variables.clone()));
        for (kind, resources) in &self.resources {
            context.declare_var(hcl::Identifier::unchecked(kind.as_str()), hcl::Value::Object(resources.clone()));
        }
        context.declare_func("jsonencode", FuncDef::new(json_encode, [ParamType::Any]));
        context.declare_func("merge", FuncDef::builder().variadic_param(ParamType::Any).build(merge));
        context
    }

    fn attribute(&self, block: &Block, key: &str) -> anyhow::Result<Option<Value>> {
        let attribute = block.body().attributes().find(|attribute| attribute.key() == key);
        let Some(attribute) = attribute else { return Ok(None) };
        Ok(Some(serde_json::to_value(attribute.expr().evaluate(&self.context())?)?))
    }

    /// The evaluated arguments of a resource; an error where it refers to one that is not made yet.
    fn arguments(&self, block: &Block) -> anyhow::Result<BTreeMap<String, Value>> {
        let kind = label(block, 0)?;
        let (_, known) =
            ARGUMENTS.iter().find(|(known, _)| *known == kind).with_context(|| format!("unknown type {kind}"))?;
        ensure!(block.body().blocks().next().is_none(), "{kind}: an unknown block");
        let mut arguments = BTreeMap::new();
        for attribute in block.body().attributes() {
            let key = attribute.key();
            ensure!(known.contains(&key) || META_ARGUMENTS.contains(&key), "{kind}: unknown argument {key}");
            let value = self.attribute(block, key)?.unwrap_or_default();
            ensure!(arguments.insert(key.to_owned(), value).is_none(), "{kind}: {key} twice");
        }
        Ok(arguments)
    }

    async fn make(
        &mut self,
        iam: &Iam,
        block: &Block,
        arguments: BTreeMap<String, Value>,
        applied: &mut Applied,
    ) -> anyhow::Result<()> {
        let (kind, name) = (label(block, 0)?.to_owned(), label(block, 1)?.to_owned());
        let count = arguments.get("count").map(|count| count.as_u64().context("count is no number")).transpose()?;
        let mut attributes = arguments.clone();
        let mut made = Vec::new();
        for index in 0..count.unwrap_or(1) {
            let (import_id, arn) = make(iam, &kind, &arguments).await.with_context(|| format!("{kind}.{name}"))?;
            let suffix = count.map(|_| format!("[{index}]")).unwrap_or_default();
            applied.import_ids.insert(format!("{kind}.{name}{suffix}"), import_id);
            attributes.insert("arn".to_owned(), arn.into());
            made.push(serde_json::from_value::<hcl::Value>(serde_json::to_value(&attributes)?)?);
        }
        let value = if count.is_some() { hcl::Value::Array(made) } else { made.pop().unwrap_or_default() };
        let twice = self.resources.entry(kind.clone()).or_default().insert(name.clone(), value);
        ensure!(twice.is_none(), "{kind}.{name} stands twice");
        Ok(())
    }
}

/// Makes one resource: its import id, and its ARN where it has one.
async fn make(iam: &Iam, kind: &str, arguments: &BTreeMap<String, Value>) -> anyhow::Result<(String, String)> {
    let optional = |name: &str| arguments.get(name).and_then(Value::as_str);
    let text = |name: &str| optional(name).with_context(|| format!("no {name}"));
    let strings = |name: &str| -> Vec<String> {
        let items = arguments.get(name).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(|item| Some(item.as_str()?.to_owned())).collect()
    };
    let tags = || -> anyhow::Result<BTreeMap<String, String>> {
        Ok(arguments.get("tags").map(|tags| serde_json::from_value(tags.clone())).transpose()?.unwrap_or_default())
    };
    Ok(match kind {
        "aws_iam_openid_connect_provider" => {
            let arn = iam.provider(text("url")?, strings("client_id_list"), strings("thumbprint_list")).await?;
            (arn.clone(), arn)
        }
        "aws_iam_user" => {
            (text("name")?.to_owned(), iam.user(text("name")?, optional("path").unwrap_or("/"), tags()?).await?)
        }
        "aws_iam_user_policy" => {
            iam.user_policy(text("user")?, text("name")?, text("policy")?).await?;
            (format!("{}:{}", text("user")?, text("name")?), String::new())
        }
        "aws_iam_role" => {
            let max_session_s = arguments.get("max_session_duration").and_then(Value::as_i64).unwrap_or(3_600);
            let facts = RoleFacts {
                name: text("name")?.to_owned(),
                path: optional("path").unwrap_or("/").to_owned(),
                description: optional("description").map(str::to_owned),
                max_session_s: max_session_s.try_into()?,
                trust: text("assume_role_policy")?.to_owned(),
                tags: tags()?,
            };
            (text("name")?.to_owned(), iam.role(facts).await?)
        }
        "aws_iam_role_policy" => {
            iam.role_policy(text("role")?, text("name")?, text("policy")?).await?;
            (format!("{}:{}", text("role")?, text("name")?), String::new())
        }
        "aws_iam_policy" => {
            let path = optional("path").unwrap_or("/");
            let arn = iam.policy(text("name")?, path, optional("description"), text("policy")?).await?;
            (arn.clone(), arn)
        }
        "aws_iam_role_policy_attachment" => {
            iam.attach(text("role")?, text("policy_arn")?).await?;
            (format!("{}/{}", text("role")?, text("policy_arn")?), String::new())
        }
        other => bail!("unknown type {other}"),
    })
}
