packer {
  required_version = ">= 1.9.4"
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.2.1, < 2.0.0"
    }
  }
}
