# Two images from one file: `bot` (small, no torch) and `worker` (torch with CUDA's libraries).
# Why the worker starts from plain Python and not from nvidia/cuda: docs/decisions/images.md.

FROM python:3.12-slim-trixie AS base
# HOME is a tmpfs in docker-compose.yml: the root file system is read-only there.
ENV PATH=/opt/beholder/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
RUN groupadd --gid 10001 beholder \
    && useradd --uid 10001 --gid beholder --home-dir /tmp --no-create-home --shell /usr/sbin/nologin beholder
WORKDIR /opt/beholder


# The bot's packages, without our own code: this layer changes only with pyproject.toml and constraints.txt.
FROM base AS bot-packages
WORKDIR /build
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
        open('bot.txt', 'w').write('\n'.join(p['dependencies'])); \
        open('worker.txt', 'w').write('\n'.join(p['optional-dependencies']['worker']))" \
    && python -m venv --without-pip /opt/beholder
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/beholder install --disable-pip-version-check -c constraints.txt -r bot.txt


# The worker's further packages. TORCH_INDEX: the address of a package index with torch for CPUs.
FROM bot-packages AS worker-packages
ARG TORCH_INDEX=""
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/beholder install --disable-pip-version-check -c constraints.txt \
        ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r worker.txt


# Our own code, as a wheel: files copied from a checkout made under umask 077 would be unreadable for the user below.
FROM base AS wheel
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY bot bot
COPY handlers handlers
COPY inference inference
RUN --mount=type=cache,target=/root/.cache/pip \
    pip wheel --disable-pip-version-check --no-deps --wheel-dir /wheels .


FROM base AS bot
# For labels in the similarity matrix: right-to-left scripts, and Chinese and Japanese characters.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libfribidi0 fonts-droid-fallback \
    && rm -rf /var/lib/apt/lists/*
COPY --from=bot-packages /opt/beholder /opt/beholder
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip --python /opt/beholder install --disable-pip-version-check --no-cache-dir --no-deps --no-index /wheels/*.whl
USER 10001:10001
ENTRYPOINT ["beholder"]
CMD ["bot"]
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s --retries=3 CMD ["beholder", "health", "bot"]


FROM base AS worker
# NVIDIA's container toolkit mounts the driver's libraries from the host; CUDA's are in torch's wheels.
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    CUDA_CACHE_PATH=/models/cuda \
    HF_HOME=/models/huggingface \
    HF_HUB_DISABLE_TELEMETRY=1
COPY --from=worker-packages /opt/beholder /opt/beholder
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip --python /opt/beholder install --disable-pip-version-check --no-cache-dir --no-deps --no-index /wheels/*.whl \
    && install -d -o beholder -g beholder /models
USER 10001:10001
ENTRYPOINT ["beholder"]
CMD ["worker"]
# The first start downloads gigabytes of weights: until then the worker counts as starting, not as unhealthy.
HEALTHCHECK --interval=30s --timeout=15s --start-period=30m --retries=3 CMD ["beholder", "health", "worker"]
