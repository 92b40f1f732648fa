{%- if has_provider %}variable "create_oidc_provider" {
  description = "Whether to make the identity provider. False where the account has it already: then its client ids must hold the issuer's audience."
  type        = bool
  default     = true
}

{% endif %}variable "tags" {
  description = "More tags for everything that this module makes."
  type        = map(string)
  default     = {}
}
