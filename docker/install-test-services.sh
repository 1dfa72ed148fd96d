#!/usr/bin/env bash
# Installs what the tests start for themselves and the machine lacks: RabbitMQ, OpenSSH, Chromium and a font with
# Arabic letters, and what agencies may have on the other side of SOAP: node-soap (into build/node), Apache CXF (into
# build/java), .NET as Mono has it, curl, xmlsec1.
set -euo pipefail

cd "$(dirname "$0")/.."
missing=()
[ -x /usr/sbin/rabbitmq-server ] || missing+=(rabbitmq-server)
[ -x /usr/bin/sftp ] || missing+=(openssh-client)
[ -x /usr/sbin/sshd ] || missing+=(openssh-server)
[ -x /usr/bin/chromium ] || missing+=(chromium)
[ -d /usr/share/fonts/truetype/noto ] || missing+=(fonts-noto-core)
[ -x /usr/bin/xmlsec1 ] || missing+=(xmlsec1)
[ -x /usr/bin/curl ] || missing+=(curl)
[ -x /usr/bin/node ] || missing+=(nodejs)
[ -x /usr/bin/npm ] || missing+=(npm)
[ -x /usr/bin/javac ] || missing+=(default-jdk-headless)
[ -x /usr/bin/mvn ] || missing+=(maven)
[ -x /usr/bin/wsdl ] || missing+=(mono-devel)

install_node_soap() {
  # Pinned with hashes by the lock file; a newer lock file is installed anew.
  local from=tests/soap/node into=build/node
  if ! cmp -s $from/package-lock.json $into/package-lock.json || [ ! -d $into/node_modules ]; then
    mkdir -p $into
    cp $from/package.json $from/package-lock.json $into/
    npm ci --prefix $into --silent --no-audit --no-fund --ignore-scripts
  fi
}

install_cxf() {
  # Pinned by version, and every file by its hash.
  local from=tests/soap/java into=build/java
  if ! cmp -s $from/jars.sha256 $into/jars.sha256; then
    rm -rf $into
    mvn --quiet --batch-mode --file $from/pom.xml dependency:copy-dependencies -DoutputDirectory="$PWD/$into/lib"
    (cd $into/lib && sha256sum --quiet --strict --check ../../../$from/jars.sha256)
    [ "$(find $into/lib -type f | wc -l)" = "$(wc -l <$from/jars.sha256)" ]
    cp $from/jars.sha256 $into/
  fi
}

if [ ${#missing[@]} -eq 0 ]; then
  install_node_soap
  install_cxf
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "The tests need these Debian packages; install them as root: ${missing[*]}" >&2
  exit 1
fi
echo "installing ${missing[*]}"
# Installed, not started: the tests run servers of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
install_node_soap
install_cxf
