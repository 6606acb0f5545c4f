terraform {
  required_version = ">= 1.5" # at least
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.0" }
  }
}

variable "names" {
  type        = list(string)
  description = <<-EOT
    The names,
      one a line: ${upper("x")}
  EOT
  default     = ["a", "b"] // two
  validation {
    condition     = length(var.names) > 0 && alltrue([for n in var.names : n != ""])
    error_message = "At least one."
  }
}

resource "aws_instance" "web" {
  count = var.enabled ? 1 : 0
  ami   = data.aws_ami.this.id
  tags = merge(var.tags, {
    Name  = "web-${count.index}"
    "key" = var.a["x"][0].b
    (local.k) = !var.b
  })
  user_data = base64encode(<<EOT
#!/bin/sh
echo "${var.x}"
%{if var.y~}
yes
%{endif~}
EOT
  )

  /* a comment
     of two lines */
  dynamic "disk" {
    for_each = { for k, v in var.disks : k => v... if v.size >= 10 }
    content {
      size = disk.value.size * 1024 - 1
    }
  }
  lifecycle { create_before_destroy = true }
}

output "all" {
  value     = aws_instance.web[*].id
  sensitive = -1 + 2 == 1 || (2 % 3 < 4)
}
