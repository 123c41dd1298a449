# One task: `first-run` writes the settings and sees that there is a model; then `api` answers, and
# `scheduler` runs the pipeline, on the same disk. A task is stopped before its successor starts, so
# that one event log is open at a time: the service is away for a minute when it is updated.

locals {
  settings = {
    RECOMART_PATHS__LAKE          = "s3://${aws_s3_bucket.lake.bucket}/recomart"
    RECOMART_PATHS__CACHE         = "/tmp/cache"
    RECOMART_PATHS__WAREHOUSE     = local.database
    RECOMART_PATHS__ONLINE        = local.database
    RECOMART_SERVING__HOST        = "0.0.0.0"
    RECOMART_SERVING__PORT        = "8000"
    RECOMART_ENGINE__MEMORY_LIMIT = "2GiB"
    AWS_DEFAULT_REGION            = var.region
    PGSSLMODE                     = "require"
  }
  database = "postgresql://recomart@${aws_db_instance.database.endpoint}/recomart"
  contained = {
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    mountPoints = [
      { sourceVolume = "shop", containerPath = "/shop", readOnly = false },
      { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
    ]
    environment = [for key, value in local.settings : { name = key, value = value }]
    secrets = [{
      name      = "PGPASSWORD"
      valueFrom = "${aws_db_instance.database.master_user_secret[0].secret_arn}:password::"
    }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.service.name
        awslogs-region        = var.region
        awslogs-stream-prefix = var.name
      }
    }
  }
  ready = [{ containerName = "first-run", condition = "SUCCESS" }]
  work  = "${aws_ecr_repository.image[var.name].repository_url}:${var.image_tag}"
}

resource "aws_cloudwatch_log_group" "service" {
  name              = "/${var.name}/service"
  retention_in_days = var.log_days
}

resource "aws_ecs_cluster" "cluster" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "service" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.start.arn
  task_role_arn            = aws_iam_role.task.arn

  container_definitions = jsonencode([
    merge(local.contained, {
      name       = "first-run"
      image      = local.work
      essential  = false
      entryPoint = ["sh", "-euc"]
      command    = ["printenv SETTINGS | base64 -d >/shop/recomart.yaml; exec recomart-first-run"]
      environment = concat(local.contained.environment, [
        { name = "SETTINGS", value = filebase64(var.settings_file) }
      ])
    }),
    merge(local.contained, {
      name         = "api"
      image        = "${aws_ecr_repository.image["${var.name}-api"].repository_url}:${var.image_tag}"
      essential    = true
      command      = ["serve"]
      dependsOn    = local.ready
      stopTimeout  = 30
      portMappings = [{ containerPort = 8000, protocol = "tcp" }]
    }),
    merge(local.contained, {
      name        = "scheduler"
      image       = local.work
      essential   = true
      command     = ["schedule", "--cron", var.cron]
      dependsOn   = local.ready
      stopTimeout = 120
    }),
  ])

  volume {
    name = "shop"

    efs_volume_configuration {
      file_system_id     = aws_efs_file_system.shop.id
      transit_encryption = "ENABLED"

      authorization_config {
        access_point_id = aws_efs_access_point.shop.id
        iam             = "ENABLED"
      }
    }
  }
  volume {
    name = "tmp"
  }
}

resource "aws_ecs_service" "service" {
  name                               = var.name
  cluster                            = aws_ecs_cluster.cluster.id
  task_definition                    = aws_ecs_task_definition.service.arn
  launch_type                        = "FARGATE"
  desired_count                      = 1
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100
  health_check_grace_period_seconds  = 1800 # the first run of a shop takes its time

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  network_configuration {
    subnets         = var.private_subnet_ids
    security_groups = [aws_security_group.service.id]
  }
  load_balancer {
    target_group_arn = aws_lb_target_group.service.arn
    container_name   = "api"
    container_port   = 8000
  }

  depends_on = [aws_lb_listener.https, aws_efs_mount_target.shop]
}
