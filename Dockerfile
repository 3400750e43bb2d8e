# Trains the model during the build; the image holds the artifact and the serving install only.

# To pin the base image: docker build --build-arg DIGEST=@sha256:...
ARG DIGEST=""
FROM python:3.13-slim${DIGEST} AS base

# Every package is a wheel whose hash is in requirements/, pip and the build backend included.
FROM base AS source
WORKDIR /source
COPY . .
ENV PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all:
RUN python -m venv /tools \
    && /tools/bin/pip install --require-hashes --requirement requirements/build.txt \
    && /tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM source AS training
RUN python -m venv --without-pip /venv \
    && /tools/bin/pip --python /venv/bin/python install --require-hashes --requirement requirements/training.txt \
    && /tools/bin/pip --python /venv/bin/python install --no-deps --no-index /wheels/*.whl
# The name of a recipe in model/recipes: docker build --build-arg RECIPE=...
ARG RECIPE=wisconsin
RUN /venv/bin/python -m model train "$RECIPE" --output /artifacts/model.joblib

# The serving install, without pandas, matplotlib, pip, and the tests of packages (16 MB). Its
# bytecode is validated by unchecked hash, because some builders round the file times that bytecode
# is compared with.
FROM source AS serving
# Extras, each with a file in requirements/: docker build --build-arg EXTRAS="postgres tracing"
ARG EXTRAS=""
RUN python -m venv --without-pip /venv \
    && for each in serving $EXTRAS; do set -- "$@" --requirement "requirements/$each.txt"; done \
    && /tools/bin/pip --python /venv/bin/python install --no-compile --require-hashes "$@" \
    && /tools/bin/pip --python /venv/bin/python install --no-compile --no-deps --no-index /wheels/*.whl \
    && find /venv -type d -name tests -prune -exec rm -rf {} + \
    && python -m compileall -q --invalidation-mode unchecked-hash /venv

FROM base
LABEL org.opencontainers.image.title="malignancy" \
      org.opencontainers.image.description="A calibrated risk model on a NumPy neural network, served over REST" \
      org.opencontainers.image.licenses="MIT"
COPY --from=serving /venv /venv
COPY --from=training /artifacts/model.joblib /artifacts/model.joblib
ENV PATH=/venv/bin:$PATH \
    MALIGNANCY_ARTIFACT=/artifacts/model.joblib \
    MALIGNANCY_HOST=0.0.0.0 \
    OPENBLAS_NUM_THREADS=1
# The base image has no bytecode of the standard library. Importing the service once writes it for
# the modules in use, so that a start on a read-only file system compiles nothing.
RUN python -c "import service.server.run"
ENV PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8000
# Probes the service wherever it listens: settings, flags, PORT, IPv6, a Unix socket.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", "import sys, service.probe; sys.exit(service.probe.main())"]
ENTRYPOINT ["python", "-m", "service"]
