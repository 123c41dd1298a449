variable "name" {
  description = "Beginning of the names of all that is made here."
  type        = string
  default     = "recomart"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "Use 2 to 20 small letters, digits and hyphens, a letter first."
  }
}

variable "region" {
  description = "AWS region, such as eu-central-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "This is not the name of a region, such as eu-central-1."
  }
}

variable "vpc_id" {
  description = "The VPC that everything goes into."
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "The id of a VPC begins with vpc-."
  }
}

variable "private_subnet_ids" {
  description = "Subnets for the service and the database: two zones or more, with a way out (NAT or endpoints for S3, ECR, logs and Secrets Manager)."
  type        = list(string)

  validation {
    condition     = length(var.private_subnet_ids) >= 2 && alltrue([for id in var.private_subnet_ids : startswith(id, "subnet-")])
    error_message = "Name two subnets or more, each subnet-…"
  }
}

variable "load_balancer_subnet_ids" {
  description = "Subnets for the load balancer, in two zones or more."
  type        = list(string)

  validation {
    condition     = length(var.load_balancer_subnet_ids) >= 2 && alltrue([for id in var.load_balancer_subnet_ids : startswith(id, "subnet-")])
    error_message = "Name two subnets or more, each subnet-…"
  }
}

variable "is_internal" {
  description = "Whether only the VPC reaches the service; false: the internet does."
  type        = bool
  default     = true
}

variable "allowed_cidrs" {
  description = "Who may reach the load balancer."
  type        = list(string)

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for cidr in var.allowed_cidrs : can(cidrhost(cidr, 0))])
    error_message = "Name at least one range, such as 10.0.0.0/8."
  }
}

variable "certificate_arn" {
  description = "Certificate (ACM) of the service's name."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:acm:", var.certificate_arn))
    error_message = "This is not the ARN of an ACM certificate."
  }
}

variable "image_tag" {
  description = "Tag of both images, as pushed. Tags are immutable, so a new version is a new tag."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", var.image_tag)) && var.image_tag != "latest"
    error_message = "Name a version; latest says nothing."
  }
}

variable "settings_file" {
  description = "Your recomart.yaml. Places (lake, warehouse, online store) are set from here and win."
  type        = string

  validation {
    condition     = fileexists(var.settings_file)
    error_message = "There is no such file."
  }
}

variable "cron" {
  description = "When the pipeline runs, in UTC: five fields of cron."
  type        = string
  default     = "0 3 * * *"

  validation {
    condition     = length(split(" ", var.cron)) == 5
    error_message = "Five fields: minute, hour, day, month, weekday."
  }
}

variable "cpu" {
  description = "Of the service and its pipeline together; 1024 is one core."
  type        = number
  default     = 2048

  validation {
    condition     = contains([1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "Fargate has 1024, 2048, 4096, 8192 or 16384."
  }
}

variable "memory" {
  description = "Of both together, in MiB; what Fargate allows depends on cpu."
  type        = number
  default     = 8192

  validation {
    condition     = var.memory >= 4096 && var.memory % 1024 == 0
    error_message = "4096 or more, in steps of 1024."
  }
}

variable "database_class" {
  description = "Machine of the database."
  type        = string
  default     = "db.t4g.small"

  validation {
    condition     = startswith(var.database_class, "db.")
    error_message = "Such as db.t4g.small."
  }
}

variable "database_gib" {
  description = "Room of the database at the start; it grows up to four times of it."
  type        = number
  default     = 20

  validation {
    condition     = var.database_gib >= 20 && var.database_gib <= 16384
    error_message = "20 to 16384."
  }
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 7, 14, 30, 60, 90, 180, 365], var.log_days)
    error_message = "1, 3, 7, 14, 30, 60, 90, 180 or 365."
  }
}
