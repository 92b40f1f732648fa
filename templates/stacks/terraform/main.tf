# The IAM resources that let driftwise read the account {{ account }}. Policies are the ones of the other forms, word for word.
{%- if let Some(provider) = provider %}

# An account has one identity provider for each issuer: say create_oidc_provider = false where it is there already.
resource "aws_iam_openid_connect_provider" "issuer" {
  count = var.create_oidc_provider ? 1 : 0

  url            = "{{ provider.url }}"
  client_id_list = {{ provider.client_ids|safe }}
{%- if let Some(thumbprints) = provider.thumbprints %}
  thumbprint_list = {{ thumbprints|safe }}
{%- endif %}
  tags = var.tags
}
{%- endif %}
{%- for user in users %}

resource "aws_iam_user" "{{ user.id }}" {
  name = "{{ user.name }}"
  path = "{{ user.path }}"
  tags = merge(var.tags, {{ user.tags|safe }})
}
{%- for policy in user.inline %}

resource "aws_iam_user_policy" "{{ policy.id }}" {
  name = "{{ policy.name }}"
  user = aws_iam_user.{{ user.id }}.name

  policy = jsonencode({{ policy.document|safe }})
}
{%- endfor %}
{%- endfor %}
{%- for role in roles %}
{%- if makes_roles %}

resource "aws_iam_role" "{{ role.id }}" {
  name                 = "{{ role.name }}"
  path                 = "{{ role.path }}"
  description          = "{{ role.description }}"
  max_session_duration = {{ role.max_session_s }}
  tags                 = merge(var.tags, {{ role.tags|safe }})

  assume_role_policy = jsonencode({{ role.trust|safe }})
{%- if !role.depends_on.is_empty() %}

  depends_on = [{{ role.depends_on|safe }}]
{%- endif %}
}
{%- endif %}
{%- for arn in role.aws_managed %}

resource "aws_iam_role_policy_attachment" "{{ arn.id }}" {
  role       = {{ role.reference|safe }}
  policy_arn = "{{ arn.arn }}"
}
{%- endfor %}
{%- for policy in role.managed %}

resource "aws_iam_policy" "{{ policy.id }}" {
  name        = "{{ policy.name }}"
  path        = "{{ policy.path }}"
  description = "{{ policy.description }}"
  tags        = var.tags

  policy = jsonencode({{ policy.document|safe }})
}

resource "aws_iam_role_policy_attachment" "{{ policy.attachment_id }}" {
  role       = {{ role.reference|safe }}
  policy_arn = aws_iam_policy.{{ policy.id }}.arn
}
{%- endfor %}
{%- for policy in role.inline %}

resource "aws_iam_role_policy" "{{ policy.id }}" {
  name = "{{ policy.name }}"
  role = {{ role.reference|safe }}

  policy = jsonencode({{ policy.document|safe }})
}
{%- endfor %}
{%- endfor %}
