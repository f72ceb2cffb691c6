# The image of the three programs: balancer (the default), chat-server and chat-client. deploy/CONTAINERS.md says how to use
# it. Both BuildKit and the classic builder can build it.
#
#   docker build -t balancer .
#   docker run --rm -p 20000:20000 balancer 0.0.0.0 10.0.0.5 8090 10.0.0.6 8090

# A label cannot be read from a file, so the version is repeated here; the build fails if the program's version differs.
ARG VERSION=0.1.0

# The dependencies, cached until Package.swift changes. They are fetched here and compiled below together with the sources:
# compiling them in advance saves no time on two cores.
FROM swift:6.3-bookworm AS dependencies
LABEL org.opencontainers.image.title=balancer
WORKDIR /package
COPY Package.swift ./
RUN swift package resolve

FROM dependencies AS build
# The package manager requires the folders of all targets, including those that are not built here.
COPY Tests Tests
COPY benchmarks benchmarks
COPY deploy/programs.c ./
COPY Sources Sources
RUN for program in balancer chat-server chat-client; do \
        swift build -c release --static-swift-stdlib --product "$program" || exit 1; \
    done \
    && cd "$(swift build -c release --show-bin-path)" \
    && clang -O2 -Wall -Werror -c -o programs.o /package/programs.c \
    && sort -u *.product/Objects.LinkFileList >objects \
    && mkdir /programs \
    && swiftc -static-stdlib -Xlinker --gc-sections -Xlinker --strip-all -o /programs/balancer programs.o @objects \
    && ln -s balancer /programs/chat-server \
    && ln -s balancer /programs/chat-client

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title=balancer
RUN groupadd --system --gid 65532 balancer \
    && useradd --system -K SYS_UID_MAX=65532 --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin balancer \
    && install --directory --mode=1777 /run/balancer
COPY deploy/docker-entrypoint /usr/local/bin/
COPY --from=build /programs/ /usr/local/bin/
ARG VERSION
RUN test "$(balancer --version)" = "$VERSION" \
    || { echo "the program's version is $(balancer --version), the label's would be $VERSION: set VERSION in the Dockerfile" >&2; exit 1; }
LABEL org.opencontainers.image.description="A layer 4 (TCP) load balancer, with a chat server and client to try it" \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.base.name=docker.io/library/debian:bookworm-slim \
      org.opencontainers.image.version=$VERSION
ENV BALANCER_ADMIN_SOCKET=/run/balancer/admin.sock
USER 65532:65532
EXPOSE 20000
ENTRYPOINT ["docker-entrypoint"]
CMD ["--help"]
# Healthy means that the balancer serves and a backend is up, or that clients wait because all sessions are taken: to replace
# the container would cut them. A chat server or client has no administration socket and always passes.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=2 \
    CMD test ! -S "$BALANCER_ADMIN_SOCKET" || balancer status || balancer status --lines | grep '^state=full '
