{%- for output in outputs %}{% if !loop.first %}
{% endif %}output "{{ output.id }}" {
  description = "{{ output.description }}"
  value       = {{ output.value|safe }}
}
{% endfor %}
