#!/usr/bin/env bash
# Makes a stand-in for node:24-bookworm-slim, where the real image is neither here nor to be had. It is for tests on
# machines that reach no image registry: a minimal Debian, Node from node_modules (so run npm ci first), this
# machine's npm with its settings, and its CA certificates, so that a Dockerfile's `RUN npm ci` works unchanged.
# npm's settings may hold credentials: the image stays on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${1:-node:24-bookworm-slim}
pull_seconds=120
export npm_config_loglevel=error
ca=/etc/ssl/certs/ca-certificates.crt

if docker image inspect "$image" >/dev/null 2>&1; then
  echo "$image is here"
  exit
fi
if timeout "$pull_seconds" docker pull --quiet "$image" 2>/dev/null; then
  exit
fi
echo "$image can't be pulled; making a stand-in"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm "$work/debian.tar"
cp "$(readlink -f node_modules/node/bin/node)" "$work/node"
cp -r "$(npm root --global)/npm" "$work/npm"

own_ca=$(npm config get cafile)
for file in "$own_ca" "${NODE_EXTRA_CA_CERTS:-}" "${SSL_CERT_FILE:-}" "$ca"; do
  if [ -f "$file" ]; then
    cp "$file" "$work/ca.crt"
    break
  fi
done

{
  # Where packages come from, and who we are there; nothing about this machine's folders.
  for file in "$(npm config get globalconfig)" "$(npm config get userconfig)"; do
    if [ -f "$file" ]; then
      grep -E '^(//|@[^=]+:registry|strict-ssl|proxy|https-proxy|noproxy)' "$file" || true
    fi
  done
  echo "registry=$(npm config get registry)"
  echo "cafile=$ca"
} >"$work/npmrc"

cat >"$work/Dockerfile" <<DOCKERFILE
FROM scratch
ADD debian.tar /
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY npmrc /usr/local/etc/npmrc
COPY ca.crt $ca
RUN chmod 755 /usr/local/bin/node && chmod 644 $ca /usr/local/etc/npmrc && \\
    ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && \\
    ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx && \\
    groupadd -g 1000 node && useradd -u 1000 -g node -m node
ENV NODE_EXTRA_CA_CERTS=$ca
CMD ["node"]
DOCKERFILE

# The classic builder: older engines have no other, and it reaches no registry for a frontend.
DOCKER_BUILDKIT=0 docker build --quiet --tag "$image" "$work"
docker run --rm --network none "$image" sh -c 'node --version && npm --version'
