# The gateway in a container. Beside docker-compose.yml, which sets what it needs to serve:
#   docker build -t dynogate .
FROM python:3.12-slim AS build

# The version of uv.lock; a test holds the two together.
ARG UV_VERSION=0.13.8
RUN pip install --no-cache-dir "uv==${UV_VERSION}"
ENV UV_PROJECT_ENVIRONMENT=/opt/dynogate UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1

WORKDIR /src
# Dependencies first: their layer stays as long as the lock does.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-cache --no-install-project --extra postgres --extra redis
COPY server ./server
RUN uv sync --frozen --no-cache --no-editable --extra postgres --extra redis


FROM python:3.12-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home dynogate \
    && mkdir /data /code \
    && chown dynogate:dynogate /data
COPY --from=build /opt/dynogate /opt/dynogate

ENV PATH=/opt/dynogate/bin:$PATH \
    DYNOGATE_DATA_DIR=/data \
    DYNOGATE_ROOTS=/code
USER dynogate
WORKDIR /code
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
# Binds loopback as everywhere: to serve other machines, say so (see docs/gateway.md).
CMD ["dynogate", "serve"]
