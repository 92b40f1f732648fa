#!/usr/bin/env bash
# Sets the AWS account up for driftwise with the AWS CLI, version 1 or 2.
#
# Safe to run again: what is missing is made, what is there is brought to what is written here. Nothing is taken away but
# the oldest version of a managed policy that has five already.
set -euo pipefail
export AWS_PAGER=''

account='{{ account }}'

say() { printf '%s\n' "$*" >&2; }

# exists COMMAND…: whether IAM knows the thing that the command reads. Every other failure ends the script.
exists() {
  local answer
  if answer=$("$@" 2>&1 >/dev/null); then return 0; fi
  case $answer in
    *NoSuchEntity*) return 1 ;;
  esac
  say "$answer"
  exit 1
}

caller=$(aws sts get-caller-identity --query Account --output text)
if [ "$caller" != "$account" ]; then
  say "These credentials belong to the account $caller, but this script sets up $account. Nothing was changed."
  exit 1
fi
{% if let Some(provider) = provider %}
# The identity provider: with it the account knows the issuer's tokens. An account has one for each issuer, whoever made it.
if exists aws iam get-open-id-connect-provider --open-id-connect-provider-arn '{{ provider.arn }}'; then
  say 'The identity provider is there already; its client ids are completed.'
  # Adding a client id that is there changes nothing.
  {%- for request in provider.add_client_ids %}
  aws iam add-client-id-to-open-id-connect-provider --cli-input-json '{{ request }}'
  {%- endfor %}
else
  aws iam create-open-id-connect-provider --cli-input-json '{{ provider.create }}' >/dev/null
  say 'The identity provider is made.'
fi
{% endif %}{% if !users.is_empty() %}
# put_user NAME ARN CREATE TAGS: makes the user, or completes its tags.
put_user() {
  local name=$1 arn=$2 create=$3 tags=$4 found
  if exists aws iam get-user --user-name="$name"; then
    found=$(aws iam get-user --user-name="$name" --query User.Arn --output text)
    if [ "$found" != "$arn" ]; then
      say "The user $name is there already, as $found; another path can't be set. Delete it or choose another name."
      exit 1
    fi
    if [ -n "$tags" ]; then aws iam tag-user --cli-input-json "$tags"; fi
    say "The user $name is there already."
  else
    aws iam create-user --cli-input-json "$create" >/dev/null
    # IAM refuses a trust policy that names a user it does not see yet.
    aws iam wait user-exists --user-name="$name"
    say "The user $name is made."
  fi
}
{% for user in users %}
put_user '{{ user.name }}' '{{ user.arn }}' \
  '{{ user.create }}' \
  '{{ user.tag }}'
{%- for policy in user.inline %}
aws iam put-user-policy --user-name='{{ user.name }}' --policy-name='{{ policy.name }}' --policy-document '{{ policy.document }}'
{%- endfor %}
{% endfor %}{% endif %}{% if has_managed_policies %}
# put_policy NAME ARN CREATE DOCUMENT: makes the managed policy, or puts the document in force as its newest version.
put_policy() {
  local name=$1 arn=$2 create=$3 document=$4 tick='`' literal version oldest
  if ! exists aws iam get-policy --policy-arn "$arn"; then
    aws iam create-policy --cli-input-json "$create" --policy-document "$document" >/dev/null
    say "The policy $name is made."
    return
  fi
  version=$(aws iam get-policy --policy-arn "$arn" --query Policy.DefaultVersionId --output text)
  literal=$tick${document//$tick/\\$tick}$tick
  if [ "$(aws iam get-policy-version --policy-arn "$arn" --version-id "$version" \
    --query "PolicyVersion.Document == $literal" --output text)" = True ]; then
    say "The policy $name is in force already."
    return
  fi
  # A managed policy has five versions at most.
  if [ "$(aws iam list-policy-versions --policy-arn "$arn" --query 'length(Versions)' --output text)" -ge 5 ]; then
    oldest=$(aws iam list-policy-versions --policy-arn "$arn" \
      --query 'sort_by(Versions[?!IsDefaultVersion], &CreateDate)[0].VersionId' --output text)
    aws iam delete-policy-version --policy-arn "$arn" --version-id "$oldest"
  fi
  aws iam create-policy-version --policy-arn "$arn" --policy-document "$document" --set-as-default >/dev/null
  say "The policy $name has a new version in force."
}
{% endif %}{% if makes_roles %}
# put_role NAME ARN CREATE UPDATE TAGS TRUST: makes the role, or brings its settings and its trust policy up to date.
put_role() {
  local name=$1 arn=$2 create=$3 update=$4 tags=$5 trust=$6 found
  if exists aws iam get-role --role-name="$name"; then
    found=$(aws iam get-role --role-name="$name" --query Role.Arn --output text)
    if [ "$found" != "$arn" ]; then
      say "The role $name is there already, as $found; another path can't be set. Delete it or choose another name."
      exit 1
    fi
    aws iam update-assume-role-policy --role-name="$name" --policy-document "$trust"
    aws iam update-role --cli-input-json "$update" >/dev/null
    if [ -n "$tags" ]; then aws iam tag-role --cli-input-json "$tags"; fi
    say "The role $name was there already; it is brought up to date."
  else
    aws iam create-role --cli-input-json "$create" --assume-role-policy-document "$trust" >/dev/null
    say "The role $name is made."
  fi
}
{% endif %}
# attach ROLE ARN…: attaches managed policies. Whatever else is attached stays, and is named.
attach() {
  local role=$1 arn attached wanted
  shift
  for arn in "$@"; do aws iam attach-role-policy --role-name="$role" --policy-arn "$arn"; done
  wanted=" $* "
  attached=$(aws iam list-attached-role-policies --role-name="$role" --query 'AttachedPolicies[].PolicyArn' --output text)
  for arn in $attached; do
    case $wanted in
      *" $arn "*) ;;
      *) [ "$arn" = None ] || say "note: $arn is attached to $role too; detach it where nothing else needs it." ;;
    esac
  done
}
{% for role in roles %}
{%- if makes_roles %}
put_role '{{ role.name }}' '{{ role.arn }}' \
  '{{ role.create }}' \
  '{{ role.update }}' \
  '{{ role.tag }}' \
  '{{ role.trust }}'
{%- endif %}
{%- for policy in role.managed %}

put_policy '{{ policy.name }}' '{{ policy.arn }}' \
  '{{ policy.create }}' \
  '{{ policy.document }}'
{%- endfor %}
{%- for policy in role.inline %}

aws iam put-role-policy --role-name='{{ role.name }}' --policy-name='{{ policy.name }}' --policy-document '{{ policy.document }}'
{%- endfor %}

attach '{{ role.name }}'{% for arn in role.attached %} \
  '{{ arn }}'{% endfor %}
{% endfor %}
say 'The account is set up.'
{%- for title in by_hand %}
say '{{ title }}'
{%- endfor %}
{%- for role in roles %}
printf '%s\n' '{{ role.arn }}'
{%- endfor %}
