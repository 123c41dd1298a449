# Warehouse and online store. RDS makes the password, keeps it in Secrets Manager and rotates it.

resource "aws_db_subnet_group" "database" {
  name       = var.name
  subnet_ids = var.private_subnet_ids
}

resource "aws_security_group" "database" {
  name        = "${var.name}-database"
  description = "PostgreSQL, from the service alone"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = aws_security_group.service.id
  description                  = "From the service"
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_db_parameter_group" "database" {
  name   = var.name
  family = "postgres16"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
}

resource "aws_db_instance" "database" {
  identifier                          = var.name
  engine                              = "postgres"
  engine_version                      = "16"
  instance_class                      = var.database_class
  allocated_storage                   = var.database_gib
  max_allocated_storage               = 4 * var.database_gib
  storage_type                        = "gp3"
  storage_encrypted                   = true
  db_name                             = "recomart"
  username                            = "recomart"
  manage_master_user_password         = true
  db_subnet_group_name                = aws_db_subnet_group.database.name
  parameter_group_name                = aws_db_parameter_group.database.name
  vpc_security_group_ids              = [aws_security_group.database.id]
  publicly_accessible                 = false
  backup_retention_period             = 7
  copy_tags_to_snapshot               = true
  auto_minor_version_upgrade          = true
  performance_insights_enabled        = true
  enabled_cloudwatch_logs_exports     = ["postgresql"]
  deletion_protection                 = true
  final_snapshot_identifier           = "${var.name}-last"
  iam_database_authentication_enabled = false
}
