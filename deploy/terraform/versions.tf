# RecoMart on AWS: a bucket for the lake, registries for the images, PostgreSQL, and the service with
# its pipeline on Fargate. Into a VPC that is there; TLS ends at the load balancer.
#
#   terraform init
#   terraform plan -var-file=shop.tfvars
#
# The state holds no password (RDS keeps its own), but names everything: keep it in an encrypted
# backend of yours.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = var.name, ManagedBy = "terraform" }
  }
}

data "aws_caller_identity" "current" {}
