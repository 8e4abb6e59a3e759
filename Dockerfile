# The Clearway image, for people who have Docker: docker build -t clearway .
# The release binary and exactly the libraries that it is linked with, on nothing; user 65532; works with a read-only root.
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends mold && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin clearway && mkdir -p /image/etc /image/tmp && chmod 1777 /image/tmp && \
    # Names of functions stay (the CPU profile shows them), debug information does not.
    strip --strip-debug -o /image/clearway target/release/clearway && \
    # Each library at the place where the loader looks for it.
    ldd target/release/clearway | awk '/=> \//{print $3} $1 ~ /^\//{print $1}' | xargs -I{} install -D -m 755 {} /image{} && \
    echo 'clearway:x:65532:65532::/:' >/image/etc/passwd

FROM scratch
COPY --from=build /image /
USER 65532:65532
EXPOSE 10080 10443 18080 18081 18082 19080
ENTRYPOINT ["/clearway"]
