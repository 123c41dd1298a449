# /shop: settings, the event log, API keys, reports. The lake is in the bucket.
#
# The event log is an SQLite file, and does not promise anything on a network file system. One task on
# one machine has it open at a time (service.tf sees to that), which is what SQLite asks for; whoever
# wants the promise runs compose.yaml on an instance with a disk of its own.

resource "aws_efs_file_system" "shop" {
  creation_token = var.name
  encrypted      = true
}

resource "aws_efs_backup_policy" "shop" {
  file_system_id = aws_efs_file_system.shop.id

  backup_policy {
    status = "ENABLED"
  }
}

resource "aws_efs_access_point" "shop" {
  file_system_id = aws_efs_file_system.shop.id

  posix_user {
    uid = 10001
    gid = 10001
  }
  root_directory {
    path = "/shop"

    creation_info {
      owner_uid   = 10001
      owner_gid   = 10001
      permissions = "0700"
    }
  }
}

resource "aws_efs_mount_target" "shop" {
  for_each        = toset(var.private_subnet_ids)
  file_system_id  = aws_efs_file_system.shop.id
  subnet_id       = each.key
  security_groups = [aws_security_group.disk.id]
}

resource "aws_security_group" "disk" {
  name        = "${var.name}-disk"
  description = "NFS, from the service alone"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "disk" {
  security_group_id            = aws_security_group.disk.id
  referenced_security_group_id = aws_security_group.service.id
  description                  = "From the service"
  ip_protocol                  = "tcp"
  from_port                    = 2049
  to_port                      = 2049
}
