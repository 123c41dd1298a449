output "bucket" {
  description = "The lake."
  value       = aws_s3_bucket.lake.bucket
}

output "registries" {
  description = "Where the images are pushed to."
  value       = { for name, image in aws_ecr_repository.image : name => image.repository_url }
}

output "database_secret" {
  description = "ARN of the secret with the database's password."
  value       = aws_db_instance.database.master_user_secret[0].secret_arn
}

output "address" {
  description = "Name of the load balancer; point the name of the certificate at it."
  value       = aws_lb.door.dns_name
}
