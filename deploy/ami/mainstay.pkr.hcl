# The image of a machine, or of a host for the control plane. It holds no secret
# and nothing that belongs to one fleet: what a machine has to know comes as
# user-data, and whom it trusts with its enrolment.

locals {
  instance_type = var.build_instance_type != "" ? var.build_instance_type : (var.arch == "arm64" ? "t4g.small" : "t3.small")
  name          = "mainstay-${var.role}-${var.release}-${var.arch}"
  staging       = "/tmp/mainstay-image"
  tags = {
    Name                = local.name
    "mainstay:image"    = var.role
    "mainstay:release"  = var.release
    "mainstay:versions" = join(" ", sort(keys(var.dolt)))
    source              = "{{ .SourceAMIName }}"
  }
}

source "amazon-ebs" "debian" {
  region          = var.region
  ami_name        = local.name
  ami_description = "Mainstay ${var.role} ${var.release} on Debian 12"
  instance_type   = local.instance_type
  subnet_id       = var.build_subnet_id

  # Debian's own account. The newest image of the release has its security fixes.
  source_ami_filter {
    owners      = ["136693071363"]
    most_recent = true
    filters = {
      name                = "debian-12-${var.arch}-*"
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
  }

  encrypt_boot = true
  kms_key_id   = var.kms_key_id

  launch_block_device_mappings {
    device_name           = "/dev/xvda"
    volume_type           = "gp3"
    volume_size           = 12 # GiB: the system, logs of a few days and ten releases of Dolt of 150 MB
    delete_on_termination = true
  }

  # The machine that builds: as strict as those that run.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  ssh_username            = "admin"
  ssh_timeout             = "10m" # a Debian image takes one; ten means that it never will
  temporary_key_pair_type = "ed25519"

  tags          = local.tags
  snapshot_tags = local.tags
  run_tags      = { Name = "build of ${local.name}" }
}

build {
  sources = ["source.amazon-ebs.debian"]

  provisioner "shell" {
    inline = ["cloud-init status --wait >/dev/null", "mkdir -p ${local.staging}"]
  }

  provisioner "file" {
    source      = var.program
    destination = "${local.staging}/program"
  }

  provisioner "file" {
    sources     = ["${path.root}/files", "${path.root}/../systemd", "${path.root}/../cloudwatch"]
    destination = local.staging
  }

  provisioner "shell" {
    execute_command = "sudo -n env {{ .Vars }} {{ .Path }}"
    environment_vars = [
      "STAGING=${local.staging}",
      "ROLE=${var.role}",
      "AUDIT=${var.audit}",
      "CLOUDWATCH_URL=${var.cloudwatch_agent.url}",
      "CLOUDWATCH_SHA256=${var.cloudwatch_agent.sha256}",
      # version,checksum,URL of each release
      "DOLT=${join(" ", [for v, d in var.dolt : "${v},${d.sha256},${d.url}"])}",
    ]
    scripts = [
      "${path.root}/scripts/10-packages.sh",
      "${path.root}/scripts/20-dolt.sh",
      "${path.root}/scripts/30-mainstay.sh",
      "${path.root}/scripts/40-cloudwatch.sh",
      "${path.root}/scripts/50-harden.sh",
      "${path.root}/scripts/60-audit.sh",
      # Last: after it the machine cannot be logged in to again.
      "${path.root}/scripts/90-clean.sh",
    ]
  }

  post-processor "manifest" {
    output     = "mainstay-${var.role}-${var.arch}.manifest.json"
    strip_path = true
  }
}
