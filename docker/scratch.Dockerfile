# The scratch image, for those who build images with Docker. `cargo xtask image` makes it without Docker, for all platforms
# at once; docker/README.md says what differs.
#
#   cargo xtask build --target x86_64-unknown-linux-musl
#   docker build -f docker/scratch.Dockerfile --build-arg MODE=native -t app .
#
# No flag here needs BuildKit, and no variable that BuildKit alone sets is read.
FROM scratch

# Which program of target/dist/bin: a target and the mode that was built for it (`cargo xtask plan` names it).
ARG TARGET=x86_64-unknown-linux-musl
ARG MODE=native
ARG BIN=app

# Accounts, certificates, /tmp and the home of nonroot, as `cargo xtask build` writes them. A tar, since it alone carries
# modes and owners through every builder, checkout and umask.
ADD target/dist/docker/rootfs.tar /
COPY target/dist/bin/${TARGET}/${MODE}/${BIN} /app

# Last, so that another version does not spoil the build cache.
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="${BIN}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      xtask.mode="${MODE}" \
      xtask.target="${TARGET}"

ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/app"]
