variable "region" {
  type        = string
  description = "Where the image is built and kept."
}

variable "arch" {
  type        = string
  default     = "arm64"
  description = "arm64 (Graviton) or amd64."
  validation {
    condition     = contains(["arm64", "amd64"], var.arch)
    error_message = "The value of arch is arm64 or amd64."
  }
}

variable "role" {
  type        = string
  default     = "machine"
  description = "machine: runs a database and its agent. reconciler: runs mainstay serve."
  validation {
    condition     = contains(["machine", "reconciler"], var.role)
    error_message = "The value of role is machine or reconciler."
  }
}

variable "release" {
  type        = string
  description = "What the image is called after its role: the version of Mainstay that is in it."
  validation {
    condition     = can(regex("^[0-9A-Za-z][0-9A-Za-z.-]{0,40}$", var.release))
    error_message = "The value of release is letters, digits, dots and dashes, such as 0.5.0 or 0.5.0-2."
  }
}

variable "program" {
  type        = string
  description = "The program for this arch: mainstay-agent for a machine, mainstay for a reconciler."
}

variable "dolt" {
  type        = map(object({ url = string, sha256 = string }))
  default     = {}
  description = "Releases of Dolt on the image, by version; url is a .tar.gz with bin/dolt in it."
  validation {
    condition     = length([for v, d in var.dolt : v if !can(regex("^[0-9]+[.][0-9]+[.][0-9]+$", v))]) == 0
    error_message = "A key of dolt is a version, such as 2.2.0."
  }
  validation {
    condition     = length([for v, d in var.dolt : v if !can(regex("^https://[^ ,]+$", d.url)) || !can(regex("^[0-9a-f]{64}$", d.sha256))]) == 0
    error_message = "Each release of dolt needs an https:// URL and the SHA-256 of what is there, 64 hexadecimal digits in lower case."
  }
}

variable "cloudwatch_agent" {
  type        = object({ url = string, sha256 = string })
  description = "The CloudWatch agent's Debian package for this arch."
  validation {
    condition     = can(regex("^https://", var.cloudwatch_agent.url)) && can(regex("^[0-9a-f]{64}$", var.cloudwatch_agent.sha256))
    error_message = "The CloudWatch agent needs an https:// URL and the SHA-256 of what is there, 64 hexadecimal digits in lower case."
  }
}

variable "audit" {
  type        = bool
  default     = false
  description = "Install auditd with a few rules on who changes accounts, units and our programs."
}

variable "build_subnet_id" {
  type        = string
  default     = ""
  description = "Subnet with a way out in which the image is built; empty: one of the default VPC."
}

variable "build_instance_type" {
  type        = string
  default     = ""
  description = "Empty: a small one of the arch."
}

variable "kms_key_id" {
  type        = string
  default     = ""
  description = "Key that the image is encrypted with; empty: the account's key for EBS."
}
