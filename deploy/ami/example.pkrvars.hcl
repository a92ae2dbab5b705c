# An example to copy. The checksums are not real: take them from the releases'
# own pages, or of files that you have checked.
region  = "eu-central-1"
arch    = "arm64"
role    = "machine"
release = "0.5.0"
program = "../../build/bin/mainstay-agent"

dolt = {
  "2.2.0" = {
    url    = "https://downloads.example.org/dolt/2.2.0/dolt-linux-arm64.tar.gz"
    sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
  }
  "1.86.4" = {
    url    = "https://downloads.example.org/dolt/1.86.4/dolt-linux-arm64.tar.gz"
    sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
  }
}

cloudwatch_agent = {
  url    = "https://downloads.example.org/amazon-cloudwatch-agent/arm64/amazon-cloudwatch-agent.deb"
  sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
}
