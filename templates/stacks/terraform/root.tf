# A root module that can be applied as it is. To use the module in a configuration of your own, copy the folder
# driftwise and the block module.

provider "aws" {
  region = "{{ region }}"

  # Nothing is changed with the credentials of another account.
  allowed_account_ids = ["{{ account }}"]
}

module "driftwise" {
  source = "./driftwise"
}
{%- for output in outputs %}

output "{{ output.id }}" {
  description = "{{ output.description }}"
  value       = module.driftwise.{{ output.id }}
}
{%- endfor %}
