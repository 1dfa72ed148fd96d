# A key server on one machine. More of them form a cluster with `retry_join`: see OpenBao's own documentation.

storage "raft" {
  path    = "/openbao/file"
  node_id = "keys-1"
}

listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "0.0.0.0:8201"
  tls_cert_file   = "/etc/openbao/tls/certificate.pem"
  tls_key_file    = "/etc/openbao/tls/key.pem"
  tls_min_version = "tls13"
}

# Half of the protection: who was admitted when, and every use of a key. Without a place to write it, the server
# answers nothing.
audit "file" "standard-output" {
  description = "collected with the container's output"
  options {
    file_path = "stdout"
  }
}

api_addr     = "https://keys.example:8200"
cluster_addr = "https://keys.example:8201"
log_level    = "warn"
