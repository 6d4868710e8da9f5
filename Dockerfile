# The sources are built and the packages that run chosen where there is a shell; what is shipped has none.
FROM node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
COPY tools/node24/package.json tools/node24/package.json
# Nothing of a package runs while it is installed.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build --ignore-scripts
RUN npm ci --ignore-scripts --omit dev --omit optional \
  && rm -rf node_modules/node24 \
  && mkdir -p /out/app /out/state /out/config/flags /out/config/served \
  && cp -r package.json node_modules dist /out/app/
COPY LICENSE README.md CHANGELOG.md /out/app/
COPY schemas /out/app/schemas

FROM gcr.io/distroless/nodejs24-debian12:nonroot@sha256:14d42e2511532589a7c7e01a753667a74fcc96266e137e8125006b87b0c32d0a
ENV NODE_ENV=production
COPY --from=build /out/app /app
# Whoever mounts a volume here finds it writable for the user below; the root itself may be read-only.
COPY --from=build --chown=65532:65532 /out/state /var/lib/optoggles
COPY --from=build --chown=65532:65532 /out/config /etc/optoggles
WORKDIR /etc/optoggles
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
# Node's defaults let memory grow to twice what is needed, for nothing that can be measured (bench/RESULTS.md).
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=2", "--heap-growing-percent=50", "/app/dist/cli/main.js"]
CMD ["run", "--config", "/etc/optoggles/optoggles.yaml"]
