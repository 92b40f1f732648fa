terraform {
  required_version = ">= 1.3.0"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # thumbprint_list of aws_iam_openid_connect_provider is optional from 5.82 on.
      version = ">= 5.82.0, < 7.0.0"
    }
  }
}
