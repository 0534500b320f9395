# An image on a base (distroless, or one of a registry), for those who build images with Docker. `cargo xtask image` makes it
# without Docker, for all platforms at once; docker/README.md says what differs.
#
#   cargo xtask image --target x86_64-unknown-linux-gnu
#   docker build -f docker/distroless.Dockerfile --build-arg IMAGE=app-gnu -t app .
#
# No flag here needs BuildKit, and no variable that BuildKit alone sets is read.
FROM scratch

# Which image of targets.toml, and which program of target/dist/bin: a target and the mode that was built for it
# (`cargo xtask plan` names it).
ARG IMAGE=app
ARG TARGET=x86_64-unknown-linux-gnu
ARG MODE=native
ARG BIN=app

# The base with all that the image adds to it but the program, as `cargo xtask image` proved it with the program. A tar,
# since it alone carries modes and owners through every builder, checkout and umask.
ADD target/dist/docker/${IMAGE}/${TARGET}.tar /
COPY target/dist/bin/${TARGET}/${MODE}/${BIN} /app

# Last, so that another version does not spoil the build cache.
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="${BIN}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      xtask.mode="${MODE}" \
      xtask.target="${TARGET}"

# What distroless bases say of themselves; an image on another base says here what that base says.
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
WORKDIR /home/nonroot
ENTRYPOINT ["/app"]
