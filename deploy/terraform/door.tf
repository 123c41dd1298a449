# The load balancer: TLS, and the ranges that may ask.

resource "aws_security_group" "door" {
  name        = "${var.name}-door"
  description = "HTTPS, from the ranges that may ask"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "door" {
  for_each          = toset(var.allowed_cidrs)
  security_group_id = aws_security_group.door.id
  description       = "May ask"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "door" {
  security_group_id            = aws_security_group.door.id
  referenced_security_group_id = aws_security_group.service.id
  description                  = "To the service"
  ip_protocol                  = "tcp"
  from_port                    = 8000
  to_port                      = 8000
}

resource "aws_security_group" "service" {
  name        = "${var.name}-service"
  description = "The service and its pipeline"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "service" {
  security_group_id            = aws_security_group.service.id
  referenced_security_group_id = aws_security_group.door.id
  description                  = "From the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = 8000
  to_port                      = 8000
}

resource "aws_vpc_security_group_egress_rule" "service" {
  for_each                     = { 5432 = aws_security_group.database.id, 2049 = aws_security_group.disk.id }
  security_group_id            = aws_security_group.service.id
  referenced_security_group_id = each.value
  description                  = "Database and disk"
  ip_protocol                  = "tcp"
  from_port                    = each.key
  to_port                      = each.key
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.service.id
  description       = "Bucket, registries, logs, and catalogues of the shop"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_lb" "door" {
  name                       = var.name
  internal                   = var.is_internal
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.door.id]
  subnets                    = var.load_balancer_subnet_ids
  drop_invalid_header_fields = true
  enable_deletion_protection = true
}

resource "aws_lb_target_group" "service" {
  name                 = var.name
  port                 = 8000
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = var.vpc_id
  deregistration_delay = 15

  health_check {
    path     = "/health/ready"
    interval = 10
    timeout  = 5
    matcher  = "200"
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.door.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.service.arn
  }
}
