# A plan without an account: `terraform test`. What AWS would answer is made up.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_db_instance" {
    defaults = {
      endpoint           = "database.example:5432"
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:made-up" }]
    }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/made-up" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/made-up/1" }
  }
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/made-up/1" }
  }
  mock_resource "aws_efs_access_point" {
    defaults = { arn = "arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/made-up" }
  }
  mock_resource "aws_efs_file_system" {
    defaults = { arn = "arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/made-up" }
  }
}

variables {
  region                   = "eu-central-1"
  vpc_id                   = "vpc-0123456789abcdef0"
  private_subnet_ids       = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  load_balancer_subnet_ids = ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"]
  allowed_cidrs            = ["10.0.0.0/8"]
  certificate_arn          = "arn:aws:acm:eu-central-1:123456789012:certificate/made-up"
  image_tag                = "0.1.0"
  settings_file            = "shop.tfvars.example"
}

run "the_task_is_held_in" {
  command = apply # against nothing: so that what is known only afterwards is there

  assert {
    condition = alltrue([
      for one in jsondecode(aws_ecs_task_definition.service.container_definitions) :
      one.readonlyRootFilesystem && one.user == "10001:10001" && one.linuxParameters.capabilities.drop == ["ALL"]
    ])
    error_message = "A container could write, or is root."
  }
  assert {
    condition = alltrue([
      for one in jsondecode(aws_ecs_task_definition.service.container_definitions) :
      !anytrue([for variable in one.environment : strcontains(lower(variable.name), "password")])
    ])
    error_message = "A password stands in the task."
  }
  assert {
    condition     = aws_ecs_service.service.desired_count == 1 && aws_ecs_service.service.deployment_maximum_percent == 100
    error_message = "Two tasks could have one event log open."
  }
  assert {
    condition     = !aws_db_instance.database.publicly_accessible && aws_db_instance.database.storage_encrypted
    error_message = "The database is open."
  }
}

run "latest_is_no_version" {
  command = plan
  variables {
    image_tag = "latest"
  }
  expect_failures = [var.image_tag]
}

run "one_zone_is_not_enough" {
  command = plan
  variables {
    private_subnet_ids = ["subnet-0123456789abcdef0"]
  }
  expect_failures = [var.private_subnet_ids]
}

run "nobody_may_ask_is_a_mistake" {
  command = plan
  variables {
    allowed_cidrs = []
  }
  expect_failures = [var.allowed_cidrs]
}
