# The image for people with Docker. `make image` builds the same without it: both take the files that
# images/build.ts describes, which are Node, the libraries it names, and our bundles. No shell.
FROM node:24-slim AS build
WORKDIR /source
COPY . .
RUN npm ci && node images/build.ts --directory /image

FROM scratch
COPY --from=build /image /
WORKDIR /app
# a number, so that runAsNonRoot can be checked; nothing is written outside of mounted volumes
USER 10001:10001
ENV PATH=/usr/local/bin HOME=/tmp NODE_ENV=production
ENTRYPOINT ["/usr/local/bin/node"]
