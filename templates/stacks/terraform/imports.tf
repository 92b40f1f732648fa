# For an account that was set up with the commands: rename this file to imports.tf, and terraform plan (1.5 or later) takes over
# what is there instead of making it. Leave out what is not there, and delete the file after the first apply.
{%- for import in imports %}

import {
  to = module.driftwise.{{ import.to|safe }}
  id = "{{ import.id }}"
}
{%- endfor %}
