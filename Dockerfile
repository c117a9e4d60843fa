# The binary and what it needs to speak TLS, nothing else.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN make build
RUN mkdir /data /spool

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/bin/understudy /understudy
COPY --from=build --chown=65532:65532 /data /data
# Request bodies that memory is not to hold.
COPY --from=build --chown=65532:65532 /spool /tmp
USER 65532:65532
WORKDIR /data
ENV UNDERSTUDY_ADDR=0.0.0.0:8080
ENV UNDERSTUDY_STORE=sqlite:/data/understudy.db
EXPOSE 8080
# It asks the address in UNDERSTUDY_ADDR, whatever that is set to.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/understudy", "health"]
ENTRYPOINT ["/understudy"]
CMD ["serve"]
